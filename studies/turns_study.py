"""Does learning how many turns a replicate is worth cost coverage? `python -m studies.turns_study`

Plays whole runs (`simulated_runs.py`) on the machines of `noise.py` whose replicates have the turns that
`engine.known` learns, and runs of the same noise whose replicates all have those of its first guess. All
cases of a run are judged as one family, as `analysis.statistics` does it. Seeded, one process, about 25
minutes on one core. Writes `turns.csv` and `tables.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit
from scipy.stats import binomtest

from harness.analysis.intervals import FloatArray
from harness.analysis.statistics import Verdict, judge_family
from harness.engine.known import MOST_TURNS
from studies.family_study import EQUIVALENT, FIRST, SECOND, called
from studies.noise import SCENARIOS, Scenario, Shape
from studies.simulated_runs import MEASURED, Costs, IntArray, Run, Stop, played
from studies.turns_tables import tables

SEED = 20261128
OUT = Path("docs/decisions/0009-what-a-replicate-is-worth")
CONFIDENCE = 0.95
MARGIN = 0.03

# By how much the first is faster: not at all, as much as is still no equivalence, and more.
PLANTED = (0.0, MARGIN, 0.05)

# Runs of a setting that the harness itself judges too.
CHECKED = 10

USUAL = Costs(name="usual", start_s=8.0, after_s=5.0, turn_s=0.2)
COSTS = (
    USUAL,
    Costs(name="dear turns", start_s=8.0, after_s=5.0, turn_s=1.0),
    Costs(name="turns of seconds", start_s=8.0, after_s=5.0, turn_s=2.5),
    Costs(name="cheap start", start_s=2.0, after_s=1.0, turn_s=0.2),
)
STOPS = (Stop(most=6), Stop(most=8), Stop(most=12), *(Stop(within=one, budget_s=250) for one in (0.03, 0.02)))
# The second is the default run.
FAMILIES = (
    Stop(cases=2, most=12),
    Stop(cases=2, most=12, within=0.02, budget_s=250),
    Stop(cases=2, most=12, within=0.02, budget_s=600),
    Stop(cases=4, most=12, within=0.02, budget_s=900),
)

MACHINES = (*SCENARIOS, *MEASURED)

# In the order of `family_study`'s codes.
VERDICTS = (Verdict.INCONCLUSIVE, Verdict.EQUIVALENT, Verdict.A_FASTER, Verdict.B_FASTER)

BoolArray = npt.NDArray[np.bool_]
Row = dict[str, object]


def rows(scenario: Scenario, runs: int, stops: Sequence[Stop], costs: Sequence[Costs]) -> Iterator[Row]:
    """One row a kind of costs, way to get turns, and stopping rule: what became of so many runs."""
    cases, most = max(stop.cases for stop in stops), max(stop.most for stop in stops)
    rng = np.random.default_rng([SEED, MACHINES.index(scenario), cases])
    shape = Shape(simulations=runs, replicates=most, rounds=MOST_TURNS)
    log_times = [scenario.noise(rng, shape) for _ in range(cases)]
    for cost in costs:
        for learns in (False, True):
            of_cases = zip(*(played(one, cost, learns=learns) for one in log_times), strict=True)
            log_ratios, turns = (np.stack(of, axis=1) for of in of_cases)
            # Where chance favours one side, an interval can only be asked to hold what it estimates.
            offset = 0.0 if scenario.even else float(log_ratios.mean())
            for stop in stops:
                of_run = np.s_[:, : stop.cases, : stop.most]
                yield {
                    "scenario": scenario.name,
                    "even": scenario.even,
                    "costs": cost.name,
                    "turns": "learned" if learns else "fixed",
                    **asdict(stop),
                    "runs": runs,
                    "offset": offset,
                    **_became(log_ratios[of_run] - offset, turns[of_run], stop, cost),
                }


def _became(log_ratios: FloatArray, turns: IntArray, stop: Stop, costs: Costs) -> Row:
    """Errors, power and price of runs, from (runs, cases, replicates)."""
    run, took_s = Run(stop, costs), costs.match_s(turns)
    ends = np.array([run.replicates(*of) for of in zip(log_ratios, took_s, strict=True)])
    done = np.arange(stop.most) < ends[..., None]
    means = (log_ratios * done).sum(axis=-1) / ends
    squares = ((log_ratios - means[..., None]) ** 2 * done).sum(axis=-1)
    errors = np.sqrt(squares / (ends - 1) / ends)
    reach = stdtrit(ends - 1, (1 + CONFIDENCE) / 2) * errors
    verdicts = [judged(means + np.log1p(planted), errors, ends) for planted in PLANTED]
    assert_judged_as_the_harness_judges(log_ratios, ends, verdicts)
    equal, marginal, faster = verdicts
    wall_s, half_width = float((took_s * done).sum() / len(ends)), float(np.median(np.expm1(reach)))
    return {
        **_share("coverage", np.abs(means) <= reach),
        **_share("false_alarm", (equal > EQUIVALENT).any(axis=-1)),
        **_share("wrong_sign", (marginal == SECOND).any(axis=-1)),
        **_share("wrongly_equivalent", (marginal == EQUIVALENT).any(axis=-1)),
        **_share("found_5_percent", faster == FIRST),
        "mean_replicates": float(ends.mean()),
        "mean_turns": float(turns[done].mean()),
        "mean_wall_s": wall_s,
        "half_width": half_width,
        "price_s": wall_s * (half_width / MARGIN) ** 2,
    }


def judged(means: FloatArray, errors: FloatArray, replicates: IntArray) -> IntArray:
    """(runs, cases): what each case is called, a family a run. Cases differ in their replicates."""
    return called(means[:, None], errors[:, None], replicates)[:, 0]


def assert_judged_as_the_harness_judges(
    log_ratios: FloatArray, ends: IntArray, verdicts: Sequence[IntArray]
) -> None:
    """The vectorised verdicts on the first runs are those of `judge_family`."""
    for run in range(min(CHECKED, len(ends))):
        for planted, codes in zip(PLANTED, verdicts, strict=True):
            samples = [
                one[:end] + np.log1p(planted) for one, end in zip(log_ratios[run], ends[run], strict=True)
            ]
            told = [one.verdict for one in judge_family(samples, margin=MARGIN, alpha=1 - CONFIDENCE)]
            if told != [VERDICTS[code] for code in codes[run]]:
                raise AssertionError(f"{samples}: the study says {codes[run]}, the harness {told}")


def _share(name: str, happened: BoolArray) -> dict[str, float]:
    """How often it happened, with Clopper and Pearson's interval of 95 %."""
    told = binomtest(int(happened.sum()), happened.size).proportion_ci()
    return {name: float(happened.mean()), f"{name}_low": told.low, f"{name}_high": told.high}


def study(scenario: Scenario, runs: int) -> list[Row]:
    """Runs of one case at all costs, and of several at the usual."""
    return [*rows(scenario, runs, STOPS, COSTS), *rows(scenario, runs, FAMILIES, [USUAL])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=2_000, help="simulated runs per setting")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame([row for scenario in MACHINES for row in study(scenario, options.runs)]).round(5)
    frame.to_csv(options.out / "turns.csv", index=False)
    (options.out / "tables.md").write_text(tables(frame))


if __name__ == "__main__":
    main()
