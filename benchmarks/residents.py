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
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import cycle, islice, product
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console

from harness.analysis.statistics import ratio_interval
from harness.data import cache, mnist
from harness.engine.process import WorkerProcess
from harness.engine.rounds import Part, fastest, plan_rounds
from harness.engine.surroundings import environment
from harness.errors import HarnessError
from harness.settings import config
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import MOST_EPOCHS, Case, Mode, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec

PARTNERS: Final = (0, 1, 7)
ROUND_S: Final = 0.1
_TIMEOUT_S: Final = 600.0


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
    planned: dict[Case, tuple[Part, ...]] = {}
    for replicate, batch_size, framework in product(
        range(settings.replicates), settings.batch_size, FRAMEWORKS
    ):
        workload = Workload(dataset=settings.dataset, batch_size=batch_size, epochs=MOST_EPOCHS)
        case = Case(workload=workload, device="cpu", mode=Mode.LOOP)
        with _Match(case, settings.threads, root, planned) as match:
            match.join(framework)
            for partners in PARTNERS if replicate % 2 else reversed(PARTNERS):
                match.beside(partners)
                for _ in range(rounds):
                    yield Round(
                        framework=framework,
                        batch_size=batch_size,
                        replicate=replicate,
                        partners=partners,
                        wall_s=match.turn_s(),
                    )


class _Match(ExitStack):
    """A worker that stays, and partners that come and go; all do the same rounds of the case."""

    def __init__(self, case: Case, threads: int, root: Path, planned: dict[Case, tuple[Part, ...]]) -> None:
        super().__init__()
        self._case, self._threads, self._root, self._planned = case, threads, root, planned
        self._folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="evenmatch-residents-")))
        self._seated: list[tuple[ExitStack, WorkerProcess]] = []

    def join(self, framework: str) -> None:
        """Seat one more, whose first round is not looked at."""
        own = self.enter_context(ExitStack())
        conditions = environment(
            framework=framework, device="cpu", threads=self._threads, compile_cache=self._folder
        )
        worker = own.enter_context(WorkerProcess(conditions, self._folder / f"{len(self._seated)}.log"))
        spec = TrialSpec(
            framework=framework, case=self._case, threads=self._threads, data_root=str(self._root)
        )
        pace = worker.ask(Do.START, timeout_s=_TIMEOUT_S, spec=dump_spec(spec))["pace"]
        if self._case not in self._planned:
            self._planned[self._case] = plan_rounds(self._case, fastest(self._case, [pace]), ROUND_S).train[0]
        self._seated.append((own, worker))
        self._train_s(worker)

    def beside(self, partners: int) -> None:
        """Have so many partners, the frameworks alternating."""
        for framework in islice(cycle(FRAMEWORKS), len(self._seated) - 1, partners):
            self.join(framework)
        while len(self._seated) > 1 + partners:
            own, _ = self._seated.pop()
            own.close()

    def turn_s(self) -> float:
        """Seconds of a round of the worker that stays, after one of each partner."""
        (_, staying), *partners = self._seated
        for _, partner in partners:
            self._train_s(partner)
        return self._train_s(staying)

    def _train_s(self, worker: WorkerProcess) -> float:
        """The first round of the epoch again and again: the same samples in the same order."""
        return sum(
            worker.ask(Do.TRAIN, timeout_s=_TIMEOUT_S, epoch=0, first=one.first, last=one.last)["wall_s"]
            for one in self._planned[self._case]
        )


if __name__ == "__main__":
    main()
