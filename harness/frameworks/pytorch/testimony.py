"""What PyTorch's adapter says under oath: read back from PyTorch, off the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from harness.frameworks.base import Data
from harness.frameworks.pytorch.device import place
from harness.frameworks.pytorch.layout import to_recipe
from harness.frameworks.pytorch.matched import GivenMasks
from harness.frameworks.pytorch.precision import TorchPrecision
from harness.frameworks.witness import Fact, Moments, Witness
from harness.work.program import Update
from harness.work.recipe import Floats, Order, Weights
from harness.work.workload import INPUT_FEATURES, AdamForm, Mode

# What every step has: products, activation, dropout and loss, there and back, and the last operation of each
# implementation of Adam.
_WORK: Final = frozenset(
    {
        "aten::addmm", "aten::mm", "aten::relu", "aten::threshold_backward", "aten::native_dropout",
        "aten::bernoulli_", "aten::_log_softmax", "aten::_log_softmax_backward_data",
        "aten::nll_loss_forward", "aten::nll_loss_backward",
    }
)  # fmt: skip
_ADAMS: Final = {
    "aten::addcdiv_": Update.FOR_LOOP,
    "aten::_foreach_addcdiv_": Update.FOREACH,
    "aten::_fused_adam_": Update.FUSED,
}
# What the profiler calls code that `torch.compile` has made, forward and backward.
_COMPILED: Final = ("Torch-Compiled Region", "CompiledFunction")
# The scope of what it sees of TorchScript's functions (`RecordScope::TORCHSCRIPT_FUNCTION`).
_SCRIPTED: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a step was run, as `Witness.settings` says it, and the implementations of Adam seen in it."""

    execution: str
    adams: frozenset[Update]


def ran(step: Callable[[], None]) -> Ran:
    """What PyTorch's profiler sees: compiled where all of a step is, traced where TorchScript runs any."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        step()
    events = seen.events()
    inside = {event.id: _within(event, lambda name: name.startswith(_COMPILED)) for event in events}
    # On a CPU a foreach operation runs the for-loop's.
    eager = {
        event.name
        for event in events
        if not inside[event.id] and not _within(event.cpu_parent, _ADAMS.__contains__)
    }
    if not any(inside.values()):
        execution = "traced" if any(event.scope == _SCRIPTED for event in events) else "eager"
    else:
        execution = "partly compiled" if eager & (_WORK | _ADAMS.keys()) else "compiled"
    return Ran(execution=execution, adams=frozenset(_ADAMS[name] for name in eager & _ADAMS.keys()))


def _within(event: FunctionEvent | None, named: Callable[[str], bool]) -> bool:
    """Whether an event, or one that it is part of, is so named."""
    return event is not None and (named(event.name) or _within(event.cpu_parent, named))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Copies of what training changes."""

    parameters: list[Tensor]
    optimizer: list[dict[str, Tensor]]
    scaler: dict[str, Any]
    random: list[Tensor]


