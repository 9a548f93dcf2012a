"""What the command refuses before it does anything."""

import pytest
from hydra.errors import HydraException
from tiny_job import composed

from cpruner.errors import CprunerError, InputError
from cpruner.schema import to_job

REFUSED = {
    "an unknown option": ("model.colour=red", "colour"),
    "a mistyped option": ("model.width=wide", "model.width"),
    "a fraction for a count": ("agent.update.epochs=2.5", "agent.update.epochs"),
    "null for a number": ("repair.images=null", "repair.images"),
    "an option out of range": ("model.width=0", "model.width"),
    "an unknown choice": ("repair.mode=magic", "repair.mode"),
    "an unknown criterion": ("ranking.criterion=magic", "ranking.criterion"),
    "a relation between two": ("finetune.warmup_epochs=20", "finetune.warmup_epochs"),
    "a malformed option of a budget": ("+constraint.flops.depth=1", "depth"),
    "an unknown member of a group": ("model=alexnet", "model/alexnet"),
    "a class that is no spec": ("agent._target_=os.system", "agent._target_"),
    "a class that is no cost": ("constraint.flops._target_=os.system", "constraint.flops._target_"),
    "an unknown baseline": ("search.baselines=[magic]", "search.baselines"),
    "a negative seed": ("seed=-1", "seed"),
    "no multiple": ("space.multiple_of=-1", "multiple_of"),
    "no threads": ("threads=0", "threads"),
    "workers without a place": ("pool.workers=2", "pool.workers"),
    "an unknown backend": ("pool.backend=cloud", "pool.backend"),
    "no budget": ("constraint.flops=null", "constraint.flops"),
    "a foreign unit": ("constraint.flops.limit=3 ms", "flops"),
    "a limit that is none": ("constraint.flops.limit=small", "flops"),
}


#: One for each way of refusing; the others run with ``-m integration``.
WAYS = {"an unknown option", "an option out of range", "an unknown member of a group", "a class that is no spec"}


@pytest.mark.parametrize(
    ("override", "named"),
    [
        pytest.param(*case, marks=() if name in WAYS else pytest.mark.integration, id=name)
        for name, case in REFUSED.items()
    ],
)
def test_a_mistake_is_refused_by_name(override: str, named: str) -> None:
    with pytest.raises((CprunerError, HydraException)) as refusal:
        to_job(composed(override))
    assert named in f"{refusal.value} {refusal.value.__cause__}"


def test_external_needs_a_function_and_a_limit() -> None:
    with pytest.raises(InputError, match=r"Set constraint\.external\.limit"):
        to_job(composed("constraint=[external]"))
    with pytest.raises(InputError, match=r"Set constraint\.external\.function"):
        to_job(composed("constraint=[external]", "constraint.external.limit=0.5"))
