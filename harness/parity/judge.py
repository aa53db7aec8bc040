"""Both sides' testimony becomes findings. Pure: arrays and words in, findings out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.parity.bounds import Bounds, bounds_for
from harness.parity.certificate import Finding
from harness.parity.evidence import Evidence
from harness.work.workload import Precision

Array = NDArray[Any]


Check = Callable[[Evidence, Evidence, Bounds], Iterator[Finding]]


def judge(
    tensorflow: Evidence,
    pytorch: Evidence,
    *,
    bounds: Bounds | None = None,
    checks: Mapping[str, Check] | None = None,
) -> tuple[Finding, ...]:
    """Every check's findings, in order; a quantity that a side did not give is a finding that fails.

    The `bounds` are those of the timed precision where they are not given.
    """
    found: list[Finding] = []
    within = bounds or bounds_for(_timed(tensorflow), _batch_size(tensorflow))
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            found.extend(check(tensorflow, pytorch, within))
        except KeyError as missing:
            found.append(_absent(name, str(missing)))
    return tuple(found)


def _equal(check: str) -> Check:
    """Facts that have to be what was asked, on both sides."""

    def findings(tensorflow: Evidence, pytorch: Evidence, _: Bounds) -> Iterator[Finding]:
        quantities = [key for key in {**tensorflow.asked, **pytorch.asked} if key[0] == check]
        if not quantities:
            yield _absent(check, "nothing was asked")
        for key in quantities:
            asked = {side.asked.get(key) for side in (tensorflow, pytorch)}
            values = [side.found.get(key) for side in (tensorflow, pytorch)]
            yield Finding(
                check=check,
                quantity=key[1],
                expected=" or ".join(sorted(map(str, asked))),
                tensorflow=values[0],
                pytorch=values[1],
                difference=None,
                bound=None,
                meaning="equal to what was asked",
                holds=len(asked) == 1 and {*values} == asked,
            )

    return findings


def _evaluation(tensorflow: Evidence, pytorch: Evidence, bounds: Bounds) -> Iterator[Finding]:
    check = "evaluation"
    for quantity, bound, measure in (
        ("test loss", bounds.test_loss, _RELATIVE),
        ("accuracy", bounds.accuracy, _ABSOLUTE),
        ("logits", bounds.logit, _ABSOLUTE),
    ):
        sides = _both(tensorflow, pytorch, f"{check}/{quantity}")
        yield _within((check, quantity), sides, bound, measure)


def _steps(precision: Precision) -> Check:
    """Loss, gradients and weights of every step of a proof in this precision."""

    def findings(tensorflow: Evidence, pytorch: Evidence, bounds: Bounds) -> Iterator[Finding]:
        if precision not in np.concatenate(_both(tensorflow, pytorch, "precisions")):
            return  # not the precision of the timed trials
        check, within = f"steps in {precision}", bounds.steps[precision]
        sides = _both(tensorflow, pytorch, f"{precision}/loss")
        yield _within((check, "loss"), sides, within.loss, _RELATIVE)
        for kind, of_kernel, of_bias, measure in (
            ("gradients", within.kernel_gradient, within.bias_gradient, _OF_LARGEST),
            ("weights", within.weight, within.weight, _ABSOLUTE),
        ):
            prefix = f"{precision}/{kind}/"
            for name in [one for one in tensorflow.measured if one.startswith(prefix)]:
                bound = of_bias if name.endswith("bias") else of_kernel
                quantity = f"{kind} of {name.removeprefix(prefix)}"
                yield _within((check, quantity), _both(tensorflow, pytorch, name), bound, measure)

    return findings


def _dropout(tensorflow: Evidence, pytorch: Evidence, bounds: Bounds) -> Iterator[Finding]:
    """Each side's own dropout against what was asked; its draws are its own, so not against each other."""
    check = "dropout"
    rate = float(tensorflow.measured[f"{check}/asked rate"])
    for quantity, expected, bound, meaning in (
        ("rate", rate, bounds.rate, "difference from the rate asked"),
        ("dropped twice", rate**2, bounds.rate, "difference from the rate squared"),
        ("scale", 1 / (1 - rate), bounds.scale, "difference from one over the keep rate"),
        ("change in evaluation", 0.0, 0.0, "largest change"),
    ):
        sides = _both(tensorflow, pytorch, f"{check}/{quantity}")
        yield _from_expected((check, quantity), sides, expected, bound, meaning)


