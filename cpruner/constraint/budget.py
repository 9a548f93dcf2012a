"""Budgets: costs with a limit, and what they say about a network."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from torch import nn

from cpruner.constraint.cost import Cost, Sample
from cpruner.constraint.external import External
from cpruner.constraint.limit import parse_limit
from cpruner.constraint.reading import Reading
from cpruner.errors import InfeasibleError, InputError


@final
@dataclass(frozen=True)
class Budget:
    """The most that a network may cost.

    Args:
        cost: A ``Cost``; or a function ``(network, example_inputs) -> number`` or its dotted path, which becomes an
            ``External``. Reads back as a ``Cost``.
        limit: A number in (0, 1] is a share of the dense network's cost, a number above 1 an amount in the unit of
            the cost; text carries its unit: "3.2 ms", "1.5 GFLOPs", "60 %".
        name: How messages and tables call it; empty: the name of the cost.

    Raises:
        InputError: The cost is none, or the limit is not positive, not finite, above 100 % or in a foreign unit.
    """

    cost: Any
    limit: float | str
    name: str = ""

    def __post_init__(self) -> None:
        """Wrap a function, name the budget, read the limit once so that a slip shows at once."""
        object.__setattr__(self, "cost", _as_cost(self.cost))
        object.__setattr__(self, "name", self.name or self.cost.name)
        self.resolve(dense=1.0)

    @property
    def quiet(self) -> bool:
        """Whether it is measured in the main process while no worker is busy; a cost that is counted need not be."""
        return bool(getattr(self.cost, "quiet", self.cost.counted is None))

    @property
    def structural(self) -> bool:
        """Whether it depends on shapes alone, so that it may be measured before the weights are refit."""
        return bool(getattr(self.cost, "structural", self.cost.counted is not None))

    def resolve(self, dense: float) -> float:
        """Absolute limit, in the unit of the cost.

        Args:
            dense: What the dense network costs, same unit.

        Raises:
            InputError: The limit is relative to a dense cost that is not positive.
        """
        limit = parse_limit(self.limit, self.cost.unit, what=f"limit of budget '{self.name}'")
        if not limit.relative:
            return limit.value
        if not 0 < dense < float("inf"):
            raise InputError(
                f"budget '{self.name}'",
                expected="a dense network with a cost above 0, for a limit that is a share of it",
                got=f"{dense:g} {self.cost.unit}".strip(),
                remedy="Give the limit as an amount with its unit.",
            )
        return limit.value * dense

    def reading(self, sample: Sample, dense: float) -> Reading:
        """Put a measured or predicted cost next to the limit.

        Args:
            sample: What a network costs.
            dense: What the dense network costs.
        """
        limit = self.resolve(dense)
        return Reading(self.name, self.cost.unit, sample.value, sample.spread, limit, dense)


def _as_cost(cost: Any) -> Cost:
    if isinstance(cost, type):
        raise InputError(
            "Budget.cost", expected="a cost", got=f"the class {cost.__name__}", remedy="Make one: add '()'."
        )
    return cost if isinstance(cost, Cost) else External(cost)


def measure_dense(budgets: Sequence[Budget], network: nn.Module, example_inputs: tuple[Any, ...]) -> dict[str, float]:
    """What the dense network costs, by name of the budget; relative limits are shares of these.

    Raises:
        InputError: Two budgets have one name, or a relative limit cannot be resolved.
        CostError: A cost cannot be measured.
    """
    _check_names(budgets)
    dense = {budget.name: budget.cost.measure(network, example_inputs).value for budget in budgets}
    for budget in budgets:
        budget.resolve(dense[budget.name])
    return dense


def read(
    budgets: Sequence[Budget], network: nn.Module, example_inputs: tuple[Any, ...], dense: Mapping[str, float]
) -> tuple[Reading, ...]:
    """Measure every budget on a network.

    Args:
        budgets: Budgets with distinct names.
        network: The network to judge; it is left as it was.
        example_inputs: Positional arguments of one forward call.
        dense: What ``measure_dense`` gave for the dense network.

    Returns:
        One reading per budget, in their order.

    Raises:
        CostError: A cost cannot be measured.
        InputError: Two budgets have one name, or ``dense`` lacks one.
    """
    _check_names(budgets)
    return tuple(
        budget.reading(budget.cost.measure(network, example_inputs), _lookup(dense, budget, "dense"))
        for budget in budgets
    )


def check_reachable(budgets: Sequence[Budget], dense: Mapping[str, float], smallest: Mapping[str, float]) -> None:
    """Refuse a budget that even the smallest network of the space exceeds.

    Args:
        budgets: Budgets with distinct names.
        dense: Cost of the dense network, by name of the budget.
        smallest: Cost of the smallest network, by name of the budget; a budget that is not in it is not checked.

    Raises:
        InfeasibleError: Naming the first such budget, its limit and the smallest value.
    """
    for budget in budgets:
        limit = budget.resolve(_lookup(dense, budget, "dense"))
        least = smallest.get(budget.name, 0.0)
        if limit < least:
            raise InfeasibleError(
                budget.name,
                limit=limit,
                smallest=least,
                unit=budget.cost.unit,
                remedy="Raise the limit to at least this value, or let more of the network be pruned.",
            )


def _check_names(budgets: Iterable[Budget]) -> None:
    seen: set[str] = set()
    for budget in budgets:
        if budget.name in seen:
            remedy = "Tell them apart: Budget(cost, limit, name='...')."
            raise InputError("budgets", expected="a different name each", got=f"'{budget.name}' twice", remedy=remedy)
        seen.add(budget.name)


def _lookup(costs: Mapping[str, float], budget: Budget, what: str) -> float:
    if budget.name in costs:
        return costs[budget.name]
    remedy = "Pass what measure_dense gave for these budgets."
    raise InputError(what, expected=f"the cost of '{budget.name}'", got=f"only {sorted(costs)}", remedy=remedy)
