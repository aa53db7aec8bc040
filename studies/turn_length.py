"""How long should a turn be? `python -m studies.turn_length`

Fresh workers of both frameworks take turns whose length is drawn anew for each, so that what drifts on the
machine falls on all lengths alike. Writes `turns.csv`, a row a turn, and says for each batch size and length
how the log-ratio of a turn varies, what a turn takes with all beside its rounds, and the product of both: the
variance that is left after a second of turns. Whether a shorter round tells another ratio is said as well.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from harness.analysis.intervals import Interval, ratio_interval
from harness.data import cache, mnist
from harness.engine.rounds import fastest, plan_rounds
from harness.engine.selfchecking.workers import CheckConditions, Hand, Workers
from harness.settings import config
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import Case, Mode, Workload
from harness.worker.protocol import Do

LENGTHS_S: Final = (0.02, 0.05, 0.1, 0.2)
# Beside which the others' variances are told.
_USUAL_S: Final = 0.1
_DRAWS: Final = 2_000
_LIMIT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A round of each framework, one after the other; `took_s` is all of it."""

    batch_size: int
    replicate: int
    length_s: float
    log_ratio: float
    took_s: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.turn_length", description=__doc__)
    parser.add_argument("--batch", default="64,512", help="(default: 64,512)")
    parser.add_argument("--replicates", type=int, default=6, help="of each batch size (default: 6)")
    parser.add_argument("--seconds", type=float, default=40.0, help="of turns in each (default: 40)")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for turns.csv (default: this one)")
    given = parser.parse_args()
    settings = config.resolve({"batch_size": given.batch}, os.environ, Path.cwd())
    frame = pd.DataFrame([asdict(turn) for turn in measure(settings, given)])
    frame.to_csv(given.out / "turns.csv", index=False, float_format="%.6g")
    sys.stdout.write(summary(frame).to_string(index=False) + "\n")


def measure(settings: config.Settings, given: argparse.Namespace) -> Iterator[Turn]:
    root = mnist.locate(settings.dataset, data_dir=settings.data_dir, cache=cache.cache_folder()).root
    with tempfile.TemporaryDirectory(prefix="evenmatch-turns-") as folder:
        conditions = CheckConditions.on_the_cpu(settings, root, Path(folder))
        workers = Workers(conditions, "turns", _LIMIT_S)
        for replicate, batch_size in product(range(given.replicates), settings.batch_size):
            workload = Workload(batch_size=batch_size, seed=settings.seed + replicate)
            case = Case(workload=workload, device="cpu", mode=Mode.LOOP)
            order = random.Random(f"{case.id}:{replicate}")  # noqa: S311  (order, not secrecy)
            with workers.open(FRAMEWORKS[0]) as first, workers.open(FRAMEWORKS[1]) as second:
                yield from _replicate((first, second), case, order, replicate, given.seconds)


def _replicate(
    hands: tuple[Hand, Hand], case: Case, order: random.Random, replicate: int, seconds: float
) -> Iterator[Turn]:
    for hand in hands:
        hand.begin(case)
    pace = fastest(case, [hand.process.hear(Do.START, timeout_s=_LIMIT_S)["pace"] for hand in hands])
    parts = {length_s: plan_rounds(case, pace, length_s).train for length_s in LENGTHS_S}
    begin_s = time.monotonic()
    while time.monotonic() - begin_s < seconds:
        for length_s in order.sample(LENGTHS_S, len(LENGTHS_S)):
            (part,) = order.choice(parts[length_s])
            turn_s, took_s = time.monotonic(), {}
            for seat in order.sample((0, 1), 2):
                reply = hands[seat].ask(Do.TRAIN, epoch=0, first=part.first, last=part.last)
                took_s[seat] = reply["wall_s"]
            yield Turn(
                batch_size=case.workload.batch_size,
                replicate=replicate,
                length_s=length_s,
                log_ratio=float(np.log(took_s[1] / took_s[0])),
                took_s=time.monotonic() - turn_s,
            )


def summary(turns: pd.DataFrame) -> pd.DataFrame:
    """A row a batch size and length: spread, cost and price of a turn, and whether it tells another ratio.

    A replicate's ratio is a median of turns, so its variance is that of medians of as many turns as fit into
    two seconds, drawn with replacement from the replicate's.
    """
    draws = np.random.default_rng(0)
    rows = []
    for batch_size, of_size in turns.groupby("batch_size"):
        found = {}
        for (length_s, replicate), group in of_size.groupby(["length_s", "replicate"]):
            # The first few settle what start-up left.
            said = group["log_ratio"].to_numpy()[3:]
            turn_s = float(group["took_s"].median())
            fitting = max(3, round(2 / turn_s))
            medians = np.median(draws.choice(said, (_DRAWS, fitting)), axis=1)
            found[length_s, replicate] = (
                said.std(ddof=1),
                turn_s,
                medians.var() * fitting * turn_s,
                np.median(said),
            )
        told = pd.DataFrame(found, index=["turn_sd", "turn_s", "variance_s", "log_ratio"]).T
        usual = told.xs(_USUAL_S)
        for length_s in LENGTHS_S:
            one = told.xs(length_s)
            price = ratio_interval(list(np.log(one["variance_s"] / usual["variance_s"])))
            ratio = ratio_interval(list(one["log_ratio"] - usual["log_ratio"]))
            rows.append(
                {
                    "batch_size": batch_size,
                    "length_s": length_s,
                    "a turn takes s": round(one["turn_s"].median(), 3),
                    "sd of a turn %": round(100 * np.sqrt((one["turn_sd"] ** 2).mean()), 1),
                    "price beside 0.1 s": _told(price),
                    "ratio beside 0.1 s": _told(ratio),
                }
            )
    return pd.DataFrame(rows)


def _told(ratio: Interval) -> str:
    if ratio.low is None or ratio.high is None:
        return f"{ratio.estimate:.3f}"
    return f"{ratio.estimate:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"


if __name__ == "__main__":
    main()