def _reduction(tensorflow: Evidence, pytorch: Evidence, bounds: Bounds) -> Iterator[Finding]:
    """Both sides' first step against the mean over the batch as NumPy computes it."""
    check = "loss reduction"
    for quantity, name in (("loss", "fp64/loss"), ("gradient", "fp64/gradients/output_bias")):
        by_hand = np.linalg.norm(tensorflow.measured[f"{check}/{quantity}"])
        one, other = (np.linalg.norm(side[0]) / by_hand for side in _both(tensorflow, pytorch, name))
        sides = (np.array(one), np.array(other))
        yield _from_expected(
            (check, f"{quantity} over the mean"), sides, 1.0, bounds.mean, "difference from 1"
        )


# In the order in which a failure is told: what explains most comes first.
CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "settings": _equal("settings"),
        "data": _equal("data"),
        "parameters": _equal("parameters"),
        "initial weights": _equal("initial weights"),
        "optimiser": _equal("optimiser"),
        "batch order": _equal("batch order"),
        "epoch": _equal("epoch"),
        "dropout": _dropout,
        "evaluation": _evaluation,
        "loss reduction": _reduction,
        "steps in fp64": _steps(Precision.FP64),
        **{f"steps in {one}": _steps(one) for one in Precision if one is not Precision.FP64},
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """How far apart two arrays are: `scale` of their larger magnitudes divides the difference."""

    meaning: str
    scale: Callable[[Array], Array]


_ABSOLUTE: Final = _Measure(meaning="largest difference", scale=np.ones_like)
_RELATIVE: Final = _Measure(meaning="largest relative difference", scale=np.asarray)
# One scale a step: the parameter's largest gradient. Its small ones are sums that all but cancel.
_OF_LARGEST: Final = _Measure(
    meaning="largest difference over the largest gradient",
    scale=lambda size: size.max(axis=tuple(range(1, size.ndim)), keepdims=True),
)


def _timed(side: Evidence) -> Precision:
    """The precision of the timed trials: the last that was proven in."""
    proven = side.measured.get("precisions", np.array([Precision.FP64.value]))
    return Precision(str(proven[-1]))


def _batch_size(side: Evidence) -> int:
    return int(side.measured.get("batch size", np.array(1)))


def _both(tensorflow: Evidence, pytorch: Evidence, name: str) -> tuple[Array, Array]:
    return tensorflow.measured[name], pytorch.measured[name]


def _from_expected(
    quantity: tuple[str, str], sides: tuple[Array, Array], expected: float, bound: float, meaning: str
) -> Finding:
    """Hold each side by itself against a value that is known."""
    differences = [np.abs(np.asarray(side, np.float64) - expected) for side in sides]
    worst = max(float(np.nan_to_num(one, nan=np.inf).max(initial=0.0)) for one in differences)
    return _bounded(quantity, (_text(sides[0]), _text(sides[1])), worst, bound, meaning)


def _within(
    quantity: tuple[str, str], sides: tuple[Array, Array], bound: float, measure: _Measure
) -> Finding:
    """Hold two arrays of one shape against a bound, and tell their values where they differ most."""
    tensorflow, pytorch = (side.astype(np.float64) for side in sides)
    if tensorflow.shape != pytorch.shape:
        shapes = (f"shape {tensorflow.shape}", f"shape {pytorch.shape}")
        return _bounded(quantity, shapes, float("inf"), bound, "the shapes differ")
    scale = measure.scale(np.maximum(np.abs(tensorflow), np.abs(pytorch)))
    ratio = np.nan_to_num(np.abs(tensorflow - pytorch) / np.where(scale == 0, 1, scale), nan=np.inf)
    worst = int(ratio.argmax())
    values = (_text(tensorflow.flat[worst]), _text(pytorch.flat[worst]))
    return _bounded(quantity, values, float(ratio.flat[worst]), bound, measure.meaning)


def _bounded(
    quantity: tuple[str, str], values: tuple[str, str], difference: float, bound: float, meaning: str
) -> Finding:
    return Finding(
        check=quantity[0],
        quantity=quantity[1],
        expected=None,
        tensorflow=values[0],
        pytorch=values[1],
        difference=difference,
        bound=bound,
        meaning=meaning,
        holds=difference <= bound,
    )


def _absent(check: str, why: str) -> Finding:
    return Finding(
        check=check,
        quantity="evidence",
        expected=None,
        tensorflow=None,
        pytorch=None,
        difference=None,
        bound=None,
        meaning=f"missing: {why}",
        holds=False,
    )


def _text(value: Any) -> str:
    return " ".join(f"{one:.17g}" for one in np.atleast_1d(value)[:4])
