"""Arguments of an op by name: backends have the same ones at different places."""

from typing import Any

from cpruner.space.run import Call


def given(call: Call) -> dict[str, Any]:
    """Every argument that was given, by the name it has in the op's schema."""
    names = [argument.name for argument in call.function._schema.arguments]
    return {**dict(zip(names, call.args, strict=False)), **call.kwargs}
