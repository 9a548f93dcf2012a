"""What cpruner promises about a network, checked on your own: call it from a test of your model."""

import copy
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from cpruner.candidate import Candidate, materialise
from cpruner.constraint.steady import without_gradients
from cpruner.errors import CprunerError
from cpruner.space import PruningSpace, as_inputs, fresh, tensors_of, trace, untouched
from cpruner.testing.picture import picture, same


def check_model(
    model: nn.Module, example_inputs: Any, *, candidates: int = 3, seed: int = 0, exact_flops: bool = True
) -> PruningSpace:
    """Trace a network, cut several candidates out of it and check that the smaller networks keep every promise.

    The promises: a smaller network computes what the dense one computes without the removed channels (in float64,
    to 1e-5 of the largest result); its parameters and FLOPs are those that were counted beforehand; it has the tensor
    names, types and modes of the dense network, learns, can be copied and restored from its state; a candidate
    survives its JSON text; and the dense network is left as it was: weights, buffers, gradients, flags, attributes,
    hooks, inputs and random state, bit for bit.

    Args:
        model: A network that gives the same output twice in eval mode.
        example_inputs: One tensor, or a tuple of positional arguments.
        candidates: How many random candidates, beside the dense, the half and the smallest one.
        seed: Seed of the candidates.
        exact_flops: False where torch takes fewer multiplications than a matrix product would (``einsum`` with an axis
            of length one, ``multi_dot``); then the count is only a bound. It is not compared where the numbers decide
            how much there is to do (experts that a router picks).

    Returns:
        The space, for checks of your own (say, which groups it has).

    Raises:
        AssertionError: Naming the promise that is broken and the candidate that broke it.
    """
    inputs = as_inputs(example_inputs)
    before = picture(model, inputs)
    try:
        space = trace(model, inputs)
        _unchanged(model, inputs, before, "tracing")
        proof = space.verify(model, inputs, candidates=candidates, seed=seed)
    except CprunerError as error:
        raise AssertionError(f"{type(model).__name__} breaks the contract of a model: {error}") from error
    names = [group.name for group in space.groups if group not in proof.space.groups]
    _demand(not names, f"in {proof.dtype} the groups {', '.join(names)} do not hold", model)
    generator = np.random.default_rng(seed)
    chosen = [space.dense(), space.uniform(0.5), space.smallest()]
    for candidate in dict.fromkeys([*chosen, *(space.random(generator) for _ in range(candidates))]):
        _Check(model, inputs, space, candidate, exact_flops).run()
    _unchanged(model, inputs, before, "cutting smaller networks")
    return space


def _demand(kept: bool, what: str, model: nn.Module) -> None:
    if not kept:
        raise AssertionError(f"{type(model).__name__} breaks the contract of a model: {what}")


def _unchanged(model: nn.Module, inputs: tuple[Any, ...], before: dict[str, Any], doing: str) -> None:
    after = picture(model, inputs)
    for what, old in before.items():
        _demand(same(old, after[what]), f"{doing} changed {what}", model)