class TorchTestimony(Witness):
    """What can be asked of an adapter that keeps the following."""

    adam_form = AdamForm.CORRECTED
    device: torch.device
    dtype: torch.dtype
    precision: TorchPrecision
    model: nn.Sequential
    optimizer: torch.optim.Optimizer
    _train_inputs: Tensor
    _train_labels: Tensor
    _test_batches: list[tuple[Tensor, Tensor]]
    _batches: list[Tensor]
    _drop: Callable[[list[Tensor]], list[Tensor]] | None = None
    _logits: Callable[[Tensor], Tensor]
    _logits_of: Callable[[Tensor], Tensor]
    _test_set: Callable[[int], Iterable[tuple[Tensor, Tensor]]]

    def places(self) -> dict[str, str]:
        self.model.eval()
        with torch.no_grad():
            logits = self._logits(torch.zeros(1, INPUT_FEATURES, device=self.device))
        (*_, last) = self.model.parameters()
        return {
            "weights": place(last),
            "optimiser state": place(self.optimizer.state[last]["exp_avg"]),
            "logits": place(logits),
        }

    def held_data(self) -> Data:
        inputs, labels = zip(*self._test_batches, strict=True)
        return Data(
            train_inputs=self._train_inputs.cpu().numpy(),
            train_labels=self._train_labels.cpu().numpy(),
            test_inputs=torch.cat(inputs).cpu().numpy(),
            test_labels=torch.cat(labels).cpu().numpy(),
            root=self.spec.data_root,
        )

    def held_batches(self) -> list[Order]:
        return [batch.cpu().numpy() for batch in self._batches]

    def trainable_shapes(self) -> list[tuple[int, ...]]:
        return [tuple(reversed(one.shape)) for one in self.model.parameters() if one.requires_grad]

    def promised_execution(self) -> str:
        return "compiled" if self.spec.case.mode is Mode.COMPILED else "eager"

    def moments(self) -> Moments:
        state = self.optimizer.state

        def of(name: str) -> Weights:
            return to_recipe(
                [
                    state[one][name] if one in state else torch.zeros_like(one)
                    for one in self.model.parameters()
                ]
            )

        steps = {int(one["step"].item()) for one in state.values()}
        return Moments(first=of("exp_avg"), second=of("exp_avg_sq"), steps=max(steps, default=0))

    def keep(self) -> Kept:
        return Kept(
            parameters=[one.detach().clone() for one in self.model.parameters()],
            optimizer=[
                {name: value.clone() for name, value in self.optimizer.state.get(one, {}).items()}
                for one in self.model.parameters()
            ],
            scaler=self.precision.state(),
            random=self._random(),
        )

    def put_back(self, kept: Kept) -> None:
        with torch.no_grad():
            for parameter, value, state in zip(
                self.model.parameters(), kept.parameters, kept.optimizer, strict=True
            ):
                parameter.copy_(value)
                # In place: a compiled or captured step is tied to its tensors.
                for name, one in state.items():
                    self.optimizer.state[parameter][name].copy_(one)
        self.precision.put_back(kept.scaler)
        self._set_random(kept.random)

    def random_state(self) -> bytes:
        return b"".join(state.numpy().tobytes() for state in self._random())

    def next_masks(self, rows: int) -> list[Floats]:
        random = self._random()
        ones = [np.ones((rows, units), np.float32) for units in self.workload.hidden]
        masks = self.dropped(ones, training=True)
        self._set_random(random)
        return masks

    def _random(self) -> list[Tensor]:
        on_device = [torch.cuda.get_rng_state(self.device)] if self.device.type == "cuda" else []
        return [torch.get_rng_state(), *on_device]

    def _set_random(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        for state in states[1:]:
            torch.cuda.set_rng_state(state, self.device)

    def logits(self) -> Floats:
        self.model.eval()
        with torch.no_grad():
            # Each copied at once: a CUDA graph writes its next result over the last.
            parts = [self._logits_of(inputs).cpu() for inputs, _ in self._test_set(self.workload.eval_steps)]
            return np.array(torch.cat(parts))

    def dropped(self, ones: Sequence[Floats], *, training: bool) -> list[Floats]:
        layers = [one for one in self.model if isinstance(one, nn.Dropout)]
        before = [layer.training for layer in layers]
        if self._drop is None:
            # All at once, as in a step: compiled code draws a seed for each of its layers in one go.
            def drop(inputs: list[Tensor]) -> list[Tensor]:
                return [layer(one) for layer, one in zip(layers, inputs, strict=True)]

            self._drop = torch.compile(drop, dynamic=False) if self.spec.case.mode is Mode.COMPILED else drop
        for layer in layers:
            layer.train(training)
        with torch.no_grad():
            given = [torch.from_numpy(one).to(self.device, self.precision.compute) for one in ones]
            drawn = [np.array(one.to(self.dtype).cpu()) for one in self._drop(given)]
        for layer, mode in zip(layers, before, strict=True):
            layer.train(mode)
        return drawn

    def put_masks(self, masks: Sequence[Floats]) -> None:
        layers = (one for one in self.model if isinstance(one, GivenMasks))
        for layer, of_layer in zip(layers, masks, strict=True):
            layer.put(of_layer)

    def constants(self) -> dict[str, Fact]:
        (group,) = self.optimizer.param_groups
        beta_1, beta_2 = group["betas"]
        return {
            "kind": type(self.optimizer).__name__,
            "learning_rate": group["lr"],
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": group["eps"],
            "weight_decay": float(group["weight_decay"]),
            "amsgrad": group["amsgrad"],
            # PyTorch's optimisers never clip; a loop that does shows in the gradients.
            "clipping": 0.0,
        }

    def settings(self) -> dict[str, Fact]:
        parameter = next(self.model.parameters())
        seen = ran(self.step_aside)
        return {
            "execution": seen.execution,
            "update": self._implementation(seen),
            "threads": torch.get_num_threads(),
            "interop_threads": torch.get_num_interop_threads(),
            "device": "cpu" if parameter.device.type == "cpu" else "gpu",
            "precision": str(parameter.dtype).removeprefix("torch."),
            "compute": self._compute(),
            "tf32": self.precision.tf32(),
            "loss_scale": self.precision.loss_scale(),
            "loss_scale_growth_steps": self.precision.growth_steps(),
        }

    def _implementation(self, seen: Ran) -> str:
        """Of Adam's step, from the flags by which it picks one, if a step ran by it; else what was `seen`.

        Stock where it was left to choose. Compiled or captured, none is seen.
        """
        unseen = seen.execution == "compiled" or self.spec.case.mode is Mode.GRAPH
        if seen.adams == {self._picked()} or (unseen and not seen.adams):
            return self._flagged()
        return " and ".join(sorted(seen.adams)) or "another"

    def _flagged(self) -> Update:
        (group,) = self.optimizer.param_groups
        chosen = {True: Update.FOREACH, False: Update.FOR_LOOP}
        return Update.FUSED if group["fused"] else chosen.get(group["foreach"], Update.STOCK)

    def _picked(self) -> Update:
        """The implementation that the flags pick; by PyTorch's own rule, where none is set, by the device."""
        by_itself = Update.FOREACH if self.device.type == "cuda" else Update.FOR_LOOP
        flagged = self._flagged()
        return by_itself if flagged is Update.STOCK else flagged

    def _compute(self) -> str:
        """Type of the activations, as the last layer puts them out in a forward pass."""
        found: list[torch.dtype] = []
        hook = self.model[-1].register_forward_hook(lambda _, __, output: found.append(output.dtype))
        self.model.eval()
        with torch.no_grad():
            self._logits(torch.zeros(1, INPUT_FEATURES, device=self.device))
        hook.remove()
        return str(found[0]).removeprefix("torch.")
