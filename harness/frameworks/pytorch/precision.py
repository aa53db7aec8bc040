"""PyTorch's number formats: IEEE or TF32 products, autocast to 16 bits, and the scaled loss of fp16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor, nn

from harness.work.workload import LOSS_SCALE, LOSS_SCALE_GROWTH_STEPS, Precision

_NARROW: Final = {Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


class TorchPrecision:
    """One number format on one device, from the moment it is made on.

    `dtype` is that of weights, optimiser, softmax and loss, `compute` that of activations and their
    gradients. `scaler` is None where the loss is not scaled.
    """

    def __init__(self, precision: Precision, device: torch.device) -> None:
        self._device = device
        self.dtype = torch.float64 if precision is Precision.FP64 else torch.float32
        self.compute = _NARROW.get(precision, self.dtype)
        # TF32 is on by default in TensorFlow and half on in PyTorch; fp32 means IEEE in both here.
        torch.backends.fp32_precision = "tf32" if precision is Precision.TF32 else "ieee"
        # Adam keeps its step count in the default type, and with float32 a compiled optimiser rounds
        # the bias correction in float64 work too.
        torch.set_default_dtype(self.dtype)
        self.scaler = (
            torch.amp.GradScaler(device.type, init_scale=LOSS_SCALE, growth_interval=LOSS_SCALE_GROWTH_STEPS)
            if precision is Precision.FP16
            else None
        )
        self._fresh = self.scaler.state_dict() if self.scaler else {}

    def logits(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        """The model as a step calls it; its logits come as `dtype`, so softmax and loss do, too."""
        if self.compute == self.dtype:
            plain: Callable[[Tensor], Tensor] = model
            return plain

        def narrow(inputs: Tensor) -> Tensor:
            with torch.autocast(self._device.type, dtype=self.compute):
                logits: Tensor = model(inputs)
            return logits.to(self.dtype)

        return narrow

    def backward(self, loss: Tensor) -> None:
        (self.scaler.scale(loss) if self.scaler else loss).backward()

    def update(self, optimizer: torch.optim.Optimizer) -> Callable[[], object]:
        """The optimiser's step; with a scaled loss, one whose gradients overflowed is left out."""
        scaler = self.scaler
        if scaler is None:
            step: Callable[[], object] = optimizer.step
            return step

        def scaled() -> None:
            scaler.step(optimizer)
            scaler.update()

        return scaled

    def reset(self) -> None:
        """Put the scale back to what it began with."""
        if self.scaler:
            self.scaler.load_state_dict(self._fresh)

    def state(self) -> dict[str, Any]:
        """The loss scale and what it goes by; empty where the loss is not scaled."""
        return dict(self.scaler.state_dict()) if self.scaler else {}

    def put_back(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        if self.scaler:
            self.scaler.load_state_dict(state)

    def tf32(self) -> bool:
        """Whether products of fp32 may be rounded, as PyTorch's backends say."""
        return "tf32" in {torch.backends.fp32_precision, torch.backends.cuda.matmul.fp32_precision}

    def loss_scale(self) -> float:
        """The factor of the loss as it is now; 1 where it is not scaled."""
        return self.scaler.get_scale() if self.scaler else 1.0

    def growth_steps(self) -> int:
        """After how many steps without an overflow the scale doubles; 0 where it never does."""
        return self.scaler.get_growth_interval() if self.scaler else 0