@final
@dataclass(frozen=True)
class _Check:
    """One candidate of one network."""

    model: nn.Module
    inputs: tuple[Any, ...]
    space: PruningSpace
    candidate: Candidate
    exact_flops: bool

    def run(self) -> None:
        with torch.random.fork_rng(devices=[]):
            small = materialise(self.model, self.candidate)
            self._structure(small)
            self._counts(small)
            self._text(small)
            self._fused()
            self._copies(small)
            self._learns(small)
            self._other_batch(small)

    def _demand(self, kept: bool, what: str) -> None:
        _demand(kept, f"with widths {self.candidate.widths} {what}", self.model)

    def _counts(self, small: nn.Module) -> None:
        counts = self.space.count(self.candidate)
        parameters = sum(parameter.numel() for parameter in small.parameters())
        self._demand(parameters == counts.params, f"it has {parameters} parameters, not {counts.params:.0f}")
        with without_gradients(small), _Sizes() as sizes, FlopCounterMode(display=False) as counter:
            _outputs(small, self.inputs)
        if sizes.decided:
            return
        flops = counter.get_total_flops()
        kept = flops == counts.flops if self.exact_flops else flops <= counts.flops
        self._demand(kept, f"it takes {flops} FLOPs, not {counts.flops:.0f}")

    def _structure(self, small: nn.Module) -> None:
        dense, own = _tensors(self.model), _tensors(small)
        self._demand(list(dense) == list(own), "its tensors have other names")
        kinds = [(tensor.dtype, tensor.device) for tensor in own.values()]
        self._demand(kinds == [(t.dtype, t.device) for t in dense.values()], "its tensors are of other types")
        flags = [parameter.requires_grad for parameter in small.parameters()]
        self._demand(flags == [p.requires_grad for p in self.model.parameters()], "other parameters learn")
        modes = [module.training for module in small.modules()]
        self._demand(modes == [module.training for module in self.model.modules()], "its modules are in other modes")

    def _text(self, small: nn.Module) -> None:
        read = Candidate.from_json(self.candidate.to_json())
        self._demand(read == self.candidate, "the candidate is another one after its JSON text")
        again = materialise(self.model, read)
        self._demand(same(_tensors(small), _tensors(again)), "the candidate's JSON text cuts another network")

    def _fused(self) -> None:
        """With torch's fused kernels, as users run it, and without, as it was compared, it computes the same."""
        small = materialise(self.model, self.candidate)
        wanted = _outputs(small, self.inputs)
        with torch.no_grad():
            found = tensors_of(small.eval()(*fresh(self.inputs)))
        close = all(_near(one, other) for one, other in zip(found, wanted, strict=True))
        self._demand(close, "torch's fused kernels compute something else")

    def _copies(self, small: nn.Module) -> None:
        """A deep copy, if the dense network can be copied; a network of other weights that loads the state."""
        wanted = _outputs(small, self.inputs)
        if _copied(self.model) is not None:
            twin = copy.deepcopy(small)
            self._demand(same(wanted, _outputs(twin, self.inputs)), "a deep copy computes something else")
            pointers = {tensor.data_ptr() for tensor in _tensors(small).values() if tensor.numel()}
            shared = pointers & {tensor.data_ptr() for tensor in _tensors(twin).values() if tensor.numel()}
            self._demand(not shared, "a deep copy shares memory with it")
        blank = materialise(self.model, self.candidate)
        for tensor in _tensors(blank).values():
            tensor.detach().zero_()
        blank.load_state_dict(small.state_dict())
        self._demand(same(wanted, _outputs(blank, self.inputs)), "its state restores another network")

    def _learns(self, small: nn.Module) -> None:
        """Every parameter that receives a gradient in the dense network receives a finite one."""
        wanted, found = (_gradients(network, self.inputs) for network in (self.model, small))
        self._demand(wanted.keys() <= found.keys(), f"no gradient reaches {sorted(wanted.keys() - found.keys())[:3]}")
        broken = [name for name, finite in found.items() if wanted.get(name) and not finite]
        self._demand(not broken, f"the gradient of {broken[:3]} is not finite")

    def _other_batch(self, small: nn.Module) -> None:
        """Runs on twice the batch if the dense network does."""
        larger = tuple(torch.cat([x, x]) if isinstance(x, Tensor) and x.ndim else x for x in self.inputs)
        try:
            wanted = [tensor.shape for tensor in _outputs(self.model, larger)]
        except Exception:  # whatever the model raises on a batch it does not take
            return
        found = [tensor.shape for tensor in _outputs(small, larger)]
        self._demand(found == wanted, "twice the batch gives results of other shapes")


class _Sizes(TorchDispatchMode):
    """Sees whether numbers decide the size of a tensor."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.decided = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.decided |= torch.Tag.dynamic_output_shape in func.tags
        return func(*args, **(kwargs or {}))


def _outputs(network: nn.Module, inputs: tuple[Any, ...]) -> list[Tensor]:
    with untouched(network):
        return tensors_of(network(*fresh(inputs)))


def _near(one: Tensor, other: Tensor) -> bool:
    """Equal up to rounding in the precision of the network."""
    if one.shape != other.shape or not other.is_floating_point():
        return same(one, other)
    tolerance = 16 * torch.finfo(other.dtype).eps ** 0.75
    return bool(torch.isclose(one, other, rtol=0, atol=tolerance * float(other.abs().max()), equal_nan=True).all())


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}


def _copied(model: nn.Module) -> nn.Module | None:
    """A deep copy, or None where torch does not make one (of weights that are results, say)."""
    try:
        return copy.deepcopy(model)
    except RuntimeError:
        return None


def _gradients(network: nn.Module, inputs: tuple[Any, ...]) -> dict[str, bool]:
    """Whether the gradient is finite, for every parameter that receives one in eval mode."""
    learning = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    with untouched(network), torch.enable_grad():
        loss = sum(tensor.sum() for tensor in tensors_of(network(*fresh(inputs))) if tensor.requires_grad)
        if not isinstance(loss, Tensor):
            return {}
        gradients = torch.autograd.grad(loss, list(learning.values()), allow_unused=True)
    found = zip(learning, gradients, strict=True)
    return {name: bool(gradient.isfinite().all()) for name, gradient in found if gradient is not None}
