"""How often does a family of N contenders err, and what does it find? `python -m studies.family_study`

Simulates cases of two, four and eight contenders on the machines of `noise.py`, reduces every match to its
effects, stops as the harness stops (`engine/stopping.py`: `Target`), and judges every two by Holm's
correction as `analysis/questions.py` does. Seeded, one process. Writes
`families.csv`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtr, stdtrit
from scipy.stats import binomtest

from harness.analysis.intervals import FloatArray
from harness.analysis.questions import every_two, judge_questions
from harness.analysis.statistics import MIN_REPLICATES, Verdict, corrected
from harness.engine.stopping import EXTRA
from studies.effect_candidates import means_of_pairwise_medians
from studies.noise import SCENARIOS, Scenario, Shape

SEED = 20261129
OUT = Path("docs/decisions/0005-effects-of-a-match")
CONTENDERS = (2, 4, 8)
# The last is what a run takes where nothing else is said.
MOST = (6, 8, 12, 20)
TURNS = 16
ALPHA = 0.05
MARGIN = 0.03
# The harness's default and the thorough preset's; None measures all replicates.
WITHIN = (None, 0.02, 0.01)
# The first contender takes 5 % longer, or as much as is still no equivalence.
SLOWER = 0.05
CHUNK = 500

INCONCLUSIVE, EQUIVALENT, FIRST, SECOND = range(4)

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]


def families(scenario: Scenario, simulations: int) -> Iterator[dict[str, object]]:
    """One row a number of contenders, most replicates and stopping: shares of simulated cases."""
    for contenders in CONTENDERS:
        effects = np.concatenate(list(_effects(scenario, contenders, simulations)))
        if not scenario.even:
            # A family can only be asked to hold what it estimates.
            effects[..., 0] -= effects[..., 0].mean() - effects[..., 1:].mean()
        firsts, seconds = np.triu_indices(contenders, 1)
        log_ratios = np.moveaxis(effects[..., seconds] - effects[..., firsts], -1, 1)
        keys = {"scenario": scenario.name, "even": scenario.even, "contenders": contenders}
        yield from (keys | row for row in _judged(log_ratios, firsts == 0))


def _effects(scenario: Scenario, contenders: int, simulations: int) -> Iterator[FloatArray]:
    """(simulations, replicates, contenders): how much longer each takes, a chunk at a time."""
    for start, stop in pairwise([*range(0, simulations, CHUNK), simulations]):
        rng = np.random.default_rng([SEED, SCENARIOS.index(scenario), contenders, start])
        shape = Shape(simulations=stop - start, replicates=max(MOST), rounds=TURNS, contenders=contenders)
        yield means_of_pairwise_medians(scenario.noise(rng, shape))


def _judged(log_ratios: FloatArray, with_first: BoolArray) -> Iterator[dict[str, object]]:
    """The rows of one scenario and number of contenders, from (simulations, ratios, replicates)."""
    cases = np.arange(log_ratios.shape[0])
    mean, error = running(log_ratios)
    for most in MOST:
        for within in WITHIN:
            stop = stopped(error, most, within)
            means, errors = mean[cases, :, stop - 2], error[cases, :, stop - 2]
            equal = called(means, errors, stop)
            # The first contender is second to none of these ratios, so a slower first lowers them.
            slower = called(means - np.log1p(SLOWER) * with_first, errors, stop)
            marginal = called(means - np.log1p(MARGIN) * with_first, errors, stop)
            found = (slower == SECOND)[:, with_first]
            yield {
                "most_replicates": most,
                "within": within,
                "mean_replicates": float(stop.mean()),
                **_share("rejected", (difference_p(means, errors, stop) <= ALPHA).any(axis=1)),
                **_share("called", (equal > EQUIVALENT).any(axis=1)),
                **_share("called_beside_slower", (slower > EQUIVALENT)[:, ~with_first].any(axis=1)),
                **_share("called_equivalent", (marginal == EQUIVALENT)[:, with_first].any(axis=1)),
                "found_5_percent": float(found.mean()),
                "found_all_5_percent": float(found.all(axis=1).mean()),
            }


def running(log_ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard error of the first 2, 3, ... replicates: (simulations, ratios, replicates - 1)."""
    counts = np.arange(2, log_ratios.shape[-1] + 1)
    mean = np.cumsum(log_ratios, axis=-1)[..., 1:] / counts
    square = np.cumsum(log_ratios**2, axis=-1)[..., 1:] / counts
    return mean, np.sqrt(np.maximum(square - mean**2, 0) / (counts - 1))


