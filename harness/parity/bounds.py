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
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from harness.work.workload import (
    CLASSES,
    INPUT_FEATURES,
    TEST_SAMPLES,
    USUAL_HIDDEN,
    Adam,
    Precision,
    Workload,
)


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

# Of the usual network.
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
_MOST_APART: Final = 20 * Adam().learning_rate


def growth(hidden: tuple[int, ...]) -> float:
    """How much more rounding a network makes of its numbers than the usual one, at least 1.

    A sum of n products is off by at most about n u, and where roundings are independent by sqrt(n) u, of
    what is summed (Higham and Mary 2019). A gradient has gone through every layer forward, a sum over its
    inputs, and through all but the first backward, a sum over its outputs; their errors add at worst.
    """
    return max(1.0, _summed(hidden) / _summed(USUAL_HIDDEN))


def _summed(hidden: tuple[int, ...]) -> float:
    forward, backward = (INPUT_FEATURES, *hidden), (*hidden[1:], CLASSES)
    return sum(map(math.sqrt, (*forward, *backward)))


def bounds_for(precision: Precision, batch_size: int, hidden: tuple[int, ...] = USUAL_HIDDEN) -> Bounds:
    """The bounds of a case whose timed trials compute in this precision, with these hidden layers."""
    roundoff, grown, exact = ROUNDOFF.get(precision, 0.0), growth(hidden), _exact_steps(hidden)
    # Sums are of float32 there: what is coarse is what each layer hands on.
    rounded = (len(hidden) + 1) / (len(USUAL_HIDDEN) + 1) * roundoff
    narrow = StepBounds(
        loss=_LOSS_ROUNDINGS * rounded,
        kernel_gradient=_ROUNDINGS * rounded,
        bias_gradient=_SUM_ROUNDINGS * math.sqrt(batch_size) * rounded,
        weight=_MOST_APART,
        # Moments, weights and the step between them stay in float32.
        second_moment=exact[Precision.FP32].second_moment,
        update=exact[Precision.FP32].update,
        repeat=exact[Precision.FP32].repeat,
    )
    return Bounds(
        steps=MappingProxyType(exact | ({precision: narrow} if roundoff else {})),
        test_loss=max(1e-5 * grown, _LOSS_ROUNDINGS * rounded),
        # As far off as a logit may be.
        trained_loss=exact.get(precision, exact[Precision.FP32]).loss
        if not roundoff
        else _LOGIT_ROUNDINGS * rounded,
        logit=max(1e-4 * grown, _LOGIT_ROUNDINGS * rounded),
        # Two of the 10,000 images may sit on a tie between two classes, which rounding decides: more of
        # them where numbers are coarse.
        accuracy=2 / TEST_SAMPLES + rounded,
        # Six standard errors of a share of 512,000 draws are 0.0034. A uniform number of 16 bits is a
        # multiple of 2u, and so is then the rate.
        rate=4e-3 + (2 * roundoff if precision in {Precision.BF16, Precision.FP16} else 0.0),
        scale=1e-6,
    )


def _exact_steps(hidden: tuple[int, ...]) -> dict[Precision, StepBounds]:
    """The bounds of the IEEE formats. What is computed of one number alone does not grow with the network."""
    grown = growth(hidden)
    # Where a gradient all but cancels, Adam divides its rounding by its own size. How large the largest of so
    # many quotients is grows as their number.
    quotients = max(1.0, Workload(hidden=hidden).parameter_count / Workload().parameter_count)
    return {
        precision: replace(
            usual,
            loss=usual.loss * grown,
            kernel_gradient=usual.kernel_gradient * grown,
            bias_gradient=usual.bias_gradient * grown,
            weight=min(usual.weight * grown * quotients, _MOST_APART),
        )
        for precision, usual in _STEPS.items()
    }
