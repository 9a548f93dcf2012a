import copy
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import BUDGETS, EXAMPLE, flops, params, task, widths_of
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from cpruner.agent import CrossEntropy, PPOLagrangian, Random, Uniform
from cpruner.candidate import load
from cpruner.cmdp import AgentSpec
from cpruner.constraint import Budget, External, Flops, Latency, Params, Reading
from cpruner.data import Digits
from cpruner.env import PruningProblem
from cpruner.errors import CheckpointError, CostError, InfeasibleError, InputError
from cpruner.evaluate import Score, score
from cpruner.finetune import EpochLog, FineTune
from cpruner.pipeline import AGENT, Settings, prune
from cpruner.repair import Repair
from cpruner.result import Result
from cpruner.search import Progress
from cpruner.space import PruningSpace

PPO = PPOLagrangian(episodes_per_update=3, epochs=3)


class Told:
    """A watcher that writes everything down, and lets a test act at a phase or at an evaluation."""

    def __init__(self, at: Callable[[str], None] = lambda event: None) -> None:
        self.events: list[str] = []
        self.epochs: list[EpochLog] = []
        self.at = at

    def phase(self, name: str) -> None:
        self.tell(name)

    def prepared(self, space: PruningSpace, dense: Iterable[Reading], score: Score) -> None:
        self.tell(f"{len(space.groups)} groups, {[reading.name for reading in dense]}, {score.images} images")

    def evaluation(self, name: str) -> Callable[[Progress], None]:
        return lambda progress: self.tell(f"{name} {progress.evaluations}/{progress.total}")

    def epoch(self, log: EpochLog) -> None:
        self.epochs.append(log)
        self.tell(f"epoch {log.epoch}")

    def tell(self, event: str) -> None:
        self.events.append(event)
        self.at(event)


