"""What the other workers of a match cost: a worker's rounds alone, beside one partner and beside seven.

    python -m benchmarks.residents

All are fresh workers of one match, of both frameworks in turn. A turn has a few rounds of the worker that is
looked at alone, beside one and beside seven, in an order that is drawn: a partner does a round before each of
its rounds, as in a match, and those that do not take part wait, as they do between their own rounds. A turn
lasts seconds, so that what drifts on the machine falls on all alike.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import cycle, islice, product
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from rich.console import Console

from harness.analysis.residents import beside_others
from harness.data import cache, mnist
from harness.engine.selfchecking.workers import CheckConditions, Workers
from harness.errors import HarnessError
from harness.measure import provenance
from harness.sessions.bench import PLACE
from harness.settings import config
from harness.settings.presets import FRAMEWORKS
from harness.store.schema import CALIBRATION
from harness.store.writer import Store
from harness.work.workload import MOST_EPOCHS, Case, Mode, Workload

PARTNERS: Final = (0, 1, 7)
ROUND_S: Final = 0.1
# Beside each number of partners, in each turn.
ROUNDS: Final = 4
# For all of it: nothing here is in a hurry.
_LIMIT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of the worker that is looked at, beside so many partners."""

    framework: str
    batch_size: int
    replicate: int
    turn: int
    partners: int
    wall_s: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.residents", description=__doc__)
    parser.add_argument("--dataset", default="mnist", help="(default: mnist)")
    parser.add_argument("--batch-size", default="64,512", help="(default: 64,512)")
    parser.add_argument("--replicates", default="6", help="workers a framework and batch size (default: 6)")
    parser.add_argument("--threads", default="auto", help="of each worker (default: auto)")
    parser.add_argument("--turns", type=int, default=16, help="of each worker (default: 16)")
    parser.add_argument("--output", type=Path, help="write every round to this CSV file")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder whose page tells it (default: results)"
    )
    given = parser.parse_args()
    out, errors = (
        Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True) for stderr in (False, True)
    )
    asked = {name: getattr(given, name) for name in ("dataset", "batch_size", "replicates", "threads")}
    try:
        settings = config.resolve(asked, {}, Path())
        frame = pd.DataFrame([asdict(one) for one in measure(settings, given.turns)])
        if given.output is not None:
            frame.to_csv(given.output, index=False)
        residents = by_worker(frame)
        _keep(residents, settings, given)
    except HarnessError as error:
        errors.print(f"residents: {error}")
        sys.exit(error.exit_code)
    for line in told(residents):
        out.print(line)


def _keep(residents: pd.DataFrame, settings: config.Settings, given: argparse.Namespace) -> None:
    """Where the page finds it."""
    machine = provenance.columns(threads=settings.threads, passed=settings.pass_env)
    where = {name: machine[name] for name in PLACE} | {"threads": settings.threads, "turns": given.turns}
    where |= {"dataset": settings.dataset}
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    Store(given.results / CALIBRATION).save_residents(name, residents.to_dict("records"), where)


def by_worker(rounds: pd.DataFrame) -> pd.DataFrame:
    """Each worker's speed beside each number of partners over its speed alone: columns as `RESIDENTS` has."""
    worker = ["framework", "batch_size", "replicate"]
    logs = np.log(rounds.pivot_table("wall_s", [*worker, "turn"], "partners", aggfunc="median", sort=False))
    gained = (-logs[list(PARTNERS[1:])]).add(logs[0], axis=0)
    ratios = np.exp(gained.groupby(worker, sort=False).median())
    return ratios.melt(ignore_index=False, value_name="speed_ratio").reset_index()


def told(residents: pd.DataFrame) -> Iterator[str]:
    """Each framework's speed beside partners over its speed alone, by batch size; below 1, they cost."""
    for row in beside_others(residents).to_dict("records"):
        bounds = "" if row["low"] is None else f" [{row['low']:.4f}, {row['high']:.4f}]"
        yield (
            f"{row['framework']}, batch {row['batch_size']}: speed beside {row['partners']} over alone "
            f"{row['ratio']:.4f}{bounds}, {row['replicates']} replicates"
        )


def measure(settings: config.Settings, turns: int) -> Iterator[Round]:
    """The rounds of each replicate; frameworks and batch sizes alternate, so that they share drift."""
    root = mnist.locate(settings.dataset, data_dir=None, cache=cache.cache_folder()).root
    with tempfile.TemporaryDirectory(prefix="evenmatch-residents-") as folder:
        conditions = CheckConditions.on_the_cpu(settings, root, Path(folder))
        workers = Workers(conditions, "residents", _LIMIT_S)
        for replicate, batch_size, framework in product(
            range(settings.replicates), settings.batch_size, FRAMEWORKS
        ):
            workload = Workload(dataset=settings.dataset, batch_size=batch_size, epochs=MOST_EPOCHS)
            case = Case(workload=workload, device="cpu", mode=Mode.LOOP)
            order = random.Random(f"{settings.seed}:{replicate}:{case.id}:{framework}")
            for turn, partners, wall_s in _replicate(workers, case, framework, order, turns):
                yield Round(
                    framework=framework,
                    batch_size=batch_size,
                    replicate=replicate,
                    turn=turn,
                    partners=partners,
                    wall_s=wall_s,
                )


def _replicate(
    workers: Workers, case: Case, framework: str, order: random.Random, turns: int
) -> Iterator[tuple[int, int, float]]:
    """Turn, number of partners and seconds of each round of one worker."""
    names = [framework, *islice(cycle(FRAMEWORKS), PARTNERS[-1])]
    with workers.started(case, names, round_s=ROUND_S) as (staying, *partners):
        for hand in (staying, *partners):
            hand.train()
        for turn in range(turns):
            for number in order.sample(PARTNERS, len(PARTNERS)):
                for _ in range(ROUNDS):
                    for hand in partners[:number]:
                        hand.train()
                    yield turn, number, staying.train_s()


if __name__ == "__main__":
    main()
