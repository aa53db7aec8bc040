"""Ask each framework, in a process of its own, what it would use for a device."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from harness.data.progress import Reporter
from harness.engine.process import WorkerProcess, begun, end, kill_group
from harness.engine.surroundings import environment
from harness.errors import DeviceUnavailable, TrialError
from harness.frameworks import registry
from harness.frameworks.record import Ability, Log, Place
from harness.measure import nvml, scratch
from harness.measure.doctor import Probed
from harness.worker.protocol import Do

# On a GPU that its code was not built for, a framework's first kernel waits for the driver to compile it.
_TIMEOUT_S: Final = 600.0

# How much of a worker's log is quoted where a framework could not use a device.
_QUOTED_LINES: Final = 3
_QUOTED_CHARACTERS: Final = 400


def missing_frameworks(frameworks: Sequence[str]) -> list[str]:
    """Those of these that are not installed; found out without importing one."""
    return [name for name in frameworks if not registry.is_installed(registry.record(name))]


def ask(framework: str, device: str, passed: Sequence[str] = ()) -> Probed:
    """What the framework, in a process of its own, says about a device."""
    log = registry.record(framework).log
    with scratch.folder("probe") as place:
        conditions = environment(
            framework=framework, device=device, threads=1, compile_cache=place, passed=passed
        )
        if log is not None:
            conditions |= log.variables
        try:
            with WorkerProcess(conditions, place / "log") as worker:
                reply = worker.ask(Do.PROBE, timeout_s=_TIMEOUT_S, framework=framework, device=device)
        except TrialError as error:
            said = str(error).removeprefix("DeviceUnavailable: ")
            return Probed(said=said + (_quoted(place / "log", log, said) if log else ""), usable=False)
    return Probed(said=str(reply["said"]), usable=True)


def _quoted(path: Path, log: Log, said: str) -> str:
    """What a framework wrote beside what it said: libraries that it could not open, else its last lines."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    own = [line[found.end() :].strip() for line in lines if (found := re.match(log.prefix, line))]
    told = [words for words in own if not re.match(log.chatter, words)]
    libraries = dict.fromkeys(found[1] for words in told if (found := re.match(log.not_opened, words)))
    if libraries:
        # The driver's may be what was said already.
        unsaid = ", ".join(name for name in libraries if name not in said)
        return f", for it cannot open {unsaid} ({log.remedy})" if unsaid else ""
    quoted = " | ".join(told[-_QUOTED_LINES:])
    return f" (its log ends: {quoted[-_QUOTED_CHARACTERS:]})" if quoted else ""


def tries(framework: str, ability: Ability, device: str, passed: Sequence[str] = ()) -> Probed:
    """Whether a framework can do there what it may be unable to, tried in a worker's surroundings.

    Raises:
        NoTemporaryFolder: there is nowhere to try it in.
    """
    with scratch.folder("ability") as place, (place / "log").open("wb") as log:
        surroundings = environment(
            framework=framework, device=device, threads=1, compile_cache=place, passed=passed
        )
        process = begun(
            ability.module, Place.of(device), environment=surroundings, folder=place, log=log.fileno()
        )
        try:
            status = process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return Probed(said=f"it was not done within {_TIMEOUT_S:g} s", usable=False)
        finally:
            # What it calls, a compiler, is a process of its own, and may be what hangs.
            kill_group(process)
            end(process)
        said = (place / "log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if status == 0:
        return Probed(said=said[-1], usable=True)
    # A compiler's own word, where there is one, says more than that it failed.
    words = next((line for line in said if "error: " in line), said[-1] if said else f"exit status {status}")
    return Probed(said=words, usable=False)


def require_device(frameworks: Sequence[str], device: str, passed: Sequence[str] = ()) -> None:
    """Each of the frameworks, and NVML for a GPU, have to be able to use the device, two processes at once.

    Raises:
        DeviceUnavailable: one line with what each of them said.
    """
    if device == "cpu":
        return
    if nvml.probe().reason is None and (refusal := nvml.gpu_of(device).refusal):
        raise DeviceUnavailable(f"DEVICE={device}: {refusal}")
    with ThreadPoolExecutor(len(frameworks)) as pool:
        answers = list(pool.map(lambda name: ask(name, device, passed), frameworks))
    driver = nvml.probe()
    if driver.reason is None and all(answer.usable for answer in answers):
        return
    words = [
        *(answer.said for answer in answers),
        f"NVML: {driver.reason or f'driver {driver.driver_version}'}",
    ]
    raise DeviceUnavailable(f"DEVICE={device}: not available. {'; '.join(words)}. Use DEVICE=cpu")


def settle(
    frameworks: Sequence[str], devices: Sequence[str], reporter: Reporter, passed: Sequence[str] = ()
) -> tuple[str, ...]:
    """The devices as cases name them, `cpu` or `cuda:N`, each once; all of them can be used.

    What became of `auto` is said: the first GPU that NVML and all the frameworks can use, else the CPU.

    Raises:
        DeviceUnavailable: one line for the first that cannot be used.
    """
    settled = []
    for device in devices:
        if device == "auto":
            settled.append(_automatic(frameworks, reporter, passed))
        else:
            require_device(frameworks, device, passed)
            settled.append(nvml.canonical(device))
    return tuple(dict.fromkeys(settled))


def _automatic(frameworks: Sequence[str], reporter: Reporter, passed: Sequence[str]) -> str:
    for sentence in nvml.probe().out_of_reach:
        reporter.notice(f"DEVICE=auto: {sentence}")
    for place, gpu in enumerate(nvml.left_visible()):
        device = f"cuda:{place}"
        try:
            require_device(frameworks, device, passed)
        except DeviceUnavailable as error:
            reporter.notice(str(error))
        else:
            reporter.notice(f"DEVICE=auto: {device} ({gpu.name}, {gpu.uuid})")
            return device
    reporter.notice(f"DEVICE=auto: cpu. NVML: {nvml.probe().reason or 'no visible GPU can be used'}")
    return "cpu"
