"""Which interval of the speed ratio holds its coverage? `python -m studies.interval_study`

Simulates pairs on many kinds of noisy machine (`noise.py`), gives every candidate interval
(`candidates.py`) the same data, and counts how often each holds the truth and how wide it is. Then asks
what becomes of the chosen one when a run stops as soon as its interval is narrow enough. Seeded, one
process, a few minutes on one core. Writes `coverage.csv`, `stopping.csv` and `tables.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from harness.analysis.intervals import FloatArray
from studies.candidates import CANDIDATES, CHOSEN, TAIL, Bounds, Candidate
from studies.noise import SCENARIOS, Scenario, Shape
from studies.tables import tables

SEED = 20130620
REPLICATES = (2, 3, 4, 5, 10, 20)
ROUNDS = (4, 16)

# Stopping rules: a run looks at its interval from `FEWEST` replicates on, stops when its half-width is
# at most the target, and then measures `EXTRA` more.
TARGETS = (0.01, 0.02, 0.04)
FEWEST = (2, 3, 5, 8)
EXTRA = (0, 1, 2, 3)
MOST = 40


def coverage(simulations: int) -> pd.DataFrame:
    """One row a scenario, number of rounds, candidate and number of replicates."""
    rows: list[dict[str, object]] = []
    for number, scenario in enumerate(SCENARIOS):
        for rounds in ROUNDS:
            shape = Shape(simulations=simulations, replicates=max(REPLICATES), rounds=rounds)
            log_times = scenario.noise(np.random.default_rng([SEED, number, rounds]), shape)
            for candidate in CANDIDATES:
                rows.extend(
                    {"scenario": scenario.name, "even": scenario.even, "rounds": rounds, **row}
                    for row in _assess(candidate, scenario, log_times)
                )
    return pd.DataFrame(rows)


def _assess(candidate: Candidate, scenario: Scenario, log_times: FloatArray) -> Iterator[dict[str, object]]:
    """Coverage and width of one candidate, replicates added in the order in which they came.

    Where chance favours one side, an interval can only be asked to hold what it estimates: the centre
    that its replicates would have if there were very many. `offset` is how far that is from 0.
    """
    sample = candidate.sample(log_times)
    pooled = sample.mean(axis=-1) if candidate.location is None else sample
    truth = 0.0 if scenario.even else float(candidate.centre(pooled.ravel()))
    for replicates in REPLICATES:
        low, high = candidate.interval(sample[:, :replicates])
        yield {
            "candidate": candidate.name,
            "replicates": replicates,
            **_held(low, high, truth),
            "half_width": float(np.median(np.expm1((high - low) / 2))),
            "offset": truth,
        }


def _held(low: FloatArray, high: FloatArray, truth: float) -> dict[str, float]:
    """Share of intervals that hold the truth, with its Monte Carlo standard error."""
    share = float(np.mean((low <= truth) & (truth <= high)))
    return {"coverage": share, "coverage_error": float(np.sqrt(share * (1 - share) / low.size))}


def stopping(simulations: int) -> pd.DataFrame:
    """One row a scenario, target and stopping rule: what is left of the chosen interval's coverage."""
    rows: list[dict[str, object]] = []
    shape = Shape(simulations=simulations, replicates=MOST, rounds=max(ROUNDS))
    chosen = np.arange(simulations)
    for number, scenario in enumerate(SCENARIOS):
        if not scenario.even:
            continue
        log_times = scenario.noise(np.random.default_rng([SEED, number]), shape)
        low, high = _running_student(CHOSEN.sample(log_times))
        half_width = np.expm1((high - low) / 2)
        for target in TARGETS:
            for fewest in FEWEST:
                first = _first_look(half_width <= target, fewest)
                for extra in EXTRA:
                    stop = np.minimum(first + extra, MOST)
                    rows.append(
                        {
                            "scenario": scenario.name,
                            "target": target,
                            "fewest": fewest,
                            "extra": extra,
                            **_held(low[chosen, stop - 2], high[chosen, stop - 2], truth=0.0),
                            "mean_replicates": float(stop.mean()),
                            "stopped": float(np.mean(first < MOST)),
                        }
                    )
    return pd.DataFrame(rows)


def _running_student(sample: FloatArray) -> Bounds:
    """t-intervals of the first 2, 3, ... replicates: (simulations, replicates - 1) each."""
    counts = np.arange(2, sample.shape[-1] + 1)
    centre = np.cumsum(sample, axis=-1)[:, 1:] / counts
    square = np.cumsum(sample**2, axis=-1)[:, 1:] / counts
    sd = np.sqrt(np.maximum(square - centre**2, 0) * counts / (counts - 1))
    reach = stats.t.ppf(TAIL, counts - 1) * sd / np.sqrt(counts)
    return centre - reach, centre + reach


def _first_look(narrow: npt.NDArray[np.bool_], fewest: int) -> npt.NDArray[np.intp]:
    """Replicates at which each simulation is first narrow, from `fewest` on; `MOST` where it never is."""
    looks = narrow.copy()
    looks[:, : fewest - 2] = False
    looks[:, -1] = True
    return np.asarray(looks.argmax(axis=1) + 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=10_000, help="pairs of frameworks per setting")
    parser.add_argument("--out", type=Path, default=Path("docs/decisions/0002-the-interval"))
    options = parser.parse_args()
    covered, stopped = coverage(options.simulations), stopping(options.simulations)
    options.out.mkdir(parents=True, exist_ok=True)
    covered.round(5).to_csv(options.out / "coverage.csv", index=False)
    stopped.round(5).to_csv(options.out / "stopping.csv", index=False)
    (options.out / "tables.md").write_text(tables(covered, stopped))


if __name__ == "__main__":
    main()
