import pytest

from cpruner.errors import InputError
from cpruner.report.layout import ListOf, MapOf, check_layout

LAYOUT = {"count": int, "share": (int, float), "names": ListOf(str), "seconds": MapOf((int, float)), "met": bool}
GOOD = {"count": 1, "share": 0.5, "names": ["a"], "seconds": {"x": 1}, "met": True}


def test_good_value_and_unknown_keys_pass():
    check_layout({**GOOD, "more": object()}, LAYOUT)


@pytest.mark.parametrize(
    ("key", "value", "where", "expected"),
    [
        ("count", 1.5, r"result\.count", "int"),
        ("count", True, r"result\.count", "int"),
        ("share", "0.5", r"result\.share", "int or float"),
        ("share", None, r"result\.share", "int or float"),
        ("names", "a", r"result\.names", "list"),
        ("names", ["a", 3], r"result\.names\[1\]", "str"),
        ("seconds", [1], r"result\.seconds", "dict"),
        ("seconds", {"x": "1"}, r"result\.seconds\.x", "int or float"),
        ("met", 1, r"result\.met", "bool"),
    ],
)
def test_wrong_type_is_named(key, value, where, expected):
    with pytest.raises(InputError, match=rf"{where}: expected {expected}, got .*Write it with"):
        check_layout({**GOOD, key: value}, LAYOUT)


@pytest.mark.parametrize("key", sorted(GOOD))
def test_missing_key_is_named(key):
    with pytest.raises(InputError, match=rf"result: expected the key '{key}', got only "):
        check_layout({name: value for name, value in GOOD.items() if name != key}, LAYOUT)
