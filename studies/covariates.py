"""Does knowing what else the machine did narrow the interval? `python -m studies.covariates RESULTS...`

Takes the matches of calibrations, in which the true ratio is known, and gives the same rounds to the chosen
estimate and to some that use what was recorded beside the clock: processor time instead of wall time,
wall time with the part that follows others' processor time and stolen time taken out (a control variate,
its slope fitted within the try), and wall time without the rounds that were marked as disturbed. Counts
how often each interval holds the truth and how wide it is. Writes `covariates.csv` and `covariates.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from harness.analysis.intervals import FloatArray, ratio_interval
from harness.analysis.statistics import MIN_REPLICATES
from harness.analysis.usual import IN_TURNS
from harness.store.reader import read_attempts
from harness.store.schema import CALIBRATION
from harness.work.records import Phase

_NOISE: Final = ["others_cpu_s", "steal_s"]


def turns(folder: Path) -> pd.DataFrame:
    """One row a turn of the tries that took turns: log-ratios of wall and processor time, noise.

    Rounds of the warm-up are left out. Columns: calibration, try (`number`), replicate, planted_share,
    `wall`, `cpu` (log of the second seat's over the first's), `others_cpu_s`, `steal_s` (shares of the
    round's wall time, the second's less the first's) and `disturbed`.
    """
    rounds = pd.read_parquet(folder / CALIBRATION / "rounds")
    attempts = read_attempts(folder)
    matches = attempts[attempts["way"] == IN_TURNS].groupby("calibration_id")["replicates"].max()
    rounds = rounds.assign(matches=rounds["run_id"].map(matches)).dropna(subset="matches")
    # The last replicate of a try is the one that was measured one seat after the other.
    in_turns = rounds["replicate"] % (rounds["matches"] + 1) != rounds["matches"]
    settled = rounds[(rounds["phase"] == Phase.TRAIN) & in_turns & ~rounds["warm_up"]]
    keys = ["run_id", "replicate", "round_index"]
    a, b = (settled[settled["seat"] == seat].set_index(keys) for seat in (0, 1))
    a, b = a.align(b, join="inner", axis=0)
    shares = {name: b[name] / b["wall_s"] - a[name] / a["wall_s"] for name in _NOISE}
    made = pd.DataFrame(
        {
            "framework": a["framework"],
            "planted_share": b["planted_share"],
            "wall": np.log(b["wall_s"]) - np.log(a["wall_s"]),
            "cpu": np.log(b["cpu_s"]) - np.log(a["cpu_s"]),
            **shares,
            "matches": a["matches"],
            "disturbed": a["disturbed_by"].notna() | b["disturbed_by"].notna(),
        }
    ).reset_index()
    return made.assign(number=made["replicate"] // (made["matches"] + 1))


def _wall(one: pd.DataFrame) -> pd.Series:
    return one["wall"]


def _cpu(one: pd.DataFrame) -> pd.Series:
    return one["cpu"]


def _controlled(one: pd.DataFrame) -> pd.Series:
    """Wall time less its regression, through the origin, on the differences in noise.

    Replicates are centred first: what tells their processes apart must not be explained by the noise.
    """
    centred = one[["wall", *_NOISE]] - one.groupby("replicate")[["wall", *_NOISE]].transform("mean")
    slopes: FloatArray = np.linalg.lstsq(centred[_NOISE], centred["wall"], rcond=None)[0]
    explained = one[_NOISE].to_numpy() @ slopes
    return one["wall"] - explained


def _undisturbed(one: pd.DataFrame) -> pd.Series:
    return one.loc[~one["disturbed"], "wall"]


ESTIMATES: Final[dict[str, Callable[[pd.DataFrame], pd.Series]]] = {
    "wall time (chosen)": _wall,
    "processor time": _cpu,
    "wall time, noise taken out": _controlled,
    "wall time, undisturbed rounds": _undisturbed,
}


def assess(made: pd.DataFrame) -> pd.DataFrame:
    """One row a try and estimate: its interval on the log scale and whether that holds the truth."""
    return pd.DataFrame(_rows(made))


def _rows(made: pd.DataFrame) -> Iterator[dict[str, object]]:
    for (run_id, number), one in made.groupby(["run_id", "number"]):
        for name, estimate in ESTIMATES.items():
            values = estimate(one)
            sample = values.groupby(one["replicate"]).median()
            if len(sample) < MIN_REPLICATES:
                continue
            interval = ratio_interval(sample)
            truth = 1 + one["planted_share"].iloc[0]
            assert interval.low is not None
            assert interval.high is not None
            yield {
                "run_id": run_id,
                "number": number,
                "framework": one["framework"].iloc[0],
                "planted_share": one["planted_share"].iloc[0],
                "estimate": name,
                "turns": len(values),
                "error": np.log(interval.estimate / truth),
                "half_width": interval.half_width,
                "covered": interval.low <= truth <= interval.high,
            }


def summary(assessed: pd.DataFrame) -> pd.DataFrame:
    """A row an estimate: tries, coverage with its exact interval, width and error in per cent."""
    rows = []
    for name, tries in assessed.groupby("estimate", sort=False):
        held, count = int(tries["covered"].sum()), len(tries)
        reach = binomtest(held, count).proportion_ci(method="exact")
        rows.append(
            {
                "estimate": name,
                "tries": count,
                "coverage %": f"{100 * held / count:.1f} ({100 * reach.low:.0f} to {100 * reach.high:.0f})",
                "median half-width %": f"{100 * tries['half_width'].median():.2f}",
                "mean half-width %": f"{100 * tries['half_width'].mean():.2f}",
                "root mean square error %": f"{100 * np.sqrt((tries['error'] ** 2).mean()):.2f}",
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="results folders that hold calibrations")
    parser.add_argument("--out", type=Path, default=Path("docs/decisions/0003-what-a-machine-tells-apart"))
    options = parser.parse_args()
    assessed = assess(pd.concat([turns(folder) for folder in options.results]))
    options.out.mkdir(parents=True, exist_ok=True)
    assessed.round(6).to_csv(options.out / "covariates.csv", index=False)
    table = summary(assessed)
    head = f"| {' | '.join(table.columns)} |\n|{' --- |' * len(table.columns)}\n"
    body = "".join(f"| {' | '.join(map(str, row))} |\n" for row in table.itertuples(index=False))
    (options.out / "covariates.md").write_text(head + body, encoding="utf-8")


if __name__ == "__main__":
    main()
