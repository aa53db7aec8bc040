"""What is installed and visible, and what asking the driver costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import ExitStack, suppress
from statistics import median
from typing import Any, Final

import pynvml

from harness.engine.selfchecking.outcome import Outcome, Reading, State, could_not
from harness.engine.selfchecking.workers import CheckConditions, Hand, Workers
from harness.errors import NvmlError, TrialError, WorkerSilent
from harness.frameworks import registry
from harness.measure import doctor, nvml
from harness.measure.gpu import SAMPLE_EVERY_S, GpuSampler
from harness.measure.variables import kept_out
from harness.worker.protocol import Do

# Everything that the sampler asks of a device.
QUESTIONS: Final[tuple[tuple[str, tuple[Any, ...]], ...]] = (
    ("nvmlDeviceGetMemoryInfo", ()),
    ("nvmlDeviceGetUtilizationRates", ()),
    ("nvmlDeviceGetClockInfo", (pynvml.NVML_CLOCK_SM,)),
    ("nvmlDeviceGetPowerUsage", ()),
    ("nvmlDeviceGetTotalEnergyConsumption", ()),
    ("nvmlDeviceGetTemperature", (pynvml.NVML_TEMPERATURE_GPU,)),
    ("nvmlDeviceGetCurrentClocksThrottleReasons", ()),
    ("nvmlDeviceGetComputeRunningProcesses", ()),
)
_ASKED: Final = 10

# A sample that takes more than half of the time between two leaves the sampler always at work, and a
# turn's edges, at which it looks too, late by as much.
_MOST_SHARE: Final = 0.5

_WATCHED_S: Final = 1.0
_SMI_TIMEOUT_S: Final = 30.0


def installed(conditions: CheckConditions, workers: Workers) -> Outcome:
    """Every framework that is installed can use the device, and so can NVML where it is a GPU."""
    with ExitStack() as stack:
        hands = [stack.enter_context(workers.open(framework)) for framework in conditions.frameworks]
        for hand in hands:
            hand.process.tell(Do.PROBE, framework=hand.framework, device=conditions.device)
        probes = {hand.framework: _probed(hand, workers) for hand in hands}
    _keep_what_nvidia_smi_says(conditions)
    found = doctor.checks(
        conditions.folder,
        [registry.record(name) for name in (*conditions.frameworks, *conditions.missing)],
        {f"{name} on {conditions.device}": answer for name, answer in probes.items()},
        (),
        kept_out(os.environ, conditions.passed),
    )
    readings = tuple(Reading(what=one.name, value=one.said) for one in found)
    problems = [f"{name}: {answer.said}" for name, answer in probes.items() if not answer.usable]
    if conditions.on_gpu and conditions.gpu is None:
        problems.append(f"NVML: {conditions.gpu_reason}")
    if conditions.gpu is not None and conditions.gpu.refusal is not None:
        problems.append(conditions.gpu.refusal)
    if problems:
        return Outcome(state=State.FAILED, sentence="; ".join(problems), readings=readings)
    said = [answer.said for answer in probes.values()]
    alone = [
        f"{name} is not installed, so that the other stands in both places" for name in conditions.missing
    ]
    return Outcome(state=State.PASSED, sentence="; ".join([*said, *alone]), readings=readings)


def _probed(hand: Hand, workers: Workers) -> doctor.Probed:
    """What a framework says of the device; raises `WorkerSilent` where it says nothing in time."""
    try:
        reply = hand.process.hear(Do.PROBE, timeout_s=workers.left_s())
    except WorkerSilent:
        raise
    except TrialError as error:
        return doctor.Probed(said=str(error).removeprefix("DeviceUnavailable: "), usable=False)
    return doctor.Probed(said=str(reply["said"]), usable=True)


def asking(conditions: CheckConditions, _workers: Workers) -> Outcome:
    """What each of NVML's answers takes, and a whole sample of the sampler's."""
    assert conditions.gpu is not None
    try:
        with nvml.session():
            handle = nvml.handle_of(conditions.gpu)
            readings = [_cost(name, (handle, *rest)) for name, rest in QUESTIONS]
    except NvmlError as error:
        return Outcome(state=State.FAILED, sentence=f"NVML: {error}")
    sampler = GpuSampler(conditions.gpu)
    time.sleep(_WATCHED_S)
    sampler.stop()
    use = sampler.use("nobody")
    if use.ended_because is not None or use.sample_s is None:
        return Outcome(
            state=State.FAILED,
            sentence=f"the sampler ended by itself: {use.ended_because}",
            readings=tuple(readings),
        )
    asked_s = sum(reading.value for reading in readings if isinstance(reading.value, float)) / 1e3
    most_s = _MOST_SHARE * SAMPLE_EVERY_S
    allowed = f"at most {1e3 * most_s:g} ms"
    readings += [
        Reading(what="all of them, by medians", value=1e3 * asked_s, unit="ms", allowed=allowed),
        Reading(what="a sample, mean", value=1e3 * use.sample_s, unit="ms", allowed=allowed),
    ]
    sentence = (
        f"of the {1e3 * SAMPLE_EVERY_S:g} ms between two samples the driver's answers take "
        f"{1e3 * asked_s:.2g} ms, a whole sample {1e3 * use.sample_s:.2g} ms"
    )
    if asked_s <= most_s < use.sample_s:
        return could_not(f"something else had the processor: {sentence}", readings)
    return Outcome(
        state=State.FAILED if asked_s > most_s else State.PASSED,
        sentence=sentence,
        readings=tuple(readings),
    )


def _cost(name: str, arguments: tuple[Any, ...]) -> Reading:
    """Milliseconds of one question; in words where this card, driver or user cannot ask it."""
    costs_s = []
    for _ in range(_ASKED):
        began_s = time.perf_counter()
        answer = nvml.told(getattr(pynvml, name), *arguments)
        costs_s.append(time.perf_counter() - began_s)
    what = name.removeprefix("nvmlDeviceGet")
    if answer is None:
        return Reading(what=what, value="not told")
    return Reading(what=what, value=1e3 * median(costs_s), unit="ms")


def _keep_what_nvidia_smi_says(conditions: CheckConditions) -> None:
    program = shutil.which("nvidia-smi")
    if conditions.on_gpu and program is not None:
        with suppress(OSError, subprocess.SubprocessError):
            said = subprocess.run([program, "-q"], capture_output=True, timeout=_SMI_TIMEOUT_S, check=False)
            (conditions.folder / "logs" / "nvidia-smi.txt").write_bytes(said.stdout + said.stderr)


def smi_used_bytes(conditions: CheckConditions) -> int | None:
    """Bytes in use on the device as nvidia-smi tells them; None where it is not there or does not tell."""
    program = shutil.which("nvidia-smi")
    if program is None or conditions.gpu is None:
        return None
    asked = [
        program,
        f"--id={conditions.gpu.uuid}",
        "--query-gpu=memory.used",
        "--format=csv,noheader,nounits",
    ]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=_SMI_TIMEOUT_S, check=True)
        return int(said.stdout.strip()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
