"""Would a sequential t-test end runs sooner? `python -m studies.sequential_study`

Koning and van Meer (2026) make a test that may be looked at any time out of one with a planned number of
replicates: at each look, the chance under the null hypothesis that the planned test will reject, given what
is known by then. Here it stands beside the engine's rule (every look from the sixth replicate on, p-values
times `CAUTION`), on simulated cases of two contenders whose replicates are those of a run, on the machines of
`noise.py`. Seeded, one process. Writes `sequential.csv`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtr, stdtrit
from scipy.stats import binomtest

from harness.analysis.intervals import FloatArray
from harness.analysis.statistics import CAUTION, MIN_REPLICATES
from studies.effect_candidates import means_of_pairwise_medians
from studies.family_study import ALPHA, TURNS, running
from studies.noise import SCENARIOS, Scenario, Shape

SEED = 20261130
OUT = Path("docs/decisions/0014-no-sequential-test")
# As many as a run takes where nothing else is said, and what a default run has time for.
PLANNED = (20, 8)
DIFFERENCES = (0.0, 0.03, 0.05, 0.1, 0.2)
# A test that has come so near to rejecting rejects: it errs at most 1 / this much more often (Markov).
SURE = 0.98
DRAWS = 400

IntArray = npt.NDArray[np.intp]


def rows(scenario: Scenario, simulations: int) -> Iterator[dict[str, object]]:
    """One row a planned number, rule and true difference: how often, when and how wrongly it calls."""
    rng = np.random.default_rng([SEED, SCENARIOS.index(scenario)])
    shape = Shape(simulations=simulations, replicates=max(PLANNED), rounds=TURNS)
    effects = means_of_pairwise_medians(scenario.noise(rng, shape))
    log_ratios = effects[..., 1] - effects[..., 0]
    if not scenario.even:
        # A test can only be asked about what is estimated.
        log_ratios -= log_ratios.mean()
    for planned in PLANNED:
        for share in DIFFERENCES:
            sample = log_ratios[:, :planned] + np.log1p(share)
            for rule, strength in (
                ("every look, with caution", with_caution(sample)),
                ("sequential", sequential(sample, ALPHA * SURE, rng)),
                ("sequential, with caution", sequential(sample, ALPHA * SURE / CAUTION, rng)),
                ("at the end, with caution", with_caution(sample)[:, -1:]),
            ):
                yield {
                    "scenario": scenario.name,
                    "even": scenario.even,
                    "planned": planned,
                    "difference": share,
                    "rule": rule,
                    **_called(sample, strength, planned),
                }


def with_caution(sample: FloatArray) -> FloatArray:
    """(simulations, looks): 1 where the engine's test rejects, from `MIN_REPLICATES` replicates on."""
    counts = np.arange(MIN_REPLICATES, sample.shape[-1] + 1)
    p = 2 * stdtr(counts - 1, -np.abs(_t(sample)[:, MIN_REPLICATES - 2 :]))
    return np.asarray(CAUTION * p <= ALPHA, np.float64)


def sequential(sample: FloatArray, alpha: float, rng: np.random.Generator) -> FloatArray:
    """(simulations, looks): the sequential form of the t-test that all replicates together will be put to.

    What is known by a look is whatever does not depend on the unit of noise. Given that, with no difference,
    the variance is what the replicates so far leave of a flat prior on its logarithm, and what is to come is
    normal around 0.

    Args:
        sample: (simulations, replicates) log-ratios.
        alpha: level of the planned test.
        rng: draws what is to come, the same for all simulations of a look.

    Returns:
        From `MIN_REPLICATES` replicates on the chance that the planned test rejects; at the last look 0 or 1.
    """
    planned = sample.shape[-1]
    border = stdtrit(planned - 1, 1 - alpha / 2)
    chances = []
    for count in range(MIN_REPLICATES, planned):
        sums, squares = sample[:, :count].sum(axis=-1), (sample[:, :count] ** 2).sum(axis=-1)
        left = planned - count
        sd = np.sqrt(squares[:, None] / rng.chisquare(count, DRAWS))
        drawn = rng.standard_normal(DRAWS)
        spread = drawn**2 + (rng.chisquare(left - 1, DRAWS) if left > 1 else 0.0)
        total = sums[:, None] + sd * np.sqrt(left) * drawn
        variance = (squares[:, None] + sd**2 * spread - total**2 / planned) / (planned - 1)
        chances.append((np.abs(total) > border * np.sqrt(planned * variance)).mean(axis=-1))
    return np.stack([*chances, np.abs(_t(sample)[:, -1]) > border], axis=-1).astype(np.float64)


def _t(sample: FloatArray) -> FloatArray:
    """(simulations, replicates - 1): Student's t of the first 2, 3, ... replicates."""
    mean, error = running(sample)
    return mean / error


def _called(sample: FloatArray, strength: FloatArray, planned: int) -> dict[str, object]:
    """Of cases that end at the first look that rejects: how many did, after how many replicates."""
    looks = strength >= SURE
    called, first = looks.any(axis=-1), looks.argmax(axis=-1)
    replicates: IntArray = np.where(called, first + planned - strength.shape[-1] + 1, planned)
    means = np.cumsum(sample, axis=-1)[np.arange(len(sample)), replicates - 1]
    told = binomtest(int(called.sum()), called.size).proportion_ci()
    return {
        "called": float(called.mean()),
        "called_low": told.low,
        "called_high": told.high,
        "called_at_first_look": float(looks[:, 0].mean()),
        "wrong_sign": float((called & (means < 0)).mean()),
        "mean_replicates": float(replicates.mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=4_000, help="cases per setting")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = [row for scenario in SCENARIOS for row in rows(scenario, options.simulations)]
    pd.DataFrame(found).round(5).to_csv(options.out / "sequential.csv", index=False)


if __name__ == "__main__":
    main()
