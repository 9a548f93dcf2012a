import dataclasses
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cpruner.data import TensorBatches
from cpruner.errors import InputError
from cpruner.evaluate import Judging, Scorer, score
from cpruner.evaluate.evaluation_set import Gathered, Streamed

GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.randint(5, (200,), generator=GENERATOR)
IMAGES = torch.nn.functional.one_hot(LABELS, 5) + torch.randn(200, 5, generator=GENERATOR)
DATA = TensorBatches(IMAGES, LABELS, 50)


class Scaled(nn.Module):
    """Logits are the inputs times a number."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))
        self.seen: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        return self.by * images


DENSE = Scaled(1.0)


def made(**options: object) -> Scorer:
    return Scorer.of(DENSE, DATA, Judging(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{}, {"order": "given"}, {"batch_size": 7}, {"memory": 0}, {"channels_last": True}], ids=str
)
def test_all_images_are_judged_whatever_the_way(options: dict[str, object]) -> None:
    candidate = Scaled(2.0)
    found, expected = made(**options)(candidate), score(candidate, DATA)
    assert (found.accuracy, found.images, found.complete) == (expected.accuracy, 200, True)
    assert found.loss == pytest.approx(expected.loss, rel=1e-9)
    log_p, log_q = IMAGES.double().log_softmax(1), (2 * IMAGES).double().log_softmax(1)
    assert found.divergence == pytest.approx(float((log_p.exp() * (log_p - log_q)).sum(1).mean()), rel=1e-6)


def test_the_dense_network_is_judged_as_it_is_and_does_not_diverge_from_itself() -> None:
    judge = made(images=30)
    assert judge.dense == score(DENSE, DATA)
    assert judge(DENSE).divergence == pytest.approx(0, abs=1e-12)


def test_batches_have_the_size_asked_for() -> None:
    candidate = Scaled(1.0)
    made(batch_size=80)(candidate)
    assert candidate.seen == [67, 67, 66]
    assert made().judging.batch_size == 512
    assert made(memory=0).judging.batch_size == 50


def test_images_are_stratified_unless_asked_otherwise() -> None:
    judged, given = made(images=50).images, made(images=50, order="given").images
    assert isinstance(judged, Gathered)
    assert isinstance(given, Gathered)
    expected = 50 * np.bincount(LABELS, minlength=5) / 200
    assert np.abs(np.bincount(judged.labels_N, minlength=5) - expected).max() <= 1
    assert torch.equal(given.inputs_N, IMAGES[:50])
    assert judged.total == given.total == 50
    assert made(images=999).images.total == 200


def test_a_seed_gives_the_order() -> None:
    one, two, other = (made(seed=seed).images.fingerprint for seed in (0, 0, 1))
    assert one == two != other


def test_a_hopeless_candidate_is_abandoned_with_its_estimate() -> None:
    judge = made(abandon=True, batch_size=20, margin=0.05)
    hopeless = Scaled(-1.0)
    found = judge(hopeless, floor=judge.dense.accuracy)
    assert found.images in (20, 40)
    assert (found.complete, found.abandoned) == (False, judge.dense.accuracy)
    assert isinstance(judge.images, Gathered)
    first = TensorBatches(judge.images.inputs_N[: found.images], judge.images.labels_N[: found.images], 50)
    assert found.accuracy == score(hopeless, first).accuracy
    assert found.divergence is not None
    assert len(hopeless.seen) == 1 + found.images // 20


def test_what_is_not_hopeless_is_judged_to_the_end() -> None:
    judge = made(abandon=True, batch_size=20)
    floor = judge.dense.accuracy
    assert judge(DENSE, floor=floor).images == 200
    assert judge(Scaled(-1.0)).images == 200
    assert made(batch_size=20)(Scaled(-1.0), floor=floor).images == 200  # not asked to abandon
    assert made(batch_size=200, abandon=True)(Scaled(-1.0), floor=floor).complete  # nothing left to save


def test_one_from_another_process_judges_alike() -> None:
    judge = made(abandon=True, batch_size=20)
    twin = pickle.loads(pickle.dumps(judge))  # noqa: S301 - our own bytes
    for candidate, floor in ((Scaled(0.3), None), (Scaled(-1.0), 0.9)):
        assert twin(candidate, floor) == judge(candidate, floor)


def test_what_is_measured_is_written_into_the_options() -> None:
    judge = made(mode="measured")
    assert judge.judging.mode == "fixed"
    assert judge.numerics in [tried.numerics for tried in judge.trials]
    assert not made().trials
    again = Scorer.of(DENSE, DATA, judge.judging)
    assert (again.numerics, again.identity) == (judge.numerics, judge.identity)


def test_a_split_that_does_not_fit_can_be_measured_too() -> None:
    judge = made(mode="measured", memory=0)
    assert isinstance(judge.images, Streamed)
    assert judge.trials


def test_sharing_is_no_part_of_the_identity() -> None:
    plain = made()
    shared = dataclasses.replace(plain, judging=dataclasses.replace(plain.judging, memo="somewhere"))
    assert shared.identity == plain.identity != made(images=10).identity


def test_refuses_a_network_without_logits() -> None:
    with pytest.raises(InputError, match="logits of shape"):
        made()(nn.Unflatten(1, (5, 1)))
