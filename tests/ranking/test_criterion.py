import inspect

from cpruner.ranking import CRITERIA, Criterion, Evidence
from cpruner.space import Ranking


def test_every_criterion_has_the_signature_of_the_protocol() -> None:
    _, wanted = inspect.signature(Criterion.__call__).parameters.values()
    assert wanted.annotation is Evidence
    for name, criterion in CRITERIA.items():
        (parameter,) = inspect.signature(criterion).parameters.values()
        assert parameter.annotation is Evidence, name
        assert inspect.signature(criterion).return_annotation == Ranking, name
