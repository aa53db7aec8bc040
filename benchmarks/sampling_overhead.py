"""What watching a GPU costs training: the same worker with the sampler on and off, in turns.

    python -m benchmarks.sampling_overhead --device cuda

Without a GPU the worker trains on the CPU and the sampler asks whatever management library is found first,
such as the tests' stub on LD_LIBRARY_PATH: what the asking takes from the machine is then seen, and
what it takes from a card is not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console

from harness.analysis.intervals import ratio_interval
from harness.analysis.match import typical_effects
from harness.data import cache, mnist
from harness.engine.process import WorkerProcess
from harness.engine.rounds import Part, fastest, plan_rounds
from harness.engine.surroundings import environment
from harness.engine.turns import turns
from harness.errors import DeviceUnavailable, HarnessError
from harness.measure import nvml
from harness.measure.gpu import GpuSampler
from harness.settings import config
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import MOST_EPOCHS, Case, Mode, TrialSpec, Workload
from harness.worker.protocol import Do, Message, dump_spec

ON: Final = "on"
OFF: Final = "off"
ROUND_S: Final = 0.25
_TIMEOUT_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One round of both: `on_s` with the sampler, `off_s` without, the same number of samples."""

    framework: str
    replicate: int
    round: int
    on_s: float
    off_s: float
    sample_s: float | None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampling_overhead", description=__doc__)
    parser.add_argument("--device", default="cpu", help="where to train (default: cpu)")
    parser.add_argument("--dataset", default="mnist", help="(default: mnist)")
    parser.add_argument("--batch-size", default="64", help="(default: 64)")
    parser.add_argument("--replicates", default="8", help="fresh workers a framework (default: 8)")
    parser.add_argument("--rounds", type=int, default=12, help="of each kind and worker (default: 12)")
    parser.add_argument("--output", type=Path, help="write every turn to this CSV file")
    given = parser.parse_args()
    out, errors = (
        Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True) for stderr in (False, True)
    )
    asked = {name: getattr(given, name) for name in ("device", "dataset", "batch_size", "replicates")}
    try:
        settings = config.resolve(asked, {}, Path())
        frame = pd.DataFrame([asdict(one) for one in measure(settings, given.rounds)])
    except HarnessError as error:
        errors.print(f"sampling_overhead: {error}")
        sys.exit(error.exit_code)
    if given.output is not None:
        frame.to_csv(given.output, index=False)
    for framework, rounds in frame.groupby("framework", sort=False):
        out.print(f"{framework}: {told(rounds)}")


def told(rounds: pd.DataFrame) -> str:
    """The speed with the sampler over the speed without, of one framework's turns; below 1, it costs time."""
    effects = [typical_effects(one[["on_s", "off_s"]]) for _, one in rounds.groupby("replicate")]
    ratio = ratio_interval([on - off for on, off in effects])
    bounds = "" if ratio.low is None else f" [{ratio.low:.4f}, {ratio.high:.4f}]"
    return (
        f"speed with the sampler over without {ratio.estimate:.4f}{bounds}, {ratio.replicates} replicates, "
        f"{1e3 * rounds['sample_s'].mean():.2f} ms a sample"
    )


def measure(settings: config.Settings, rounds: int) -> Iterator[Turn]:
    """The turns of each fresh worker; the frameworks' workers alternate, so that they share drift."""
    (device, *_), (batch_size, *_) = settings.device, settings.batch_size
    gpu = _watched(device)
    root = mnist.locate(settings.dataset, data_dir=None, cache=cache.cache_folder()).root
    workload = Workload(dataset=settings.dataset, batch_size=batch_size, epochs=MOST_EPOCHS)
    case = Case(workload=workload, device=device, mode=Mode.LOOP)
    for replicate, framework in product(range(settings.replicates), FRAMEWORKS):
        with tempfile.TemporaryDirectory(prefix="evenmatch-sampling-") as folder:
            conditions = environment(
                framework=framework, device=device, threads=settings.threads, compile_cache=Path(folder)
            )
            with WorkerProcess(conditions, Path(folder) / "log") as worker:
                spec = TrialSpec(
                    framework=framework, case=case, threads=settings.threads, data_root=str(root)
                )
                pace = worker.ask(Do.START, timeout_s=_TIMEOUT_S, spec=dump_spec(spec))["pace"]
                parts = plan_rounds(case, fastest(case, [pace]), ROUND_S).train[0]
                for number, names in enumerate(turns((ON, OFF), rounds, f"{framework}-{replicate}")):
                    taken = {name: _round(worker, parts, gpu if name == ON else None) for name in names}
                    yield Turn(
                        framework=framework,
                        replicate=replicate,
                        round=number,
                        on_s=taken[ON][0],
                        off_s=taken[OFF][0],
                        sample_s=taken[ON][1],
                    )


def _watched(device: str) -> nvml.Gpu:
    """The device that is trained on, else any that there is.

    Raises:
        DeviceUnavailable: there is none.
    """
    if device != "cpu":
        return nvml.gpu_of(device)
    seen = nvml.probe()
    if seen.reason is not None:
        raise DeviceUnavailable(f"there is nothing to sample. NVML: {seen.reason}")
    return seen.devices[0]


def _round(
    worker: WorkerProcess, parts: tuple[Part, ...], gpu: nvml.Gpu | None
) -> tuple[float, float | None]:
    """Seconds of the same round in the same order of samples, and those that a sample took."""
    if gpu is None:
        return sum(_train(worker, part)["wall_s"] for part in parts), None
    sampler = GpuSampler(gpu)
    sampler.follow(ON, worker.pid)
    sampler.begin(ON)
    wall_s = sum(_train(worker, part)["wall_s"] for part in parts)
    sampler.end()
    sampler.stop()
    return wall_s, sampler.use(ON).sample_s


def _train(worker: WorkerProcess, part: Part) -> Message:
    return worker.ask(Do.TRAIN, timeout_s=_TIMEOUT_S, epoch=0, first=part.first, last=part.last)


if __name__ == "__main__":
    main()
