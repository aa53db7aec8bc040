"""What each framework takes of a GPU before any work: its context, its libraries, one trivial kernel.

One whose record knows another default is asked twice: with memory that grows as it is needed, as in every
trial, and with its own default, which may take nearly all there is at once; that is what its users see in
nvidia-smi.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.errors import TrialError
from harness.frameworks import registry
from harness.measure import nvml, scratch
from harness.measure.gpu import GpuSampler
from harness.measure.nvml import Gpu
from harness.work.records import GpuUse
from harness.worker.protocol import Do

# As long as a probe: see `probing`.
_TIMEOUT_S: Final = 600.0

_SCREEN: Final = "the card draws a screen, so nobody was asked to take its memory as by default"


def columns(
    frameworks: Sequence[str], devices: Sequence[str], passed: Sequence[str] = ()
) -> dict[str, int | str | None]:
    """Columns of the runs table: the bytes on the first GPU of `devices`, null with a `context_reason`.

    Defaults are not asked for on a card that draws a screen. `context_source` is process, or device where
    the driver hides single processes: then they hold what others on the device took meanwhile.

    Raises:
        DeviceUnavailable: a GPU that is not there.
    """
    device = next((one for one in devices if one != "cpu"), None)
    if device is None:
        return {"context_reason": "nothing ran on a GPU"}
    gpu = nvml.gpu_of(device)
    every = [(framework, *way) for framework in frameworks for way in _asked(framework)]
    # A default may take nearly all memory, and a desktop's programs would find none.
    asked = [one for one in every if not (gpu.draws_screen and one[-1])]
    try:
        uses = {column: _use(framework, device, gpu, passed, memory) for framework, column, memory in asked}
    except TrialError as error:
        return {"context_reason": str(error)}
    unasked = _SCREEN if len(asked) < len(every) else None
    if all(use.process_peak_bytes is not None for use in uses.values()):
        taken = {name: use.process_peak_bytes for name, use in uses.items()}
        return {**taken, "context_source": "process", "context_reason": unasked}
    taken = {name: use.device_peak_bytes for name, use in uses.items()}
    reason = next((use.ended_because for use in uses.values() if use.device_peak_bytes is None), unasked)
    return {**taken, "context_source": "device", "context_reason": reason}


def _asked(framework: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """A framework's columns, each with the variables under which its memory is looked at."""
    record = registry.record(framework)
    yield record.context_column, {}
    if record.default_column is not None:
        yield record.default_column, record.default_memory


def _use(framework: str, device: str, gpu: Gpu, passed: Sequence[str], memory: Mapping[str, str]) -> GpuUse:
    """What a worker has taken once it has run one kernel, and before it ends.

    Raises:
        TrialError: the worker did not answer, or could not use the device.
    """
    with scratch.folder("footprint") as place:
        conditions = environment(
            framework=framework, device=device, threads=1, compile_cache=place, passed=passed
        )
        conditions |= memory
        sampler = GpuSampler(gpu)
        try:
            with WorkerProcess(conditions, place / "log") as worker:
                sampler.follow(framework, worker.pid)
                sampler.begin(framework)
                worker.ask(Do.PROBE, timeout_s=_TIMEOUT_S, framework=framework, device=device)
                sampler.end()
        finally:
            sampler.stop()
        return sampler.use(framework)
