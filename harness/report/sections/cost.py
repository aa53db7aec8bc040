"""What it takes beside time in training: memory, and seconds before the first round."""

from __future__ import annotations

from pathlib import Path

from harness.report import context, figures, words
from harness.report.context import Section
from harness.report.evidence import Evidence
from harness.report.sections.drawing import TRIAL, drawn


def memory(shown: Evidence, pictures: Path) -> Section:
    measured = shown.comparable[shown.comparable["host_peak_bytes"].notna()]
    reasons = words.listed(
        words.plain(reason) for reason in sorted(set(shown.ok["gpu_peak_reason"].dropna()))
    )
    gpu = (
        "GPU memory is that of the worker's process, as the driver counts it."
        if shown.ok["gpu_peak_bytes"].notna().any()
        else f"GPU memory was not measured: {reasons or 'no trial finished'}."
    )
    return drawn(
        pictures,
        "memory",
        title="Memory",
        intro="Largest resident memory of a worker process, libraries and data included: medians over the "
        f"replicates, with a line from the lowest to the highest. {gpu}{shown.left_out}",
        reason=shown.nothing_to_draw or (None if len(measured) else "No trial reported its memory."),
        draw=lambda: figures.memory(measured),
        table=context.table(
            "Peak memory of each trial",
            shown.ok,
            (
                *TRIAL,
                ("host peak", "host_peak_bytes", words.mebibytes),
                ("GPU process peak", "gpu_peak_bytes", words.mebibytes),
                ("why no GPU figure", "gpu_peak_reason", None),
            ),
        ),
    )


def startup(shown: Evidence, pictures: Path) -> Section:
    measured = shown.comparable[shown.comparable["startup_s"].notna()]
    return drawn(
        pictures,
        "startup",
        title="Start-up",
        intro="Seconds before the first timed round, in parts: import, data onto the device, building model "
        "and optimiser, and the first steps, in which functions are traced and compiled. Medians."
        + shown.left_out,
        reason=shown.nothing_to_draw or (None if len(measured) else "No trial reported its start-up."),
        draw=lambda: figures.startup(measured),
        table=context.table(
            "Start-up of each trial, seconds",
            shown.ok,
            (
                *TRIAL,
                ("import", "import_s", words.number),
                ("data", "data_s", words.number),
                ("build", "build_s", words.number),
                ("first steps", "first_step_s", words.number),
                ("all", "startup_s", words.number),
            ),
        ),
    )
