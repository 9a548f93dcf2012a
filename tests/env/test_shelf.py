import dataclasses
import pickle
from pathlib import Path

import pytest
from tiny_task import env, judgement, space

from cpruner.candidate import Candidate
from cpruner.env import Judgement, Shelf
from cpruner.env.shelf import digest
from cpruner.errors import InputError
from cpruner.evaluate import Memo, Score, Store


def shelf(folder: Path, task: str = "task") -> Shelf:
    return Shelf(Store(folder / "memo.sqlite", task), space().plan)


def test_what_one_run_has_judged_another_need_not(tmp_path: Path) -> None:
    built: list[list[Candidate]] = [[], []]
    judges = []
    for collected in built:
        memo: Memo[Candidate, Judgement] = Memo(behind=shelf(tmp_path))
        judges.append(dataclasses.replace(env(built=collected).judge, memo=memo))
    one, two = judges
    judged = one(space().uniform(0.5))
    assert two(space().uniform(0.5)) == judged
    assert [len(collected) for collected in built] == [1, 0]
    other = two(space().uniform(0.8))
    assert one(space().uniform(0.8)) == other
    assert (one.memo.hits, one.memo.misses) == (1, 1)


def test_the_runs_of_another_task_are_none_of_its_business(tmp_path: Path) -> None:
    given = judgement((1, 2, 3), flops=0.5)
    shelf(tmp_path)[given.candidate] = given
    assert shelf(tmp_path)[given.candidate] == given
    with pytest.raises(KeyError):
        shelf(tmp_path, "other")[given.candidate]


def test_estimates_are_not_shared(tmp_path: Path) -> None:
    given = judgement((1, 2, 3), flops=0.5)
    shelf(tmp_path)[given.candidate] = dataclasses.replace(given, score=Score(0.5, 1.0, 5, None, 0.9))
    assert len(shelf(tmp_path).store) == 0


def test_a_memo_with_one_behind_can_be_sent_to_another_process(tmp_path: Path) -> None:
    given = judgement((1, 2, 3), flops=0.5)
    memo: Memo[Candidate, Judgement] = Memo(behind=shelf(tmp_path))
    twin = pickle.loads(pickle.dumps(memo))  # noqa: S301 - our own bytes
    memo[given.candidate] = given
    assert twin[given.candidate] == given


def test_digests_tell_candidates_apart() -> None:
    kept = [((0,), (0,), (0,)), ((0,), (0,), (1,)), ((0, 1), (0,), (1,)), ((0,), (0, 1), (1,))]
    candidates = [Candidate(groups, space().plan) for groups in kept]
    assert len({digest(candidate) for candidate in candidates}) == 4
    assert digest(candidates[0]) == digest(Candidate(kept[0], space().plan))


@pytest.mark.parametrize("record", [{}, [], {"kept": [[0], [0]], "score": {}, "readings": []}, {"kept": [[99]] * 3}])
def test_a_record_that_is_none_is_refused(record: object, tmp_path: Path) -> None:
    given = judgement((1, 2, 3))
    held = shelf(tmp_path)
    held.store.put(digest(given.candidate), record)
    with pytest.raises(InputError, match=r"memo .*memo\.sqlite: expected judgements as cpruner writes them"):
        held[given.candidate]
