"""How far apart two correct computations may be, by number format.

In float64 and float32 the bounds lie where measured margins end and planted faults begin
(`studies/parity_seeds.py`, `tests/parity`). The other formats round more coarsely and at other places in
each framework, after a product or after the bias that is added to it, so theirs follow from the unit
roundoff u, half the distance from 1 to the next number (Higham 2002, chapter 2): 2**-8 in bfloat16, 2**-11
in float16 and TF32. That they neither pass faults nor fail correct code was then tried with both frameworks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from harness.work.workload import TEST_SAMPLES, Adam, Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBounds:
    """Largest difference that rounding may make while training.

    `loss` relative, `kernel_gradient` and `bias_gradient` relative to the parameter's largest gradient of
    the step, `weight` absolute. `second_moment` and `update`, of the weights that a step from given moments
    leads to, are relative to the parameter's largest; `repeat`, absolute, is for one framework's weights
    against its own after the same batches.
    """

    loss: float
    kernel_gradient: float
    bias_gradient: float
    weight: float
    second_moment: float
    update: float
    repeat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The bounds of every measured check of a case.

    `test_loss` is relative, the others are absolute; `accuracy` and `rate` are shares. `trained_loss` is for
    any loss of a network that has learned, relative where that is above 1.
    """

    steps: Mapping[Precision, StepBounds]
    test_loss: float
    trained_loss: float
    logit: float
    accuracy: float
    rate: float
    scale: float

    def rate_of(self, draws: int) -> float:
        """As `rate`, for a share of so many draws: six standard errors at a rate of a half, the widest."""
        return max(self.rate, _STANDARD_ERRORS * 0.5 / math.sqrt(draws))


# Unit roundoff of the products, where they are not of the weights' own type.
ROUNDOFF: Final = {Precision.TF32: 2.0**-11, Precision.BF16: 2.0**-8, Precision.FP16: 2.0**-11}

_STANDARD_ERRORS: Final = 6

# So many roundings part the largest weights after a step from where exact arithmetic leads.
_UPDATE_ROUNDINGS: Final = 12

_STEPS: Final = {
    Precision.FP64: StepBounds(
        loss=1e-12, kernel_gradient=1e-11, bias_gradient=1e-11, weight=1e-10,
        second_moment=1e-12, update=1e-12, repeat=1e-10,
    ),
    Precision.FP32: StepBounds(
        loss=1e-5, kernel_gradient=1e-4, bias_gradient=1e-4, weight=1e-4,
        second_moment=1e-5, update=_UPDATE_ROUNDINGS * 2.0**-24, repeat=1e-4,
    ),
}  # fmt: skip

# Losses are means, in float32, of what comes of logits that are each off by a few u. The weights' own
# rounding is the same for all samples, so it does not average out.
_LOSS_ROUNDINGS: Final = 2

# So many roundings may part a kernel's gradient, or a logit, from what exact arithmetic gives.
_ROUNDINGS: Final = 16
_LOGIT_ROUNDINGS: Final = 32

# A bias's gradient is a sum over the batch, and a kernel for a CPU may add up in bfloat16: an error that
# grows with the square root of the number of terms (Higham and Mary 2019), here times this.
_SUM_ROUNDINGS: Final = 4

# Where rounding decides the sign of a gradient, Adam steps up in one and down in the other.
_STEPS_APART: Final = 20


def bounds_for(precision: Precision, batch_size: int) -> Bounds:
    """The bounds of a case whose timed trials compute in this precision."""
    roundoff = ROUNDOFF.get(precision, 0.0)
    narrow = StepBounds(
        loss=_LOSS_ROUNDINGS * roundoff,
        kernel_gradient=_ROUNDINGS * roundoff,
        bias_gradient=_SUM_ROUNDINGS * math.sqrt(batch_size) * roundoff,
        weight=_STEPS_APART * Adam().learning_rate,
        # Moments, weights and the step between them stay in float32.
        second_moment=_STEPS[Precision.FP32].second_moment,
        update=_STEPS[Precision.FP32].update,
        repeat=_STEPS[Precision.FP32].repeat,
    )
    return Bounds(
        steps=MappingProxyType(_STEPS | ({precision: narrow} if roundoff else {})),
        test_loss=max(1e-5, _LOSS_ROUNDINGS * roundoff),
        # As far off as a logit may be.
        trained_loss=_STEPS.get(precision, _STEPS[Precision.FP32]).loss
        if not roundoff
        else _LOGIT_ROUNDINGS * roundoff,
        logit=max(1e-4, _LOGIT_ROUNDINGS * roundoff),
        # Two of the 10,000 images may sit on a tie between two classes, which rounding decides: more of
        # them where numbers are coarse.
        accuracy=2 / TEST_SAMPLES + roundoff,
        # Six standard errors of a share of 512,000 draws are 0.0034. A uniform number of 16 bits is a
        # multiple of 2u, and so is then the rate.
        rate=4e-3 + (2 * roundoff if precision in {Precision.BF16, Precision.FP16} else 0.0),
        scale=1e-6,
    )
