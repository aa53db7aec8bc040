"""One side's testimony becomes findings, held against what was asked and against NumPy's reference.

Pure: arrays and words in, findings out. No side is held against another: two that both hold against the
reference do the same work as each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from harness.parity.bounds import Bounds, StepBounds, bounds_for
from harness.parity.certificate import Finding
from harness.parity.evidence import Array, Evidence
from harness.parity.timed import EVALUATION, PREDICTION, STEP, WHOLE
from harness.work.workload import USUAL_HIDDEN, Precision

Check = Callable[[Evidence, Bounds], Iterator[Finding]]


def judge(
    evidence: Evidence,
    *,
    bounds: Bounds | None = None,
    checks: Mapping[str, Check] | None = None,
) -> tuple[Finding, ...]:
    """Every check's findings, in order; a quantity that the side did not give is a finding that fails.

    The `bounds` are those of the timed precision where they are not given.
    """
    found: list[Finding] = []
    within = bounds or bounds_for(_timed(evidence), _batch_size(evidence), _hidden(evidence))
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            found.extend(check(evidence, within))
        except KeyError as missing:
            found.append(_absent(name, str(missing)))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """How far apart two arrays are: `scale` of their larger magnitudes divides the difference."""

    meaning: str
    scale: Callable[[Array], Array]


_ABSOLUTE: Final = _Measure(meaning="largest difference", scale=np.ones_like)
_RELATIVE: Final = _Measure(meaning="largest relative difference", scale=np.asarray)
# Of a network that has learned: a loss near zero is a difference of logits, and as exact as these are.
_AT_LEAST_ONE: Final = _Measure(
    meaning="largest difference, relative where above 1", scale=lambda size: np.maximum(size, 1.0)
)


def _largest(size: Array) -> Array:
    """One scale a step: the parameter's largest. Its small ones are sums that all but cancel."""
    scale: Array = size.max(axis=tuple(range(1, size.ndim)), keepdims=True)
    return scale


_OF_LARGEST: Final = _Measure(meaning="largest difference over the step's largest", scale=_largest)
# Where every sample of a batch is classified as surely as rounding allows, its gradients are all rounding.
_LEAST_GRADIENT: Final = 0.01
_OF_LARGEST_OR_LEAST: Final = _Measure(
    meaning=f"largest difference over the step's largest, at least {_LEAST_GRADIENT}",
    scale=lambda size: np.maximum(_largest(size), _LEAST_GRADIENT),
)
# A step itself is as exact as Adam's correction, in which 1 - 0.999**t cancels, whatever the weights are.
_LEAST_WEIGHT: Final = 0.1
_OF_LARGEST_WEIGHT: Final = _Measure(
    meaning=f"largest difference over the step's largest, at least {_LEAST_WEIGHT}",
    scale=lambda size: np.maximum(_largest(size), _LEAST_WEIGHT),
)


def _equal(check: str) -> Check:
    """Facts that have to be what was asked."""

    def findings(evidence: Evidence, _: Bounds) -> Iterator[Finding]:
        yield from _facts(check, evidence)

    return findings


def _facts(check: str, evidence: Evidence) -> Iterator[Finding]:
    asked = {key: word for key, word in evidence.asked.items() if key[0] == check}
    if not asked:
        yield _absent(check, "nothing was asked")
    for key, word in asked.items():
        found = evidence.found.get(key)
        yield Finding(
            check=check,
            quantity=key[1],
            expected=word,
            found=found,
            difference=None,
            bound=None,
            meaning="equal to what was asked",
            holds=found == word,
        )


def _evaluation(evidence: Evidence, bounds: Bounds) -> Iterator[Finding]:
    yield _within(("evaluation", "test loss"), evidence, bounds.test_loss, _RELATIVE)
    yield _within(("evaluation", "accuracy"), evidence, bounds.accuracy, _ABSOLUTE)
    yield _within(("evaluation", "logits"), evidence, bounds.logit, _ABSOLUTE)


def _timed_evaluation(evidence: Evidence, bounds: Bounds) -> Iterator[Finding]:
    yield _within((EVALUATION, "test loss"), evidence, bounds.trained_loss, _AT_LEAST_ONE)
    yield _within((EVALUATION, "accuracy"), evidence, bounds.accuracy, _ABSOLUTE)


def _timed_prediction(evidence: Evidence, bounds: Bounds) -> Iterator[Finding]:
    yield _within((PREDICTION, "logits"), evidence, bounds.logit, _AT_LEAST_ONE)


def _steps(precision: Precision) -> Check:
    """Loss, gradients and weights of every step of a proof in this precision."""

    def findings(evidence: Evidence, bounds: Bounds) -> Iterator[Finding]:
        if precision not in evidence.measured["precisions"]:
            return  # not the precision of the timed trials
        check, within = f"steps in {precision}", bounds.steps[precision]
        yield _within((check, "loss"), evidence, within.loss, _RELATIVE)
        yield from _each(check, "gradients", evidence, _gradient_bounds(within), _OF_LARGEST)
        yield from _each(check, "weights", evidence, (within.weight, within.weight), _ABSOLUTE)

    return findings


