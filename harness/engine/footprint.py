"""What each framework takes of a GPU before any work: its context, its libraries, one trivial kernel.

TensorFlow is asked twice: with memory that grows as it is needed, as in every trial, and with its default,
which takes nearly all there is at once; that is what its users see in nvidia-smi.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.errors import TrialError
from harness.measure import nvml, scratch
from harness.measure.gpu import GpuSampler
from harness.measure.nvml import Gpu
from harness.measure.variables import GROWTH
from harness.work.records import GpuUse
from harness.work.workload import PYTORCH, TENSORFLOW
from harness.worker.protocol import Do

_TIMEOUT_S: Final = 120.0

# Column, framework, and whether its memory may grow.
_ASKED: Final = (
    ("tensorflow_context_bytes", TENSORFLOW, True),
    ("pytorch_context_bytes", PYTORCH, True),
    ("tensorflow_default_bytes", TENSORFLOW, False),
)


def columns(devices: Sequence[str], passed: Sequence[str] = ()) -> dict[str, int | str | None]:
    """Columns of the runs table: the bytes on the first GPU of `devices`, null with a `context_reason`.

    `context_source` is process, or device where the driver hides single processes: then they hold what
    others on the device took meanwhile.

    Raises:
        DeviceUnavailable: a GPU that is not there.
    """
    device = next((one for one in devices if one != "cpu"), None)
    if device is None:
        return {"context_reason": "nothing ran on a GPU"}
    gpu = nvml.gpu_of(device)
    try:
        uses = {name: _use(framework, device, gpu, passed, grows=grows) for name, framework, grows in _ASKED}
    except TrialError as error:
        return {"context_reason": str(error)}
    if all(use.process_peak_bytes is not None for use in uses.values()):
        taken = {name: use.process_peak_bytes for name, use in uses.items()}
        return {**taken, "context_source": "process"}
    taken = {name: use.device_peak_bytes for name, use in uses.items()}
    reason = next((use.ended_because for use in uses.values() if use.device_peak_bytes is None), None)
    return {**taken, "context_source": "device", "context_reason": reason}


def _use(framework: str, device: str, gpu: Gpu, passed: Sequence[str], *, grows: bool) -> GpuUse:
    """What a worker has taken once it has run one kernel, and before it ends.

    Raises:
        TrialError: the worker did not answer, or could not use the device.
    """
    with scratch.folder("footprint") as place:
        conditions = environment(
            framework=framework, device=device, threads=1, compile_cache=place, passed=passed
        )
        conditions[GROWTH] = str(grows).lower()
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
