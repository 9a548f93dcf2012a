from pathlib import Path

import pytest

from cpruner.agent import Random
from cpruner.errors import InputError
from cpruner.settings import AGENT, Settings


def test_a_baseline_may_not_be_called_like_the_agent() -> None:
    with pytest.raises(InputError, match="names other than 'agent'"):
        Settings(baselines={AGENT: Random()})


def test_folders_may_be_text_and_a_resumed_run_goes_on_in_its_own() -> None:
    settings = Settings(resume="runs/one")  # type: ignore[arg-type]
    assert settings.resume == settings.run_dir == Path("runs/one")
    assert Settings(run_dir="runs/two").run_dir == Path("runs/two")  # type: ignore[arg-type]
    assert Settings().run_dir is None


def test_every_default_is_its_own() -> None:
    assert Settings().baselines is not Settings().baselines
    assert Settings().polish.steps == 0
