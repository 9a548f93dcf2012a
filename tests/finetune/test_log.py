import pytest

from cpruner.finetune import EpochLog, TrainingLog


def _epoch(number: int, accuracy: float, seconds: float = 1.0) -> EpochLog:
    return EpochLog(number, lr=0.1, train_loss=0.5, search_accuracy=accuracy, search_loss=0.7, seconds=seconds)


def test_equal_runs_have_equal_logs_whatever_the_clock_says() -> None:
    assert TrainingLog(0.5, 1.0, (_epoch(1, 0.6, 1.0),)) == TrainingLog(0.5, 1.0, (_epoch(1, 0.6, 2.0),))
    assert _epoch(1, 0.6) != _epoch(1, 0.7)


def test_is_frozen() -> None:
    with pytest.raises(AttributeError):
        _epoch(1, 0.6).lr = 0.2  # type: ignore[misc]
