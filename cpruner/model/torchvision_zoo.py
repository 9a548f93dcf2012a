"""Every classification network of torchvision, by its name there."""

import difflib
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.model.seeded import seeded
from cpruner.model.weights import load_weights
from cpruner.spec import check, option

COLOURS = 3
WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


@final
@dataclass(frozen=True)
class Torchvision:
    """A network of ``torchvision.models``, such as resnet50, mobilenet_v2 or vit_b_16."""

    name: str = option("resnet18", "name of a classification network in torchvision.models")
    weights: str | None = option(
        None, "a .safetensors file, or torchvision's name such as DEFAULT (downloads); or null"
    )
    seed: int = option(0, "seed of the initial weights", low=0)

    def __post_init__(self) -> None:
        check(self)

    @property
    def pretrained(self) -> bool:
        """Whether the network comes with trained weights."""
        return self.weights is not None

    def build(self, classes: int, example: Tensor) -> nn.Module:
        """Make the network for colour images, in eval mode.

        Raises:
            InputError: If torchvision has no such network or weights, the images do not have three channels, or the
                weights belong to another network or number of classes.
        """
        from torchvision import models  # here, because importing torchvision takes a second

        known = models.list_models(module=models)
        if self.name not in known:
            close = difflib.get_close_matches(self.name, known) or known[:3]
            raise InputError(
                "Torchvision.name",
                expected=f"one of torchvision's {len(known)} classification networks",
                got=repr(self.name),
                remedy=f"Did you mean {', '.join(close)}?",
            )
        if example.shape[1] != COLOURS:
            raise InputError(
                f"images for {self.name}",
                expected="three channels",
                got=f"{example.shape[1]}",
                remedy="Use colour images, or model=small_resnet, which takes any number of channels.",
            )
        return self._build(models, classes)

    def _build(self, models: Any, classes: int) -> nn.Module:
        from_file = self.weights is not None and self.weights.endswith(".safetensors")
        published = None if from_file else self.weights
        options: dict[str, Any] = {"weights": published, "num_classes": classes}
        if self.name in WITH_AUXILIARY_HEADS:
            options["aux_logits"] = False  # else the output in training mode is a tuple
            if published is None:
                options["init_weights"] = True  # else torchvision warns that this default will change
        with seeded(self.seed):
            try:
                network: nn.Module = models.get_model(self.name, **options)
            except (ValueError, KeyError, OSError) as error:
                raise InputError(
                    "Torchvision.weights",
                    expected=f"weights of {self.name} for {classes} classes",
                    got=f"{published!r}: {error}",
                    remedy="Use null, a .safetensors file, or data with the classes these weights were trained for.",
                ) from error
        if from_file and self.weights is not None:
            load_weights(network, self.weights)
        return network.eval()
