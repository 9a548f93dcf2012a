import pytest
import torch
from tiny_task import EXAMPLE, SOFT, flops, params, task, widths_of

from cpruner.env import PruningProblem, entry_names
from cpruner.evaluate import score
from cpruner.prepare import prepare
from cpruner.prepared import Prepared
from cpruner.repair import Repair

REPAIR = Repair(images=64, positions=4)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(task(), REPAIR)


def test_candidates_are_built_repaired(prepared: Prepared) -> None:
    candidate = prepared.space.at([1.0, 0.5, 0.75])
    small = prepared.build(candidate)
    assert widths_of(small) == (4, 3, 6)
    assert not small.training
    as_cut = prepare(task(), Repair(images=64, mode="none")).build(candidate)
    assert not torch.equal(small(prepared.statistics.images), as_cut(prepared.statistics.images))
    assert [reading.value for reading in prepared.read(small)] == [flops(4, 3, 6), params(4, 3, 6)]


def test_what_cuts_is_made_once(prepared: Prepared) -> None:
    assert prepared.build is prepared.build


def test_the_returned_network_is_repaired_on_more_images(prepared: Prepared) -> None:
    more = prepare(task(), Repair(images=64, final_images=128))
    assert more.finish.statistics.images.shape[0] == 128
    assert more.finish is more.finish
    candidate = more.space.at([0.5, 0.5, 0.5])
    probe = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(more.finish(candidate)(probe), more.build(candidate)(probe))
    for images in (None, 64, 9):  # never on fewer than in the search
        same = prepare(task(), Repair(images=64, final_images=images))
        assert same.finish is same.build


def test_a_lone_tensor_and_a_tuple_are_the_same_inputs(prepared: Prepared) -> None:
    assert prepared.inputs == (EXAMPLE,)
    assert prepare(task(example_inputs=(EXAMPLE,)), REPAIR).dense == prepared.dense


def test_environments_of_one_task_share_what_they_judged() -> None:
    ready = prepare(task(), REPAIR)
    one, two = ready.env(SOFT), ready.env(SOFT)
    judged = one.judge(ready.space.uniform(0.5))
    assert two.judge.memo == {judged.candidate: judged}
    assert two.judge(ready.space.uniform(0.5)) is judged
    expected = score(ready.build(judged.candidate), ready.task.search)
    assert (judged.score.accuracy, judged.score.images) == (expected.accuracy, 180)
    assert judged.score.loss == pytest.approx(expected.loss, rel=1e-6)  # added up in another order
    assert prepare(task(), REPAIR).env(SOFT).judge.memo == {}


def test_the_agent_is_shown_what_the_surrogate_predicts(prepared: Prepared) -> None:
    shown, hidden = prepared.env(PruningProblem()), prepared.env(PruningProblem(sensitivities=False))
    names = entry_names(shown.problem.constraints)
    seen, plain = (posed.observer.observe([0.5, 1.0]) for posed in (shown, hidden))
    assert len(seen) == len(names)
    assert len(plain) == len(entry_names(shown.problem.constraints, sensitivities=False))
    widths = prepared.space.widths_of([[0.5, 1.0, 1.0]])
    rise = prepared.surrogate.predict(widths) - prepared.surrogate.predict([prepared.space.sizes])
    assert seen[names.index("loss if the rest stays dense")] == pytest.approx(float(rise[0]))
    assert rise[0] > 0


def test_without_anybody_who_asks_there_is_no_surrogate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpruner.prepared.surrogate", None)
    ready = prepare(task(), REPAIR)
    assert ready.env(PruningProblem(sensitivities=False)).reset()[0].shape == (18,)
    with pytest.raises(TypeError):
        ready.env(PruningProblem())
