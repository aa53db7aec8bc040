"""Do forked replicates vary as fresh ones do? `python -m studies.forked_replicates`

Matches of two frameworks, as a run plays them but cut short, in random order with workers that are started
afresh (`fresh`), and with workers that are forked from a process that has imported its framework and computed
nothing: one of each framework for the whole study (`forked`), or one for each replicate, whose batch sizes
share it (`own`). Writes a row a match, and says for each batch size how much replicates vary each way, what
they cost, and how often intervals of five forked replicates hold what all the fresh ones say.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from harness.analysis.intervals import ratio_interval
from harness.data import cache, mnist
from harness.engine.conditions import Conditions
from harness.engine.forking import ForkServers
from harness.engine.known import Known
from harness.engine.playing import run_match
from harness.engine.ratios import Ratios
from harness.measure import scratch
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.matches import Match, between
from harness.work.records import Phase, Role, Trial

# Of one run: what an interval is made of.
REPLICATES = 5
DRAWS = 10_000


FRESH = "fresh"
# Forked from servers that last as long as the study, or as a replicate.
FORKED = ("forked", "own")


class Silent:
    """An observer that says nothing."""

    def match_began(self, match: Match, *, spent_s: float, left_s: float | None) -> None: ...
    def turn_done(self, match: Match, *, done: int, rounds: int) -> None: ...
    def trial_done(self, trial: Trial) -> None: ...


def measured(options: argparse.Namespace) -> pd.DataFrame:
    """A row a match."""
    asked = {"batch_size": options.batch, "round_s": str(options.round_s)}
    settings = config.resolve(asked, os.environ, Path.cwd())
    files = mnist.locate(settings.dataset, data_dir=settings.data_dir, cache=cache.cache_folder())
    planned = plan(settings)
    rows: list[dict[str, object]] = []
    known = Known()
    with scratch.folder() as folder, ForkServers() as lasting:
        made = Conditions.of(
            settings,
            run_id="study",
            data_root=files.root,
            logs=folder,
            compile_cache=folder,
            certificates={},
            servers=lasting,
        )
        conditions = replace(made, enough_s=options.seconds, speed_only=True)
        order = random.Random(settings.seed)  # noqa: S311  (order, not secrecy)
        for replicate in range(options.replicates):
            block = list(product(planned.cases, options.ways.split(",")))
            with ForkServers() as own:
                for case, way in order.sample(block, len(block)):
                    match = between(case, replicate)
                    begin_s = time.monotonic()
                    trials = run_match(match, _started(conditions, way, own), Silent(), known)
                    wall_s = time.monotonic() - begin_s
                    rows.append(_row(trials, way, replicate, wall_s))
            sys.stdout.write(f"{replicate + 1} of {options.replicates}, load {os.getloadavg()[0]:.1f}\n")
            sys.stdout.flush()
            # What was measured stays, whatever becomes of the study.
            pd.DataFrame(rows).to_csv(options.out, index=False)
    return pd.DataFrame(rows)


def _started(conditions: Conditions, way: str, own: ForkServers) -> Conditions:
    """The conditions of a match whose workers are started this way."""
    forked = frozenset[Role]() if way == FRESH else frozenset({Role.COMPARISON})
    return replace(conditions, forked=forked, servers=own if way == "own" else conditions.servers)


def _row(trials: tuple[Trial, ...], way: str, replicate: int, wall_s: float) -> dict[str, object]:
    """A match: what it took and said, and how its turns varied, warm-up left out."""
    columns = [
        pd.Series([one.sample_s for one in trial.rounds if one.phase is Phase.TRAIN and not one.warm_up])
        for trial in trials
    ]
    first, second = columns
    turns = np.log(
        second.iloc[::-1].reset_index(drop=True) / first.iloc[::-1].reset_index(drop=True)
    ).dropna()
    own = {
        f"{trial.framework}_{name}": value
        for trial, samples in zip(trials, columns, strict=True)
        for name, value in (
            ("samples_per_s", round(1 / samples.median())),
            ("host_peak_bytes", trial.host_peak_bytes),
        )
    }
    return {
        "way": way,
        "batch_size": trials[0].case.workload.batch_size,
        "replicate": replicate,
        "match_wall_s": round(wall_s, 3),
        "log_ratio": Ratios(trials).log_ratio(0, 1),
        "turns": len(turns),
        "turn_sd": turns.std(),
        **own,
    }


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    """A row a batch size and way of forking: spread, cost, and how far its intervals hold fresh truth."""
    rows = []
    # The first of a replicate's own waits for the import.
    waits = measured["way"].eq("own") & measured.groupby(["way", "replicate"]).cumcount().eq(0)
    measured = measured.assign(match_wall_s=measured["match_wall_s"].mask(waits))
    for batch_size, of_size in measured.groupby("batch_size"):
        log_ratios = {way: one["log_ratio"].dropna().to_numpy() for way, one in of_size.groupby("way")}
        fresh = log_ratios[FRESH]
        wall_s = of_size.groupby("way")["match_wall_s"].median()
        for way in (way for way in FORKED if way in log_ratios):
            row = {"batch_size": batch_size, "way": way, **_beside(log_ratios[way], fresh)}
            rows.append(row | {"match forked s": wall_s[way], "match fresh s": wall_s[FRESH]})
    return pd.DataFrame(rows)


def _beside(forked: np.ndarray, fresh: np.ndarray) -> dict[str, object]:
    """How log-ratios of forked replicates stand beside those of fresh ones."""
    ratio = np.var(forked, ddof=1) / np.var(fresh, ddof=1)
    freedom = (len(forked) - 1, len(fresh) - 1)
    between = stats.ttest_ind(forked, fresh, equal_var=False).confidence_interval()
    return {
        "replicates": f"{len(forked)} forked, {len(fresh)} fresh",
        "sd forked %": 100 * np.std(forked, ddof=1),
        "sd fresh %": 100 * np.std(fresh, ddof=1),
        "variance ratio": ratio,
        "low": ratio / stats.f.ppf(0.975, *freedom),
        "high": ratio / stats.f.ppf(0.025, *freedom),
        "ratio forked": float(np.exp(forked.mean())),
        "ratio fresh": float(np.exp(fresh.mean())),
        "forked over fresh": f"{np.exp(between.low):.3f} to {np.exp(between.high):.3f}",
        "coverage %": 100 * coverage(forked, fresh),
        "coverage of fresh %": 100 * coverage(fresh, fresh),
    }


def coverage(of: np.ndarray, truth: np.ndarray) -> float:
    """How often the interval of five drawn without replacement holds the mean of `truth`."""
    rng = np.random.default_rng(0)
    mean = truth.mean()
    held = 0
    for _ in range(DRAWS):
        interval = ratio_interval(rng.choice(of, REPLICATES, replace=False))
        held += bool(interval.low is not None and np.log(interval.low) <= mean <= np.log(interval.high))
    return held / DRAWS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--replicates", type=int, default=30, help="each way, of each batch size")
    parser.add_argument("--batch", default="64,512")
    parser.add_argument("--seconds", type=float, default=2.0, help="of training each contender in a match")
    parser.add_argument("--round", dest="round_s", type=float, default=0.1, help="least seconds of a round")
    parser.add_argument("--ways", default="fresh,own", help="fresh, and one or both of forked and own")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/decisions/0008-forked-replicates/matches-own.csv")
    )
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    found = summary(measured(options))
    sys.stdout.write(found.T.to_string() + "\n")


if __name__ == "__main__":
    main()