def _timed_step(evidence: Evidence, bounds: Bounds) -> Iterator[Finding]:
    within = bounds.steps[_timed(evidence)]
    yield from _facts(STEP, evidence)
    yield _within((STEP, "loss"), evidence, bounds.trained_loss, _AT_LEAST_ONE)
    yield from _each(STEP, "gradients", evidence, _gradient_bounds(within), _OF_LARGEST_OR_LEAST)
    second = (within.second_moment, within.second_moment)
    yield from _each(STEP, "second_moments", evidence, second, _OF_LARGEST)
    yield from _each(STEP, "weights", evidence, (within.update, within.update), _OF_LARGEST_WEIGHT)
    draws = int(evidence.measured[f"{STEP}/draws"])
    yield _within((STEP, "dropout rate"), evidence, bounds.rate_of(draws), _ABSOLUTE)
    yield _within((STEP, "dropout scale"), evidence, bounds.scale, _ABSOLUTE)
    # One step alone drops nothing twice.
    if f"{STEP}/drawn twice" in evidence.measured:
        twice = int(evidence.measured[f"{STEP}/drawn twice"])
        yield _within((STEP, "dropped twice"), evidence, bounds.rate_of(twice), _ABSOLUTE)


def _whole(evidence: Evidence, bounds: Bounds) -> Iterator[Finding]:
    within = bounds.steps[_timed(evidence)]
    yield from _facts(WHOLE, evidence)
    yield _within((WHOLE, "loss"), evidence, bounds.trained_loss, _AT_LEAST_ONE)
    yield from _each(WHOLE, "weights", evidence, (within.repeat, within.repeat), _ABSOLUTE)


def _dropout(evidence: Evidence, bounds: Bounds) -> Iterator[Finding]:
    """The layer's own draws against what was asked."""
    check = "dropout"
    for quantity, bound in (
        ("rate", bounds.rate),
        ("dropped twice", bounds.rate),
        ("scale", bounds.scale),
        ("change in evaluation", 0.0),
    ):
        yield _within((check, quantity), evidence, bound, _ABSOLUTE)


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
        "steps in fp64": _steps(Precision.FP64),
        **{f"steps in {one}": _steps(one) for one in Precision if one is not Precision.FP64},
        STEP: _timed_step,
        WHOLE: _whole,
    }
)

# What a timed trial is asked: of a round that it has made, of its program, of an evaluation and of a
# prediction.
MADE: Final[Mapping[str, Check]] = MappingProxyType({WHOLE: _whole})
STEPPED: Final[Mapping[str, Check]] = MappingProxyType({STEP: _timed_step})
DURING: Final[Mapping[str, Check]] = MappingProxyType(
    {"settings": CHECKS["settings"], "optimiser": CHECKS["optimiser"], STEP: _timed_step}
)
SCORED: Final[Mapping[str, Check]] = MappingProxyType({EVALUATION: _timed_evaluation})
PREDICTED: Final[Mapping[str, Check]] = MappingProxyType({PREDICTION: _timed_prediction})


def _gradient_bounds(within: StepBounds) -> tuple[float, float]:
    return within.kernel_gradient, within.bias_gradient


def _each(
    check: str, kind: str, evidence: Evidence, bounds: tuple[float, float], measure: _Measure
) -> Iterator[Finding]:
    """A quantity of each parameter; the bounds are for kernels and for biases."""
    prefix = f"{_source(check)}/{kind}/"
    for name in [one for one in evidence.reference if one.startswith(prefix)]:
        parameter = name.removeprefix(prefix)
        bound = bounds[parameter.endswith("bias")]
        yield _within((check, f"{kind}/{parameter}"), evidence, bound, measure)


def _source(check: str) -> str:
    """The name under which a check's arrays are kept."""
    return check.removeprefix("steps in ")


def _timed(evidence: Evidence) -> Precision:
    """The precision of the timed trials: the last that was proven in."""
    proven = evidence.measured.get("precisions", np.array([Precision.FP64.value]))
    return Precision(str(proven[-1]))


def _batch_size(evidence: Evidence) -> int:
    return int(evidence.measured.get("batch size", np.array(1)))


def _hidden(evidence: Evidence) -> tuple[int, ...]:
    return tuple(map(int, evidence.measured.get("hidden", np.array(USUAL_HIDDEN))))


def _within(key: tuple[str, str], evidence: Evidence, bound: float, measure: _Measure) -> Finding:
    """Hold an array against its reference, and tell the values where they differ most."""
    check, quantity = key
    name = f"{_source(check)}/{quantity}"
    kind, _, parameter = quantity.partition("/")
    told = (check, f"{kind.replace('_', ' ')} of {parameter}" if parameter else quantity)
    found, expected = (side[name].astype(np.float64) for side in (evidence.measured, evidence.reference))
    if found.shape != expected.shape and expected.ndim:
        shapes = (f"shape {found.shape}", f"shape {expected.shape}")
        return _bounded(told, shapes, float("inf"), bound, "the shapes differ")
    expected = np.broadcast_to(expected, found.shape)
    if not found.size:
        return _bounded(told, ("nothing", _text(expected)), float("inf"), bound, "nothing to compare")
    scale = measure.scale(np.maximum(np.abs(found), np.abs(expected)))
    ratio = np.nan_to_num(np.abs(found - expected) / np.where(scale == 0, 1, scale), nan=np.inf)
    worst = int(ratio.argmax())
    values = (_text(found.flat[worst]), _text(expected.flat[worst]))
    return _bounded(told, values, float(ratio.flat[worst]), bound, measure.meaning)


def _bounded(
    key: tuple[str, str], values: tuple[str, str], difference: float, bound: float, meaning: str
) -> Finding:
    return Finding(
        check=key[0],
        quantity=key[1],
        expected=values[1],
        found=values[0],
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
        found=None,
        difference=None,
        bound=None,
        meaning=f"missing: {why}",
        holds=False,
    )


def _text(value: Any) -> str:
    return " ".join(f"{one:.17g}" for one in np.atleast_1d(value)[:4])
