"""One self-check from settings to page: everything that it found lies in a folder of its own."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness.data import cache, mnist
from harness.data.progress import Reporter
from harness.engine import probing
from harness.engine.selfchecking.outcome import Checked, State
from harness.engine.selfchecking.running import STEPS, CheckObserver, Step, check
from harness.engine.selfchecking.workers import CheckConditions
from harness.errors import BadOption, ResultsUnusable
from harness.frameworks import registry
from harness.measure import nvml, provenance, scratch
from harness.measure.nvml import Gpu
from harness.sessions.drawing import Drawn, drawn
from harness.settings import parsing
from harness.settings.config import Settings
from harness.settings.offers import require
from harness.store.placing import placed
from harness.work.workload import Dataset, Mode, Precision

FOLDER: Final = "selfcheck"
JSON_NAME: Final = "selfcheck.json"
SHAPE: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """What a self-check left: its steps, and a folder with page, JSON and logs."""

    folder: Path
    checked: tuple[Checked, ...]
    drawn: Drawn

    @property
    def failed(self) -> bool:
        return any(one.outcome.state is State.FAILED for one in self.checked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What is to be asked of what."""

    steps: tuple[Step, ...]
    device: str
    gpu: Gpu | None
    gpu_reason: str | None
    frameworks: tuple[str, ...]
    missing: tuple[str, ...]
    folder: Path
    data_root: Path


def prepare(settings: Settings, wanted: str, reporter: Reporter) -> Prepared:
    """Refuse what cannot be carried out as asked. A device that does not work is a finding, not a mistake.

    `wanted` names steps; empty, all of them.

    Raises:
        UsageError: a step or a device that there is not, several devices, no framework, one that cannot do
            this work on the device, or a folder that cannot be written.
    """
    steps = _chosen(wanted)
    if len(settings.device) != 1:
        raise BadOption("DEVICE", ",".join(settings.device), "one device: a self-check is of one")
    missing = tuple(probing.missing_frameworks(settings.frameworks))
    frameworks = tuple(name for name in settings.frameworks if name not in missing)
    if not frameworks:
        registry.require_installed(settings.frameworks)
    device, gpu, reason = _device(settings.device[0])
    require(frameworks, device, [Mode.LOOP], [Precision.FP32])
    folder = _fresh_folder(settings.results)
    files = mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=cache.cache_folder(), reporter=reporter)
    return Prepared(
        steps=steps,
        device=device,
        gpu=gpu,
        gpu_reason=reason,
        frameworks=frameworks,
        missing=missing,
        folder=folder,
        data_root=files.root,
    )


def selfcheck(prepared: Prepared, settings: Settings, *, command: str, observer: CheckObserver) -> SelfCheck:
    """Run every step, keep what each found as soon as it has, and draw the page.

    Raises:
        ResultsUnusable: the folder cannot be written any more.
    """
    began_s, facts = time.monotonic(), _facts(prepared, settings, command)
    checked: list[Checked] = []
    with scratch.folder("compiled") as compile_cache:
        conditions = CheckConditions(
            device=prepared.device,
            gpu=prepared.gpu,
            gpu_reason=prepared.gpu_reason,
            frameworks=prepared.frameworks,
            missing=prepared.missing,
            threads=settings.threads,
            data_root=prepared.data_root,
            folder=prepared.folder,
            compile_cache=compile_cache,
            passed=settings.pass_env,
        )
        for one in check(prepared.steps, conditions, observer, budget_s=settings.budget_s):
            checked.append(one)
            # As soon as it is known: whatever ends the whole, what was found is there.
            facts["wall_s"] = time.monotonic() - began_s
            _write(prepared.folder / JSON_NAME, facts | {"steps": [asdict(one) for one in checked]})

    def draw() -> Path:
        # Imported when needed, as in `bench`.
        from harness.report.pages import selfcheck as page  # noqa: PLC0415

        return page.write_page(facts, checked, prepared.folder)

    return SelfCheck(folder=prepared.folder, checked=tuple(checked), drawn=drawn(draw, prepared.folder))


def _chosen(wanted: str) -> tuple[Step, ...]:
    """The steps that are named, in their own order.

    Raises:
        BadOption: one that there is not.
    """
    names = parsing.words(wanted)
    known = [step.name for step in STEPS]
    if not set(names) <= set(known):
        raise BadOption("STEPS", wanted, ", ".join(known))
    return tuple(step for step in STEPS if not names or step.name in names)


def _device(asked: str) -> tuple[str, Gpu | None, str | None]:
    """The device as cases name it, the GPU behind it, and why that is not known.

    Raises:
        DeviceUnavailable: NVML answers, and this is none of its devices.
    """
    seen = nvml.probe()
    if asked == "auto":
        left = nvml.left_visible()
        return ("cuda:0", left[0], None) if left else ("cpu", None, seen.reason or "no GPU is visible")
    if asked == "cpu":
        return asked, None, None
    if seen.reason is None:
        return nvml.canonical(asked), nvml.gpu_of(asked), None
    return asked if asked != "cuda" else "cuda:0", None, f"no answer from NVML: {seen.reason}"


def _fresh_folder(results: Path) -> Path:
    """Named by the moment, with room for logs.

    Raises:
        ResultsUnusable: it cannot be written.
    """
    folder = results / FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    try:
        (folder / "logs").mkdir(parents=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ResultsUnusable(
            f"RESULTS={results}: cannot be written ({reason}); use a folder that can"
        ) from error
    return folder


def _facts(prepared: Prepared, settings: Settings, command: str) -> dict[str, Any]:
    return {
        "shape": SHAPE,
        "command": command,
        "started_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "device": prepared.device,
        "gpu": None if prepared.gpu is None else asdict(prepared.gpu),
        "gpu_reason": prepared.gpu_reason,
        "frameworks": list(prepared.frameworks),
        "threads": settings.threads,
        "budget_s": settings.budget_s,
        "machine": provenance.columns(threads=settings.threads, passed=settings.pass_env),
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        with placed(path) as file:
            file.write(f"{json.dumps(document, indent=1, allow_nan=False)}\n".encode())
    except OSError as error:
        raise ResultsUnusable(f"{path}: cannot be written ({error.strerror or error})") from error
