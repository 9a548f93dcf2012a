"""The table of labels that a plan refers to by number."""

from cpruner.candidate import Labels


class Table:
    """Hands out one number for every distinct vector of labels."""

    def __init__(self) -> None:
        self.entries: list[Labels] = []
        self._number: dict[Labels, int] = {}

    def number(self, labels: Labels) -> int:
        """Place of some labels, added when new."""
        if labels not in self._number:
            self._number[labels] = len(self.entries)
            self.entries.append(labels)
        return self._number[labels]
