"""Do contenders of a match that share a core vary less? `python -m studies.shared_cores`

Matches of two frameworks, as a run plays them but for evaluation and latency, in random order with contenders
that share cores, drawn for each match, and with contenders that run where the system puts them. Writes
`matches.csv`, a row a match, and says for each batch size how a replicate varies each way, how much of that
single turns make, and whether the ratio is another one.
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

from harness.data import cache, mnist
from harness.engine.conditions import Conditions
from harness.engine.forking import ForkServers
from harness.engine.known import Known
from harness.engine.playing import run_match
from harness.engine.ratios import Ratios
from harness.measure import scratch
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.matches import between
from studies.forked_replicates import Silent

WAYS = {"shared": True, "free": False}


def measured(options: argparse.Namespace) -> pd.DataFrame:
    """A row a match."""
    settings = config.resolve({"batch_size": options.batch}, os.environ, Path.cwd())
    files = mnist.locate(settings.dataset, data_dir=settings.data_dir, cache=cache.cache_folder())
    planned = plan(settings)
    rows: list[dict[str, object]] = []
    known = {one: Known() for one in product(planned.cases, WAYS)}
    with scratch.folder() as folder, ForkServers() as servers:
        conditions = Conditions.of(
            settings,
            run_id="study",
            data_root=files.root,
            logs=folder,
            compile_cache=folder,
            certificates={},
            servers=servers,
        )
        order = random.Random(settings.seed)  # noqa: S311  (order, not secrecy)
        for replicate in range(options.replicates):
            for case, way in order.sample(list(known), len(known)):
                asked = replace(conditions, speed_only=True, share_cores=WAYS[way])
                begin_s = time.monotonic()
                trials = run_match(between(case, replicate), asked, Silent(), known[case, way])
                found = Ratios(trials)
                rows.append(
                    {
                        "way": way,
                        "batch_size": case.workload.batch_size,
                        "replicate": replicate,
                        "cores": trials[0].cores,
                        "log_ratio": found.log_ratio(0, 1),
                        "turn_error": found.turn_error(0, 1),
                        "turns": found.turns(0, 1),
                        "match_wall_s": round(time.monotonic() - begin_s, 3),
                    }
                )
            sys.stdout.write(f"{replicate + 1} of {options.replicates}, load {os.getloadavg()[0]:.1f}\n")
            sys.stdout.flush()
            # What was measured stays, whatever becomes of the study.
            pd.DataFrame(rows).to_csv(options.out / "matches.csv", index=False, float_format="%.6g")
    return pd.DataFrame(rows)


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    """A row a batch size: how replicates vary each way, what turns make of that, and both ratios apart."""
    rows = []
    for batch_size, of_size in measured.dropna(subset="log_ratio").groupby("batch_size"):
        shared, free = (of_size[of_size["way"] == way] for way in WAYS)
        ratio = shared["log_ratio"].var() / free["log_ratio"].var()
        freedom = (len(shared) - 1, len(free) - 1)
        apart = stats.ttest_ind(shared["log_ratio"], free["log_ratio"], equal_var=False)
        bounds = np.exp(apart.confidence_interval())
        rows.append(
            {
                "batch_size": batch_size,
                "replicates": f"{len(shared)} shared, {len(free)} free",
                "sd shared %": 100 * shared["log_ratio"].std(),
                "sd free %": 100 * free["log_ratio"].std(),
                "variance ratio": ratio,
                "low": ratio / stats.f.ppf(0.975, *freedom),
                "high": ratio / stats.f.ppf(0.025, *freedom),
                "by turns shared %": 100 * np.sqrt((shared["turn_error"] ** 2).mean()),
                "by turns free %": 100 * np.sqrt((free["turn_error"] ** 2).mean()),
                "shared over free": f"{bounds[0]:.3f} to {bounds[1]:.3f}",
            }
        )
    return pd.DataFrame(rows).round(3)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.shared_cores", description=__doc__)
    parser.add_argument("--batch", default="64,512", help="(default: 64,512)")
    parser.add_argument(
        "--replicates", type=int, default=20, help="each way of each batch size (default: 20)"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder for matches.csv (default: this one)")
    options = parser.parse_args()
    sys.stdout.write(summary(measured(options)).T.to_string(header=False) + "\n")


if __name__ == "__main__":
    main()
