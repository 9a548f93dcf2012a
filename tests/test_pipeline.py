from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import Told, equal, pruned, settings, weights
from tiny_task import BUDGETS, EXAMPLE, flops, params, task, widths_of
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from cpruner.agent import Clipped, Plan, Random, Uniform, ppo_lagrangian
from cpruner.constraint import Budget, Flops, Latency, Params
from cpruner.data import Digits
from cpruner.env import PruningProblem
from cpruner.errors import InfeasibleError, InputError
from cpruner.evaluate import score
from cpruner.finetune import FineTune
from cpruner.pipeline import prune
from cpruner.ranking import Evidence, Rank, rank
from cpruner.repair import Repair
from cpruner.result import Result
from cpruner.settings import AGENT, Settings

PPO = ppo_lagrangian(episodes_per_update=3, update=Clipped(epochs=3))


class Counted:
    """A loader that counts how often it is gone through."""

    def __init__(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        self.batches, self.passes = batches, 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self.passes += 1
        return iter(self.batches)


def test_every_budget_is_met_by_a_network_that_really_is_smaller() -> None:
    result = pruned(agent=PPO, evaluations=7, baselines={"uniform": Uniform(), "random": Random()})
    a, b, c = widths_of(result.model)
    assert result.candidate.widths == (a, b, c)
    assert [reading.value for reading in result.readings] == [flops(a, b, c), params(a, b, c)]
    assert all(reading.satisfied for reading in result.readings)
    assert sum(parameter.numel() for parameter in result.model.parameters()) <= 324
    assert result.model(torch.zeros(5, 1, 8, 8)).shape == (5, 10)
    assert not result.model.training
    assert list(result.searches) == [AGENT, "uniform", "random"]
    assert [len(found.archive) for found in result.searches.values()] == [7, 7, 7]
    assert [len(found.updates) for found in result.searches.values()] == [2, 7, 7]
    assert result.searched == result.searches[AGENT].best
    assert set(result.searches[AGENT].updates[-1].multipliers) == {"flops", "params"}


def test_it_is_scored_on_the_search_split_and_fine_tuning_never_makes_it_worse() -> None:
    result = pruned(finetune=FineTune(epochs=3, lr=0.05))
    assert result.score == score(result.model, task().search)
    assert result.score.accuracy >= result.training.start_accuracy
    repaired = result.prepared.finish(result.candidate)
    assert result.training.start_accuracy == score(repaired, task().search).accuracy
    assert len(result.training.epochs) == 3


def test_without_fine_tuning_the_searched_network_is_returned() -> None:
    result = pruned(finetune=FineTune(epochs=0))
    assert equal(weights(result.model), weights(result.prepared.finish(result.candidate)))
    assert not equal(weights(result.model), weights(result.prepared.build(result.candidate)))


def test_repaired_as_in_the_search_it_scores_as_in_the_search() -> None:
    result = pruned(finetune=FineTune(epochs=0), repair=Repair(images=64, final_images=None))
    assert equal(weights(result.model), weights(result.prepared.build(result.candidate)))
    searched = result.searched.score
    assert (result.score.accuracy, result.score.images) == (searched.accuracy, searched.images)
    assert result.score.loss == pytest.approx(searched.loss, rel=1e-6)  # added up in another order


@pytest.mark.integration
def test_fine_tuning_follows_the_dense_network_and_the_seed() -> None:
    shuffled = Digits(search_share=0.1, test_share=0.6).load(0).train

    def tuned(seed: int, distill_weight: float) -> list[Tensor]:
        spec = FineTune(epochs=1, distill_weight=distill_weight)
        return weights(
            pruned(agent=Uniform(), evaluations=1, seed=seed, finetune=spec, given={"train": shuffled}).model
        )

    reference = tuned(0, 0.9)
    assert equal(reference, tuned(0, 0.9))
    assert not equal(reference, tuned(0, 0.0))  # without a teacher the share would not matter
    assert not equal(reference, tuned(1, 0.9))  # shuffled differently


def test_the_watcher_hears_everything_in_order() -> None:
    told = Told()
    result = pruned(evaluations=2, baselines={"uniform": Uniform()}, finetune=FineTune(epochs=2), watcher=told)
    assert told.events == [
        "prepare",
        "3 groups, ['flops', 'params'], 180 images",
        "search: agent",
        "agent 1/2",
        "agent 2/2",
        "search: uniform",
        "uniform 1/2",
        "uniform 2/2",
        "repair",
        "finetune",
        "epoch 1",
        "epoch 2",
        "close",
    ]
    assert tuple(told.epochs) == result.training.epochs
    assert list(result.seconds) == ["prepare", "search: agent", "search: uniform", "repair", "finetune"]
    assert all(seconds > 0 for seconds in result.seconds.values())


def test_the_model_and_the_random_state_stay_as_they_were() -> None:
    model = task().model.train()
    model[4].eval()  # type: ignore[index]
    before, modes, random = weights(model), [module.training for module in model.modules()], torch.get_rng_state()
    train, search = (DataLoader(dataset(part), batch_size=64, shuffle=True) for part in ("train", "search"))
    pruned(given={"model": model, "train": train, "search": search}, agent=PPO)
    assert equal(weights(model), before)
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


def dataset(part: str) -> TensorDataset:
    batches: Any = getattr(task(), part)
    return TensorDataset(batches.images, batches.labels)


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["batches", "loader"])
def test_the_same_seed_gives_the_same_network_and_another_seed_another(kind: str) -> None:
    def once(seed: int) -> Result:
        given = {} if kind == "batches" else {"train": DataLoader(dataset("train"), batch_size=64, shuffle=True)}
        return pruned(agent=PPO, seed=seed, given=given)

    one = once(0)
    torch.rand(3)  # whatever else the program draws
    two, other = once(0), once(1)
    assert one.candidate == two.candidate
    assert one.searches == two.searches
    assert one.training == two.training
    assert equal(weights(one.model), weights(two.model))
    assert other.searches != one.searches