def stopped(error: FloatArray, most: int, within: float | None) -> IntArray:
    """Replicates of each case: a case ends when all its ratios are narrow, as one does for `Target`."""
    if within is None:
        return np.full(error.shape[0], most)
    counts = np.arange(2, most + 1)
    half_width = np.expm1(stdtrit(counts - 1, 1 - ALPHA / 2) * error[..., : most - 1])
    looks = (half_width <= within).all(axis=1)
    looks[:, : MIN_REPLICATES - 2] = False
    first = np.where(looks.any(axis=1), looks.argmax(axis=1) + 2, most)
    return np.minimum(first + EXTRA, most)


def difference_p(mean: FloatArray, error: FloatArray, replicates: IntArray) -> FloatArray:
    """(simulations, ratios): adjusted p-values of "the speeds are equal", one family a case."""
    return corrected(2 * stdtr((replicates - 1)[:, None], -np.abs(mean) / error))


def called(mean: FloatArray, error: FloatArray, replicates: IntArray) -> IntArray:
    """(simulations, ratios): what each ratio of a case is called, one family a case."""
    freedom, bound = (replicates - 1)[:, None], np.log1p(MARGIN)
    difference = difference_p(mean, error, replicates)
    equivalence = corrected(stdtr(freedom, (np.abs(mean) - bound) / error))
    faster = np.where(mean > 0, FIRST, SECOND)
    called = np.where(difference <= ALPHA, faster, INCONCLUSIVE)
    return np.where(equivalence <= ALPHA, EQUIVALENT, called)


def _share(name: str, happened: BoolArray) -> dict[str, float]:
    """The share of cases in which it happened, with Clopper and Pearson's interval of 95 %."""
    told = binomtest(int(happened.sum()), happened.size).proportion_ci()
    return {name: float(happened.mean()), f"{name}_low": told.low, f"{name}_high": told.high}


def assert_judged_as_the_harness_judges(cases: int = 50) -> None:
    """The vectorised judgements above are those of `judge_questions`."""
    names = [f"contender {number}" for number in range(4)]
    rng, ratios = np.random.default_rng(SEED), every_two("case", names)
    effects = rng.normal(0, 0.01, (cases, 8, 4)) - [0.05, 0, 0, 0.01]
    firsts, seconds = np.triu_indices(4, 1)
    log_ratios = np.moveaxis(effects[..., firsts] - effects[..., seconds], -1, 1)
    mean, error = running(log_ratios)
    verdicts = called(mean[..., -1], error[..., -1], np.full(cases, 8))
    for codes, samples in zip(verdicts, log_ratios, strict=True):
        told = judge_questions({"": ratios}, dict(zip(ratios, samples, strict=True)))[""]
        for code, (ratio, judgement) in zip(codes, told.items(), strict=True):
            wanted = [
                Verdict.INCONCLUSIVE,
                Verdict.EQUIVALENT,
                f"{ratio.first} faster",
                f"{ratio.second} faster",
            ]
            if judgement.verdict != wanted[code]:
                raise AssertionError(
                    f"{ratio}: the study says {wanted[code]}, the harness {judgement.verdict}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=500, help="cases per setting")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    assert_judged_as_the_harness_judges()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [row for scenario in SCENARIOS for row in families(scenario, options.simulations)]
    pd.DataFrame(rows).round(5).to_csv(options.out / "families.csv", index=False)


if __name__ == "__main__":
    main()
