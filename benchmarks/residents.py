"""What the other workers of a match cost: a worker's rounds alone, beside one partner and beside seven.

    python -m benchmarks.residents

Partners are fresh workers of both frameworks. While they are there each does a round before the worker that
is looked at does its own, as in a match. In every other replicate they are all there first and leave; in the
others they come. So what changes while a worker lives falls on all alike.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import cycle, islice, pairwise, product
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console

from harness.analysis.statistics import ratio_interval
from harness.data import cache, mnist
from harness.engine.selfchecking.workers import CheckConditions, Hand, Workers
from harness.errors import HarnessError
from harness.settings import config
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import MOST_EPOCHS, Case, Mode, Workload

PARTNERS: Final = (0, 1, 7)
ROUND_S: Final = 0.1
# For all of it: nothing here is in a hurry.
_LIMIT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of the worker that is looked at, beside so many partners."""

    framework: str
    batch_size: int
    replicate: int
    partners: int
    wall_s: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.residents", description=__doc__)
    parser.add_argument("--dataset", default="mnist", help="(default: mnist)")
    parser.add_argument("--batch-size", default="64,512", help="(default: 64,512)")
    parser.add_argument("--replicates", default="6", help="workers a framework and batch size (default: 6)")
    parser.add_argument("--threads", default="auto", help="of each worker (default: auto)")
    parser.add_argument("--rounds", type=int, default=16, help="beside each number of partners (default: 16)")
    parser.add_argument("--output", type=Path, help="write every round to this CSV file")
    given = parser.parse_args()
    out, errors = (
        Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True) for stderr in (False, True)
    )
    asked = {name: getattr(given, name) for name in ("dataset", "batch_size", "replicates", "threads")}
    try:
        frame = pd.DataFrame(
            [asdict(one) for one in measure(config.resolve(asked, {}, Path()), given.rounds)]
        )
    except HarnessError as error:
        errors.print(f"residents: {error}")
        sys.exit(error.exit_code)
    if given.output is not None:
        frame.to_csv(given.output, index=False)
    for line in told(frame):
        out.print(line)


def told(rounds: pd.DataFrame) -> Iterator[str]:
    """Each framework's speed beside partners over its speed alone, by batch size; below 1, they cost."""
    medians_s = rounds.pivot_table(
        "wall_s", ["framework", "batch_size", "replicate"], "partners", aggfunc="median", sort=False
    )
    for (framework, batch_size), found in medians_s.groupby(["framework", "batch_size"], sort=False):
        for partners in PARTNERS[1:]:
            logs = [math.log(alone / beside) for alone, beside in zip(found[0], found[partners], strict=True)]
            ratio = ratio_interval(logs)
            bounds = "" if ratio.low is None else f" [{ratio.low:.4f}, {ratio.high:.4f}]"
            yield (
                f"{framework}, batch {batch_size}: speed beside {partners} over alone {ratio.estimate:.4f}"
                f"{bounds}, {ratio.replicates} replicates"
            )


def measure(settings: config.Settings, rounds: int) -> Iterator[Round]:
    """The rounds of each replicate; frameworks and batch sizes alternate, so that they share drift."""
    root = mnist.locate(settings.dataset, data_dir=None, cache=cache.cache_folder()).root
    with tempfile.TemporaryDirectory(prefix="evenmatch-residents-") as folder:
        Path(folder, "logs").mkdir()
        conditions = CheckConditions(
            device="cpu",
            gpu=None,
            gpu_reason=None,
            frameworks=FRAMEWORKS,
            threads=settings.threads,
            data_root=root,
            folder=Path(folder),
            compile_cache=Path(folder),
        )
        workers = Workers(conditions, "residents", _LIMIT_S)
        for replicate, batch_size, framework in product(
            range(settings.replicates), settings.batch_size, FRAMEWORKS
        ):
            workload = Workload(dataset=settings.dataset, batch_size=batch_size, epochs=MOST_EPOCHS)
            case = Case(workload=workload, device="cpu", mode=Mode.LOOP)
            beside = PARTNERS if replicate % 2 else PARTNERS[::-1]
            for partners, wall_s in _replicate(workers, case, framework, beside, rounds):
                yield Round(
                    framework=framework,
                    batch_size=batch_size,
                    replicate=replicate,
                    partners=partners,
                    wall_s=wall_s,
                )


def _replicate(
    workers: Workers, case: Case, framework: str, beside: Sequence[int], rounds: int
) -> Iterator[tuple[int, float]]:
    """So many rounds of one worker beside each number of partners, who come and leave as that asks."""
    names = list(islice(cycle(FRAMEWORKS), PARTNERS[-1]))
    groups = {more: names[fewer:more] for fewer, more in pairwise(PARTNERS)}
    present: dict[int, tuple[ExitStack, list[Hand]]] = {}
    with ExitStack() as stack:
        (staying,) = stack.enter_context(workers.started(case, [framework], round_s=ROUND_S))
        staying.train()
        for partners in beside:
            for size in [one for one in present if one > partners]:
                present.pop(size)[0].close()
            for size in [one for one in groups if one <= partners and one not in present]:
                own = stack.enter_context(ExitStack())
                hands = own.enter_context(workers.started(case, groups[size], round_s=ROUND_S))
                for hand in hands:
                    hand.train()
                present[size] = own, hands
            for _ in range(rounds):
                for _, hands in present.values():
                    for hand in hands:
                        hand.train()
                yield partners, staying.train_s()


if __name__ == "__main__":
    main()
