"""What is there, what is missing, and what that disables."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

from harness.frameworks.record import Ability, Framework, Package
from harness.measure import host, libraries, nvml

_BUSY_SHARE: Final = 0.1
_NEEDED_BYTES: Final = 2 * 1024**3
_STEAL_SHARE: Final = 0.01
_GOVERNOR: Final = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding. `disables` says what does not work, or is less certain, because of it."""

    name: str
    state: Literal["ok", "warn", "missing"]
    said: str
    disables: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What a framework, asked in a process of its own, said of a device."""

    said: str
    usable: bool


def checks(
    results: Path,
    frameworks: Sequence[Framework],
    probes: Mapping[str, Probed],
    abilities: Sequence[tuple[Ability, str, Probed]],
    kept_out: Sequence[str] = (),
) -> list[Check]:
    """All findings; `probes` maps "framework on device" to what was said.

    `abilities` are those of the frameworks that are installed, each with a device and what came of trying it
    there.
    `kept_out` are variables of the shell that would change a framework, and do not reach one.
    """
    return [
        Check(name="python", state="ok", said=platform.python_version()),
        *(
            _package(package, package.disables, one.install)
            for one in frameworks
            for package in one.packages
            if package.disables is not None
        ),
        *_cuda_libraries(),
        *(_probed(name, answer) for name, answer in probes.items()),
        _nvml(),
        *(_ability(ability, device, tried) for ability, device, tried in abilities),
        _program("npm", "the last source of the data, where only package mirrors can be reached"),
        *_kept_out(kept_out),
        _folder(results),
        _quiet(),
        _steal(),
        *_governor(),
    ]


def _package(package: Package, disables: str, install: str) -> Check:
    name = package.distribution
    try:
        return Check(name=name, state="ok", said=version(name))
    except PackageNotFoundError:
        said = f"not installed; `{install}` installs it"
        return Check(name=name, state="missing", said=said, disables=disables)


def _probed(name: str, answer: Probed) -> Check:
    if answer.usable:
        return Check(name=name, state="ok", said=answer.said)
    device = name.rpartition(" ")[2]
    return Check(name=name, state="missing", said=answer.said, disables=f"DEVICE={device}")


def _cuda_libraries() -> list[Check]:
    both = libraries.overwritten()
    if not both:
        return []
    said = f"{', '.join(both)}: there twice, for CUDA 12 and 13, each over the other's files; set up anew"
    return [Check(name="cuda libraries", state="warn", said=said, disables="equal terms on a GPU")]


def _nvml() -> Check:
    seen = nvml.probe()
    if seen.reason is not None:
        return Check(name="nvml", state="missing", said=seen.reason, disables="GPU memory; DEVICE=cuda")
    names = ", ".join(gpu.name for gpu in seen.devices)
    refusals = [gpu.refusal for gpu in seen.devices if gpu.refusal]
    screens = [f"{gpu.name} draws a screen" for gpu in seen.devices if gpu.draws_screen]
    said = "; ".join([f"driver {seen.driver_version}: {names}", *seen.out_of_reach, *refusals, *screens])
    if seen.out_of_reach or refusals:
        return Check(name="nvml", state="warn", said=said, disables="the GPUs that cannot be used")
    if screens:
        disables = "what frameworks take by default; others' memory counts as the workers', too"
        return Check(name="nvml", state="warn", said=said, disables=disables)
    return Check(name="nvml", state="ok", said=said)


def _ability(ability: Ability, device: str, tried: Probed) -> Check:
    name = f"{ability.name} on {device}"
    if tried.usable:
        return Check(name=name, state="ok", said=f"{ability.does} {tried.said}")
    disables = f"{ability.disables} with DEVICE={device}"
    return Check(name=name, state="missing", said=tried.said, disables=disables)


def _program(name: str, disables: str) -> Check:
    path = shutil.which(name)
    if path:
        return Check(name=name, state="ok", said=path)
    return Check(name=name, state="missing", said="not on PATH", disables=disables)


def _kept_out(names: Sequence[str]) -> list[Check]:
    if not names:
        return []
    verbs, pronoun = ("is set here and does", "it") if len(names) == 1 else ("are set here and do", "them")
    said = f"{', '.join(names)} {verbs} not reach workers; --pass-env {','.join(names)} lets {pronoun} in"
    return [Check(name="environment", state="warn", said=said)]


def _folder(results: Path) -> Check:
    existing = next(place for place in (results.absolute(), *results.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        said = f"{results}: {error.strerror or error}"
        return Check(name="results", state="missing", said=said, disables="every run")
    free_bytes = shutil.disk_usage(existing).free
    said = f"{results}: writable, {free_bytes / 1e9:.0f} GB free"
    if free_bytes < _NEEDED_BYTES:
        return Check(name="results", state="warn", said=said, disables="long runs may not fit")
    return Check(name="results", state="ok", said=said)


def _quiet() -> Check:
    busy = host.busy_share()
    if busy is None:
        return Check(name="quiet machine", state="ok", said="this system does not report it")
    said = f"{busy:.0%} of its cores' time in use; {host.usable_cores()} cores usable"
    if busy > _BUSY_SHARE:
        return Check(name="quiet machine", state="warn", said=said, disables="narrow intervals")
    return Check(name="quiet machine", state="ok", said=said)


def _steal() -> Check:
    times = host.processor_times() or {}
    if "steal" not in times:
        return Check(name="steal time", state="ok", said="this system does not report it")
    share = times["steal"] / sum(times.values())
    said = f"{share:.2%} of the time since boot went to other virtual machines"
    if share > _STEAL_SHARE:
        return Check(name="steal time", state="warn", said=said, disables="narrow intervals")
    return Check(name="steal time", state="ok", said=said)


def _governor() -> list[Check]:
    try:
        governor = _GOVERNOR.read_text(encoding="ascii").strip()
    except OSError:
        return []
    if governor == "powersave":
        return [Check(name="cpu governor", state="warn", said=governor, disables="narrow intervals")]
    return [Check(name="cpu governor", state="ok", said=governor)]
