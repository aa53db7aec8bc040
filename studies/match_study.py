"""Which effects of a match are precise, and which shrug off a wild contender? `python -m studies.match_study`

Simulates matches of two, four and eight contenders on the machines of `noise.py`, gives every estimator of
`effect_candidates.py` the same data, and lays Student's t over replicates, as for two contenders
(`interval_study.py`). Each is held against the median of the two contenders' own turns, which no other
contender touches, but which does not close. Seeded, one process. Writes
`estimators.csv`, `planted.csv` and `disturbed.csv`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.analysis.intervals import FloatArray
from studies.candidates import student
from studies.effect_candidates import ESTIMATORS, Estimator
from studies.noise import SCENARIOS, Scenario, Shape

SEED = 7
OUT = Path("docs/decisions/0005-effects-of-a-match")
CONTENDERS = (2, 4, 8)
REPLICATES = (5, 10)
TURNS = (4, 16)
DIRECT = "median of their own turns"

# What shrinks differences has to show.
PLANTED = float(np.log(1.03))
MOSTLY = 0.6


def estimators(scenario: Scenario, simulations: int) -> Iterator[dict[str, object]]:
    """One row a number of contenders, turns and replicates, estimator and kind of ratio.

    `simulations` are of eight contenders; of fewer there are more, so that all have as many cells. In uneven
    scenarios chance treats all but the first alike, so ratios with the first one are told apart.
    """
    for contenders, turns in product(CONTENDERS, TURNS):
        shape = Shape(
            simulations=simulations * max(CONTENDERS) // contenders,
            replicates=max(REPLICATES),
            rounds=turns,
            contenders=contenders,
        )
        rng = np.random.default_rng([SEED, SCENARIOS.index(scenario), turns, contenders])
        log_times = scenario.noise(rng, shape)
        keys = {"scenario": scenario.name, "even": scenario.even, "contenders": contenders, "turns": turns}
        yield from (keys | row for row in _assessed(scenario, log_times))


def _assessed(scenario: Scenario, log_times: FloatArray) -> Iterator[dict[str, object]]:
    firsts, seconds = np.triu_indices(log_times.shape[-1], 1)
    own = np.median(log_times[..., firsts] - log_times[..., seconds], axis=-2)
    for estimator in (None, *ESTIMATORS):
        longer = own if estimator is None else _longer(estimator, log_times)
        for kind, chosen in (("with the first", firsts == 0), ("of the others", firsts > 0)):
            if not chosen.any():
                continue
            sample = np.moveaxis(longer[..., chosen], -1, 1)
            # Where chance is against the first, an interval can only be asked to hold what it estimates.
            fair = scenario.even or kind == "of the others"
            truth = 0.0 if fair else float(sample.mean())
            for replicates in REPLICATES:
                low, high = student(sample[..., :replicates])
                yield {
                    "ratio": kind,
                    "estimator": DIRECT if estimator is None else estimator.name,
                    "replicates": replicates,
                    "coverage": float(np.mean((low <= truth) & (truth <= high))),
                    "half_width": float(np.median(np.expm1((high - low) / 2))),
                    "sd": float(sample.std()),
                }


def _longer(estimator: Estimator, log_times: FloatArray) -> FloatArray:
    """(..., ratios): how much longer the first of every two takes than the second."""
    effects = estimator.effects(log_times)
    firsts, seconds = np.triu_indices(effects.shape[-1], 1)
    return np.asarray(effects[..., firsts] - effects[..., seconds])


def planted(scenario: Scenario, simulations: int) -> Iterator[dict[str, object]]:
    """One row a number of contenders and estimator: the share found of a difference that was planted.

    The contenders' times lie `PLANTED` apart from end to end, evenly; noise of rounds is as large.
    """
    if scenario.name not in ("white", "processes"):
        return
    for contenders in (2, 3, 4, 8):
        shape = Shape(simulations=20 * simulations, replicates=1, rounds=16, contenders=contenders)
        rng = np.random.default_rng([SEED, SCENARIOS.index(scenario), contenders, 1])
        log_times = scenario.noise(rng, shape) + np.linspace(0, PLANTED, contenders)
        for estimator in ESTIMATORS:
            effects = estimator.effects(log_times)
            found = (effects[..., -1] - effects[..., 0]) / PLANTED
            yield {
                "scenario": scenario.name,
                "contenders": contenders,
                "estimator": estimator.name,
                "found_share": float(found.mean()),
                "found_share_error": float(found.std() / np.sqrt(found.size)),
            }


def noisy(rng: np.random.Generator, size: tuple[int, ...]) -> FloatArray:
    """Rounds that scatter so widely (Student t, 1.5 degrees, scale 50 %) that nothing else counts."""
    return np.asarray(0.5 * rng.standard_t(1.5, size))


def mostly_hit(rng: np.random.Generator, size: tuple[int, ...]) -> FloatArray:
    """Six rounds in ten take 2 to 5 times as long: more than a median can bear."""
    return np.where(rng.random(size) < MOSTLY, rng.uniform(np.log(2), np.log(5), size), 0.0)


def disturbed(scenario: Scenario, simulations: int) -> Iterator[dict[str, object]]:
    """One row a wild contender, number of contenders and estimator: the ratio of two that are not wild."""
    if not scenario.even:
        return
    for contenders in (3, 8):
        shape = Shape(simulations=simulations, replicates=min(REPLICATES), rounds=16, contenders=contenders)
        rng = np.random.default_rng([SEED, SCENARIOS.index(scenario), contenders])
        quiet = scenario.noise(rng, shape)
        own = np.median(quiet[..., 0] - quiet[..., 1], axis=-1)
        for wildness in (noisy, mostly_hit):
            log_times = quiet.copy()
            log_times[..., -1] += wildness(rng, log_times.shape[:-1])
            for estimator in ESTIMATORS:
                longer = _longer(estimator, log_times)[..., 0]
                yield {
                    "scenario": scenario.name,
                    "wild": wildness.__name__,
                    "contenders": contenders,
                    "estimator": estimator.name,
                    "width_over_own": _width(longer) / _width(own),
                    "moved": float(np.sqrt(np.mean((longer - own) ** 2))),
                }


def _width(sample: npt.NDArray[np.float64]) -> float:
    low, high = student(sample)
    return float(np.median(high - low))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=250, help="cases of eight contenders")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, study in (("estimators", estimators), ("planted", planted), ("disturbed", disturbed)):
        rows = [row for scenario in SCENARIOS for row in study(scenario, options.simulations)]
        pd.DataFrame(rows).round(5).to_csv(options.out / f"{name}.csv", index=False)


if __name__ == "__main__":
    main()
