"""Which module a tensor belongs to."""


def module_of(tensor: str) -> tuple[str, str]:
    """Path of the module a tensor belongs to and its name there, with parametrisations and masks looked through."""
    path, _, name = tensor.rpartition(".")
    if ".parametrizations." in f".{tensor}":
        path, _, rest = f".{tensor}".partition(".parametrizations.")
        return path.removeprefix("."), rest.split(".")[0]
    return path, name.removesuffix("_orig").removesuffix("_v")
