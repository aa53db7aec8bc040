"""What PyTorch's adapter says under oath: read back from PyTorch, off the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from harness.frameworks.base import Data
from harness.frameworks.pytorch.device import place
from harness.frameworks.pytorch.layout import to_recipe
from harness.frameworks.pytorch.matched import GivenMask
from harness.frameworks.pytorch.precision import TorchPrecision
from harness.frameworks.witness import Fact, Witness
from harness.work.recipe import Floats, Order, Weights
from harness.work.workload import INPUT_FEATURES, Mode


class TorchTestimony(Witness):
    """What can be asked of an adapter that keeps the following."""

    device: torch.device
    dtype: torch.dtype
    precision: TorchPrecision
    model: nn.Sequential
    optimizer: torch.optim.Optimizer
    _train_inputs: Tensor
    _train_labels: Tensor
    _test_batches: list[tuple[Tensor, Tensor]]
    _batches: list[Tensor]
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

    def first_moment(self) -> Weights:
        state = self.optimizer.state
        return to_recipe(
            [
                state[one]["exp_avg"] if one in state else torch.zeros_like(one)
                for one in self.model.parameters()
            ]
        )

    def logits(self) -> Floats:
        self.model.eval()
        with torch.no_grad():
            # Each copied at once: a CUDA graph writes its next result over the last.
            parts = [self._logits_of(inputs).cpu() for inputs, _ in self._test_set(self.workload.eval_steps)]
            return np.array(torch.cat(parts))

    def dropped(self, ones: Floats, *, training: bool) -> Floats:
        (layer,) = (one for one in self.model if isinstance(one, nn.Dropout))
        layer.train(training)
        run = torch.compile(layer, dynamic=False) if self.spec.case.mode is Mode.COMPILED else layer
        with torch.no_grad():
            dropped = run(torch.from_numpy(ones).to(self.device, self.precision.compute))
            return np.array(dropped.to(self.dtype).cpu())

    def put_mask(self, mask: Floats) -> None:
        (layer,) = (one for one in self.model if isinstance(one, GivenMask))
        layer.mask.copy_(torch.from_numpy(mask))

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
        return {
            "threads": torch.get_num_threads(),
            "interop_threads": torch.get_num_interop_threads(),
            "device": "cpu" if parameter.device.type == "cpu" else "gpu",
            "precision": str(parameter.dtype).removeprefix("torch."),
            "compute": self._compute(),
            "tf32": self.precision.tf32(),
            "loss_scale": self.precision.loss_scale(),
            "loss_scale_growth_steps": self.precision.growth_steps(),
        }

    def _compute(self) -> str:
        """Type of the activations, as the last layer puts them out in a forward pass."""
        found: list[torch.dtype] = []
        hook = self.model[-1].register_forward_hook(lambda _, __, output: found.append(output.dtype))
        self.model.eval()
        with torch.no_grad():
            self._logits(torch.zeros(1, INPUT_FEATURES, device=self.device))
        hook.remove()
        return str(found[0]).removeprefix("torch.")
