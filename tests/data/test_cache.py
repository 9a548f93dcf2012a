from pathlib import Path

import pytest

from cpruner.data import data_cache


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [
        ("/a/own", "/a/xdg", "/a/own"),
        (None, "/a/xdg", "/a/xdg/cpruner"),
        ("", "/a/xdg", "/a/xdg/cpruner"),
        (None, None, "/home/me/.cache/cpruner"),
        ("~/mine", None, "/home/me/mine"),
    ],
)
def test_first_variable_that_is_set_wins(
    monkeypatch: pytest.MonkeyPatch, own: str | None, shared: str | None, expected: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in (("CPRUNER_CACHE", own), ("XDG_CACHE_HOME", shared)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert data_cache() == Path(expected)
