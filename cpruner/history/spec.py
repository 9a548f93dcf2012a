"""What a run keeps for later ones, and what it takes over from earlier ones."""

from dataclasses import dataclass
from typing import final

from cpruner.errors import InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Past:
    """Options of the history; docs/history.md says what they do."""

    store: str | None = option(None, "SQLite file that every judged candidate goes to; null keeps none")
    judgements: bool = option(True, "take over what was judged under the same conditions, whatever the budgets were")
    assistant: bool = option(False, "let the assistant learn from what was judged under the same conditions before")
    solutions: int = option(0, "earlier solutions that the agent imitates before its first episode; 0: none", low=0)
    near: float = option(0.25, "solutions for limits at most this share away go first", low=0.01)
    others: bool = option(True, "imitate solutions of other networks, where there are too few of its own")
    imitation: int = option(300, "gradient steps of the imitation", low=1)
    imitation_lr: float = option(0.003, "step size of Adam for them", low=0.0)
    exploration: float = option(
        0.5, "share of the initial exploration left to an agent that was taught or transferred", low=0.0, high=1.0
    )
    replay: int = option(0, "earlier episodes that go into the replay of an off-policy agent; 0: none", low=0)
    policy: str | None = option(None, "checkpoint of a search whose policy the agent begins with; null begins anew")

    def __post_init__(self) -> None:
        check(self)
        if self.store is None and (self.solutions or self.replay or self.assistant):
            raise InputError(
                "Past.store",
                expected="a file, where solutions or episodes are to be taken over",
                got="null",
                remedy="Name the file, or set solutions=0, replay=0 and assistant=false.",
            )

    @property
    def origin(self) -> str:
        """What a run was given besides its options, as text for ``Run.origin``; empty if nothing."""
        given = {"assistant": self.assistant, "solutions": self.solutions, "replay": self.replay, "policy": self.policy}
        return ", ".join(f"{name}={value}" for name, value in given.items() if value)
