import pytest

from cpruner.evaluate import Memo


def test_computes_once_and_counts() -> None:
    memo: Memo[tuple[int, ...], float] = Memo()
    calls = []

    def compute() -> float:
        calls.append(1)
        return 0.5

    assert [memo.recall((1, 2), compute) for _ in range(3)] == [0.5] * 3
    assert memo.recall((2, 1), compute) == 0.5
    assert (len(calls), memo.hits, memo.misses, len(memo)) == (2, 2, 2, 2)


def test_a_failure_is_not_kept() -> None:
    memo: Memo[str, int] = Memo()

    def fail() -> int:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        memo.recall("a", fail)
    assert "a" not in memo
    assert (memo.hits, memo.misses) == (0, 0)
    assert memo.recall("a", lambda: 3) == 3


def test_none_and_falsy_values_are_kept() -> None:
    memo: Memo[str, int | None] = Memo()
    for value in (None, 0):
        memo.recall(str(value), lambda value=value: value)
        assert memo.recall(str(value), lambda: 7) == value
    assert memo.hits == 2


def test_behaves_like_a_dictionary() -> None:
    known = {"a": 1}
    memo = Memo(known)
    memo["b"] = 2
    assert dict(memo.items()) == {"a": 1, "b": 2}
    assert list(memo) == ["a", "b"]
    assert memo["a"] == 1
    assert memo.get("c") is None
    assert known == {"a": 1}
    assert memo.recall("a", lambda: 9) == 1
    del memo["a"]
    assert memo.recall("a", lambda: 9) == 9
    with pytest.raises(KeyError):
        memo["c"]


def test_what_is_behind_is_asked_last_and_told_at_once() -> None:
    shared = {"a": 1}
    memo: Memo[str, int] = Memo({"b": 2}, behind=shared)
    assert "a" in memo
    assert memo.recall("a", lambda: 9) == 1
    assert memo.recall("c", lambda: 3) == 3
    assert shared == {"a": 1, "c": 3}
    assert (memo.hits, memo.misses) == (1, 1)
    shared["a"] = 7
    assert memo["a"] == 1  # asked for once
    assert dict(memo) == {"b": 2, "a": 1, "c": 3}
    del memo["c"]
    assert memo["c"] == shared["c"] == 3


def test_what_nobody_knows_is_missing() -> None:
    memo: Memo[str, int] = Memo(behind={})
    assert memo.get("a") is None
    with pytest.raises(KeyError):
        memo["a"]