class Counted:
    """A loader that counts how often it is gone through."""

    def __init__(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        self.batches, self.passes = batches, 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self.passes += 1
        return iter(self.batches)


def settings(**changed: Any) -> Settings:
    quick = {"repair": Repair(images=64, positions=4), "finetune": FineTune(epochs=1), "baselines": {}}
    return Settings(**{**quick, **changed})


def pruned(
    *budgets: Budget,
    agent: AgentSpec | None = None,
    evaluations: int = 6,
    seed: int = 0,
    given: Any = None,
    **changed: Any,
) -> Result:
    """Prune the tiny network with few evaluations; ``given`` goes to the task, ``changed`` to the settings."""
    posed = task(*budgets, **(given or {}))
    return prune(
        posed.model,
        posed.example_inputs,
        train=posed.train,
        search=posed.search,
        budgets=posed.budgets,
        agent=agent or Random(),
        evaluations=evaluations,
        seed=seed,
        settings=settings(**changed),
    )


def weights(model: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


def equal(left: Iterable[Tensor], right: Iterable[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(left, right, strict=True))


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
    assert result.score.accuracy >= result.searched.score.accuracy
    assert result.training.start_accuracy == result.searched.score.accuracy
    assert len(result.training.epochs) == 3


def test_without_fine_tuning_the_searched_network_is_returned() -> None:
    result = pruned(finetune=FineTune(epochs=0))
    assert equal(weights(result.model), weights(result.prepared.build(result.candidate)))
    assert result.score == result.searched.score


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
        "finetune",
        "epoch 1",
        "epoch 2",
    ]
    assert tuple(told.epochs) == result.training.epochs
    assert list(result.seconds) == ["prepare", "search: agent", "search: uniform", "finetune"]
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


@pytest.mark.parametrize("kind", ["batches", "loader"])
def test_the_same_seed_gives_the_same_network_and_another_seed_another(kind: str) -> None:
    def once(seed: int) -> Result:
        given = {} if kind == "batches" else {"train": DataLoader(dataset("train"), batch_size=64, shuffle=True)}
        return pruned(agent=PPO, seed=seed, given=given)

    one, two, other = once(0), once(0), once(1)
    assert one.candidate == two.candidate
    assert one.searches == two.searches
    assert one.training == two.training
    assert equal(weights(one.model), weights(two.model))
    assert other.searches != one.searches


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
    assert {image.numpy().tobytes() for batch in seen if not batch.is_meta for image in batch} <= allowed
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


class TestRunDirectory:
    def test_it_holds_the_artefact_that_was_measured(self, tmp_path: Path) -> None:
        result = pruned(run_dir=tmp_path / "run", baselines={"random": Random()})
        files = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*.*")}
        assert files == {"candidate.json", "weights.safetensors", "search/agent.pt", "search/random.pt"}
        back = load(tmp_path / "run", lambda: copy.deepcopy(task().model))
        assert equal(weights(back), weights(result.model))

    def test_it_changes_nothing_about_the_result(self, tmp_path: Path) -> None:
        inside, outside = pruned(run_dir=tmp_path), pruned()
        assert inside.searches == outside.searches
        assert inside.readings == outside.readings
        assert equal(weights(inside.model), weights(outside.model))

    @pytest.mark.parametrize("stop", ["agent 4/6", "agent 6/6", "random 2/6", "random 6/6", "finetune", "epoch 1"])
    def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(self, stop: str, tmp_path: Path) -> None:
        def interrupt(event: str) -> None:
            if event == stop:
                raise KeyboardInterrupt

        common = {"agent": CrossEntropy(episodes_per_update=2), "baselines": {"random": Random()}}
        whole = pruned(**common)
        with pytest.raises(KeyboardInterrupt):
            pruned(**common, run_dir=tmp_path / "one", watcher=Told(interrupt))
        told = Told()
        resumed = pruned(**common, run_dir=tmp_path / "two", resume=tmp_path / "one", watcher=told)
        assert resumed.searches == whole.searches
        assert resumed.readings == whole.readings
        assert equal(weights(resumed.model), weights(whole.model))
        assert "agent 1/6" not in told.events

    def test_a_run_goes_on_in_its_own_directory_unless_given_another(self, tmp_path: Path) -> None:
        pruned(run_dir=tmp_path, evaluations=3)
        longer = pruned(resume=tmp_path, evaluations=6)
        assert longer.searches == pruned(evaluations=6).searches
        assert len(torch.load(tmp_path / "search" / "agent.pt", weights_only=True)["archive"]) == 6

    @pytest.mark.parametrize(
        ("changed", "named"),
        [
            ({"seed": 1}, "seed"),
            ({"agent": Random(low=0.2)}, "agent"),
            ({"agent": CrossEntropy()}, "agent"),
            ({"repair": Repair(images=32, positions=4)}, "repair"),
            ({"problem": PruningProblem(feasibility="soft")}, "problem"),
            ({"multiple_of": 2}, "multiple_of"),
        ],
    )
    def test_another_run_is_refused(self, changed: dict[str, Any], named: str, tmp_path: Path) -> None:
        pruned(run_dir=tmp_path, evaluations=2)
        with pytest.raises(CheckpointError, match=rf"expected {named} = .*, got .*It belongs to another search"):
            pruned(resume=tmp_path, evaluations=2, **changed)

    def test_another_model_budget_or_constraint_is_refused(self, tmp_path: Path) -> None:
        pruned(run_dir=tmp_path, evaluations=2)
        other = task().model
        with torch.no_grad():
            other[0].weight[0, 0, 0, 0] += 1e-3  # type: ignore[index]
        for named, arguments in (
            ("model", {"given": {"model": other}}),
            ("constraints", {"given": {"budgets": [BUDGETS[0]]}}),
            ("limits", {"given": {"budgets": [BUDGETS[0], Budget(Params(), 0.41)]}}),
            ("limits", {"given": {"example_inputs": torch.zeros(1, 1, 9, 8)}}),
        ):
            with pytest.raises(CheckpointError, match=f"expected {named} = "):
                pruned(resume=tmp_path, evaluations=2, **arguments)

    def test_a_noisy_dense_cost_does_not_keep_a_run_from_going_on(self, tmp_path: Path) -> None:
        calls: list[int] = []

        def joule(model: nn.Module, inputs: Any) -> float:
            calls.append(1)
            return float(sum(widths_of(model))) + 0.001 * len(calls)

        energy = Budget(External(joule, unit="J"), "90 %")
        first = pruned(Budget(Flops(), 0.5), energy, run_dir=tmp_path, evaluations=3)
        longer = pruned(Budget(Flops(), 0.5), energy, resume=tmp_path, evaluations=5)
        assert longer.searches[AGENT].archive[:3] == first.searches[AGENT].archive
        with pytest.raises(CheckpointError, match="expected limits = "):
            pruned(Budget(Flops(), 0.5), Budget(External(joule, unit="J"), "80 %"), resume=tmp_path)

    @pytest.mark.parametrize("damage", ["missing", "truncated"])
    def test_a_run_that_cannot_be_continued_is_refused(self, damage: str, tmp_path: Path) -> None:
        pruned(run_dir=tmp_path, evaluations=2)
        saved = tmp_path / "search" / "agent.pt"
        if damage == "missing":
            saved.unlink()
        else:
            saved.write_bytes(saved.read_bytes()[:200])
        with pytest.raises(CheckpointError, match=r"expected .*agent\.pt"):
            pruned(run_dir=tmp_path / "new", resume=tmp_path)


class Meter:
    """A cost whose numbers get worse once it is switched to ``worse``: channels in all, plus what is added."""

    def __init__(self) -> None:
        self.added: Callable[[nn.Module], float] = lambda model: 0.0

    def __call__(self, model: nn.Module, inputs: Any) -> float:
        return float(sum(widths_of(model))) + self.added(model)

    def budget(self, limit: float) -> Budget:
        return Budget(External(self, name="meter", unit="W"), limit)


class TestCostsThatDoNotHold:
    """``at`` moves the meter between the phases of a run."""

    def test_none_that_holds_when_measured_again_is_an_error_that_says_so(self) -> None:
        meter = Meter()

        def at(event: str) -> None:
            if event == "agent 6/6":
                meter.added = lambda model: 5.5

        with pytest.raises(InfeasibleError, match="met once but not when measured again") as caught:
            pruned(meter.budget(8), watcher=Told(at), problem=PruningProblem(lowest=0.0), agent=Uniform([0.4, 0.1]))
        error = caught.value
        assert (error.constraint, error.limit, error.unit) == ("meter", 8.0, "W")
        assert error.smallest == 3 + 5.5  # (1, 1, 1) measured again
        assert error.smallest > error.limit

    def test_the_best_that_holds_twice_is_taken(self) -> None:
        meter = Meter()

        def at(event: str) -> None:
            if event == "agent 8/8":
                meter.added = lambda model: 0.0 if sum(widths_of(model)) <= 6 else 100.0

        result = pruned(meter.budget(9), evaluations=8, watcher=Told(at))
        ranked = result.searches[AGENT].ranked
        assert result.searched == next(judged for judged in ranked if sum(judged.candidate.widths) <= 6)
        assert result.searched != ranked[0]

    def test_a_network_that_fails_after_fine_tuning_is_not_returned_but_kept_on_disk(self, tmp_path: Path) -> None:
        meter = Meter()

        def at(event: str) -> None:
            if event == "finetune":
                meter.added = lambda model: 50.0

        with pytest.raises(InfeasibleError, match="held during the search but not on the saved network") as caught:
            pruned(meter.budget(9), watcher=Told(at), run_dir=tmp_path, agent=Uniform([0.4]))
        assert (caught.value.constraint, caught.value.smallest) == ("meter", 57.0)  # 2 + 2 + 3 channels
        assert sum(widths_of(load(tmp_path, lambda: task().model))) == 7

    def test_a_cost_that_fails_in_the_middle_is_named(self) -> None:
        meter = Meter()

        def at(event: str) -> None:
            if event == "agent 2/6":
                meter.added = lambda model: float("nan")

        with pytest.raises(CostError, match="cost 'meter': expected a finite number, got nan"):
            pruned(meter.budget(9), watcher=Told(at))


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


def test_ppo_lagrangian_and_two_baselines_are_the_default() -> None:
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
    assert Settings().baselines == {"uniform": Uniform(), "random": Random()}
    assert list(result.searches) == [AGENT, "uniform", "random"]
    assert result.seed == 0
