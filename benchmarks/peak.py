"""The peak that a run's workers find, held against NumPy's: OpenBLAS in a process that knows of nothing else.

    python -m benchmarks.peak

In each turn each framework's worker is asked for its device's peak, as the workers of a run are, and a
process that has imported NumPy alone multiplies squares with as many threads; who is first is drawn. All are
on the processor, and the best of all turns counts, as the largest of a run does.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from rich.console import Console

from harness.data import cache, mnist
from harness.engine.forking import ForkServers
from harness.engine.surroundings import environment
from harness.errors import HarnessError
from harness.settings import config
from harness.settings.config import Settings
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import Case, Dataset, Mode, Precision, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec

NUMPY: Final = "numpy"

# What NumPy has, by the name of its type.
TYPES: Final = {Precision.FP32: "float32", Precision.FP64: "float64"}

_TRAIN_SAMPLES: Final = 2_000
_TIMEOUT_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The most additions and multiplications a second that one asked found in one turn."""

    precision: str
    who: str
    turn: int
    flop_per_s: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peak", description=__doc__)
    parser.add_argument("--precision", default="fp32,fp64", help="(default: fp32,fp64)")
    parser.add_argument("--threads", default="auto", help="of each (default: auto)")
    parser.add_argument("--turns", type=int, default=6, help="(default: 6)")
    given = parser.parse_args()
    out, errors = (
        Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True) for stderr in (False, True)
    )
    try:
        asked = {"precision": given.precision, "threads": given.threads}
        settings = config.resolve(asked | {"dataset": Dataset.SYNTHETIC.value}, {}, Path())
        found = list(measure(settings, given.turns))
    except HarnessError as error:
        errors.print(f"peak: {error}")
        sys.exit(error.exit_code)
    for line in told(found):
        out.print(line)


def told(found: Sequence[Found]) -> Iterator[str]:
    """The run's peak of each number format, the largest of the frameworks', beside NumPy's."""
    for precision in dict.fromkeys(one.precision for one in found):
        best = {
            who: max(one.flop_per_s for one in found if (one.precision, one.who) == (precision, who))
            for who in dict.fromkeys(one.who for one in found if one.precision == precision)
        }
        own = max(rate for who, rate in best.items() if who != NUMPY)
        each = ", ".join(f"{who} {rate / 1e9:.1f}" for who, rate in best.items())
        over = f"; the run's over NumPy's {own / best[NUMPY]:.3f}" if NUMPY in best else ""
        yield f"{precision}: GFLOP/s {each}{over}"


def measure(settings: Settings, turns: int) -> Iterator[Found]:
    """Everybody's peaks, turn by turn, in an order that is drawn for each."""
    root = mnist.locate(settings.dataset, data_dir=None, cache=cache.cache_folder()).root
    order = random.Random(settings.seed)
    with tempfile.TemporaryDirectory(prefix="evenmatch-peak-") as folder, ForkServers() as servers:
        for turn, precision in product(range(turns), settings.precision):
            work = Workload(dataset=settings.dataset, precision=precision, train_samples=_TRAIN_SAMPLES)
            case = Case(workload=work, device="cpu", mode=Mode.LOOP)
            everybody = [*FRAMEWORKS, *([NUMPY] if precision in TYPES else [])]
            for who in order.sample(everybody, len(everybody)):
                if who == NUMPY:
                    rate = by_numpy(TYPES[precision], settings.threads, Path(folder))
                else:
                    spec = TrialSpec(
                        framework=who, case=case, threads=settings.threads, data_root=str(root.absolute())
                    )
                    rate = _by_worker(servers, spec, Path(folder))
                yield Found(precision=str(precision), who=who, turn=turn, flop_per_s=rate)


def by_numpy(kind: str, threads: int, folder: Path) -> float:
    """Additions and multiplications a second of NumPy's products, in a process of its own."""
    surroundings = environment(
        framework=FRAMEWORKS[0], device="cpu", threads=threads, compile_cache=folder / "compiled"
    )
    script = Path(__file__).with_name("numpy_products.py")
    done = subprocess.run(
        [sys.executable, "-I", script, kind], env=surroundings, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _by_worker(servers: ForkServers, spec: TrialSpec, folder: Path) -> float:
    """What a framework's worker finds, as the workers of a run are asked."""
    surroundings = environment(
        framework=spec.framework, device="cpu", threads=spec.threads, compile_cache=folder / "compiled"
    )
    with servers.worker(spec.framework, "cpu", surroundings, folder / f"{spec.framework}.log") as worker:
        worker.ask(Do.START, timeout_s=_TIMEOUT_S, spec=dump_spec(spec))
        said = worker.ask(Do.PEAK, timeout_s=_TIMEOUT_S)
        worker.ask(Do.FINISH, timeout_s=_TIMEOUT_S)
    if said["flop_per_s"] is None:
        raise HarnessError(f"{spec.framework} found no peak: {said['reason']}")
    return float(said["flop_per_s"])


if __name__ == "__main__":
    main()