@pytest.mark.integration
def test_data_that_was_shuffled_before_does_not_change_the_run() -> None:
    shuffled = Digits(search_share=0.1, test_share=0.6).load(0).train
    one, two = (pruned(given={"train": shuffled}) for _ in range(2))  # reading it once moves its generator on
    assert one.searches == two.searches
    assert equal(weights(one.model), weights(two.model))


def test_the_test_split_is_never_touched() -> None:
    splits = Digits(search_share=0.1, test_share=0.6).load(0)
    train, search, test = Counted(splits.train_eval), Counted(splits.search), Counted(splits.test)
    seen: list[Tensor] = []
    posed = task()
    posed.model.register_forward_pre_hook(lambda module, args: seen.append(args[0].clone()))
    pruned(given={"model": posed.model, "train": train, "search": search})
    assert train.passes > 0
    assert search.passes > 0
    assert test.passes == 0
    allowed = {image.numpy().tobytes() for batches in (splits.train_eval, splits.search) for image, _ in rows(batches)}
    allowed.add(EXAMPLE[0].numpy().tobytes())
    counted = [batch for batch in seen if batch.is_meta]  # FLOPs are counted without numbers
    assert len(counted) < len(seen)
    run = [batch.float() for batch in seen if not batch.is_meta]  # the proof of the space runs in float64
    assert {image.numpy().tobytes() for batch in run for image in batch} <= allowed
    assert any(len(batch) > 1 for batch in seen)


def rows(batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    for images, labels in batches:
        yield from zip(images, labels, strict=True)


def test_a_latency_budget_is_measured_on_what_is_returned() -> None:
    latency = Budget(Latency(batch_size=2, warmup=1, repeats=3), "1000 ms")
    result = pruned(*BUDGETS, latency)
    reading = result.readings[2]
    assert (reading.name, reading.unit, reading.limit) == ("latency", "ms", 1000.0)
    assert 0 < reading.value <= 1000.0
    assert result.searches[AGENT].archive[0].readings[2].value != reading.value


def test_a_callable_is_a_budget() -> None:
    def memory(model: nn.Module, inputs: tuple[Tensor, ...]) -> float:
        assert torch.equal(inputs[0], EXAMPLE)
        return float(max(widths_of(model)))

    result = pruned(Budget(Flops(), 0.6), Budget(memory, 5), evaluations=10)
    assert max(widths_of(result.model)) <= 5
    assert result.readings[1].name == "memory"


def test_when_nothing_feasible_is_found_the_budget_is_named() -> None:
    agent = Uniform([0.9])
    with pytest.raises(InfeasibleError, match="None of 3 candidates met every budget") as caught:
        pruned(Budget(Params(), 0.3), agent=agent, evaluations=3, problem=PruningProblem(feasibility="soft"))
    assert (caught.value.constraint, caught.value.smallest) == ("params", params(4, 5, 7))


@pytest.mark.parametrize("evaluations", [0, -3, 2.5, True, "many", None])
def test_a_number_of_evaluations_that_is_none_is_refused_at_once(evaluations: Any) -> None:
    train = Counted([])
    with pytest.raises(InputError, match=r"evaluations: expected an integer of at least 1, got "):
        pruned(evaluations=evaluations, given={"train": train})
    assert train.passes == 0


def test_a_baseline_cannot_take_the_name_of_the_agent() -> None:
    with pytest.raises(InputError, match=r"baselines: expected names other than 'agent'"):
        settings(baselines={AGENT: Uniform()})


def test_directories_may_be_given_as_text() -> None:
    assert settings(run_dir="runs/a").run_dir == Path("runs/a")
    assert (settings().run_dir, settings().resume) == (None, None)
    both = settings(resume="runs/a")
    assert (both.resume, both.run_dir) == (Path("runs/a"), Path("runs/a"))
    assert settings(resume="runs/a", run_dir="runs/b").run_dir == Path("runs/b")


def test_candidates_keep_the_channels_of_the_ranking_asked_for() -> None:
    space = pruned(agent=Uniform(), evaluations=1, ranking=Rank("l1")).prepared.space
    assert space.ranking == rank(Evidence(task().model, space, spec=Rank("l1")))
    assert space.ranking != pruned(agent=Uniform(), evaluations=1).prepared.space.ranking


def test_ppo_lagrangian_and_three_baselines_are_the_default() -> None:
    told = Told()
    posed = task()
    result = prune(
        posed.model,
        EXAMPLE,
        train=posed.train,
        search=posed.search,
        budgets=BUDGETS,
        evaluations=2,
        settings=Settings(repair=Repair(images=64), finetune=FineTune(epochs=0), watcher=told),
    )
    assert Settings().baselines == {"uniform": Uniform(), "random": Random(), "knapsack": Plan()}
    assert list(result.searches) == [AGENT, "uniform", "random", "knapsack"]
    assert result.seed == 0
