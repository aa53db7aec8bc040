"""Ask each framework, in a process of its own, what it would use for a device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from typing import Final

from harness.data.progress import Reporter
from harness.engine.process import ISOLATED, WorkerProcess
from harness.engine.surroundings import environment
from harness.errors import DeviceUnavailable, FrameworkMissing, TrialError
from harness.measure import nvml, scratch
from harness.measure.doctor import Probed
from harness.work.workload import FRAMEWORKS, PYTORCH, TENSORFLOW
from harness.worker.protocol import Do

# What is imported under a framework's name; looked for without importing it.
PACKAGES: Final = {TENSORFLOW: "tensorflow", PYTORCH: "torch"}

# A process of its own, started by name: what imports a framework is not imported here.
COMPILING: Final = "harness.frameworks.pytorch.compiling"

_TIMEOUT_S: Final = 120.0


def missing_frameworks() -> list[str]:
    return [name for name in FRAMEWORKS if find_spec(PACKAGES[name]) is None]


def require_frameworks() -> None:
    """Both have to be installed.

    Raises:
        FrameworkMissing: naming those that are not.
    """
    missing = missing_frameworks()
    if missing:
        names = " and ".join(missing)
        raise FrameworkMissing(f"{names}: not installed for this Python; `make setup` installs both")


def ask(framework: str, device: str, passed: Sequence[str] = ()) -> Probed:
    """What the framework, in a process of its own, says about a device."""
    with scratch.folder("probe") as place:
        conditions = environment(
            framework=framework, device=device, threads=1, compile_cache=place, passed=passed
        )
        try:
            with WorkerProcess(conditions, place / "log") as worker:
                reply = worker.ask(Do.PROBE, timeout_s=_TIMEOUT_S, framework=framework, device=device)
        except TrialError as error:
            return Probed(said=str(error).removeprefix("DeviceUnavailable: "), usable=False)
    return Probed(said=str(reply["said"]), usable=True)


def compiles(passed: Sequence[str] = ()) -> Probed:
    """Whether PyTorch can compile a step on a CPU, tried in a worker's surroundings, and with what.

    Raises:
        NoTemporaryFolder: there is nowhere to compile in.
    """
    with scratch.folder("compile") as place, (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *ISOLATED, COMPILING],
            env=environment(framework=PYTORCH, device="cpu", threads=1, compile_cache=place, passed=passed),
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return Probed(said=f"a step was not compiled within {_TIMEOUT_S:g} s", usable=False)
        finally:
            # The compiler is a process of its own, and may be what hangs.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said = (place / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return Probed(said=said[-1] if said else f"it ended with exit status {status}", usable=status == 0)


def require_device(device: str, passed: Sequence[str] = ()) -> None:
    """Every framework, and NVML for a GPU, have to be able to use the device.

    Raises:
        DeviceUnavailable: one line with what each of them said.
    """
    if device == "cpu":
        return
    if nvml.probe().reason is None:
        nvml.gpu_of(device)
    with ThreadPoolExecutor(len(FRAMEWORKS)) as pool:
        answers = list(pool.map(lambda name: ask(name, device, passed), FRAMEWORKS))
    driver = nvml.probe()
    if driver.reason is None and all(answer.usable for answer in answers):
        return
    words = [
        *(answer.said for answer in answers),
        f"NVML: {driver.reason or f'driver {driver.driver_version}'}",
    ]
    raise DeviceUnavailable(f"DEVICE={device}: not available. {'; '.join(words)}. Use DEVICE=cpu")


def settle(devices: Sequence[str], reporter: Reporter, passed: Sequence[str] = ()) -> tuple[str, ...]:
    """The devices as cases name them, `cpu` or `cuda:N`, each once; all of them can be used.

    What became of `auto` is said: the first GPU that NVML and both frameworks can use, else the CPU.

    Raises:
        DeviceUnavailable: one line for the first that cannot be used.
    """
    settled = []
    for device in devices:
        if device == "auto":
            settled.append(_automatic(reporter, passed))
        else:
            require_device(device, passed)
            settled.append(nvml.canonical(device))
    return tuple(dict.fromkeys(settled))


def _automatic(reporter: Reporter, passed: Sequence[str]) -> str:
    for sentence in nvml.probe().out_of_reach:
        reporter.notice(f"DEVICE=auto: {sentence}")
    for place, gpu in enumerate(nvml.left_visible()):
        device = f"cuda:{place}"
        try:
            require_device(device, passed)
        except DeviceUnavailable as error:
            reporter.notice(str(error))
        else:
            reporter.notice(f"DEVICE=auto: {device} ({gpu.name}, {gpu.uuid})")
            return device
    reporter.notice(f"DEVICE=auto: cpu. NVML: {nvml.probe().reason or 'no visible GPU can be used'}")
    return "cpu"
