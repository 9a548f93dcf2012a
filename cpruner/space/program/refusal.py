"""Why a module cannot be given a program."""


class RefusalError(Exception):
    """A module cannot be given a program; the text says why."""
