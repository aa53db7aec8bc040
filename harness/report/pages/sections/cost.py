"""What it takes beside time in training: memory, energy, and seconds before the first round."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from harness.report import figures, words
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import TRIAL, drawn

# Columns of bytes, and what each is.
_MEMORY: Final = {
    "host_peak_bytes": "peak resident memory, MiB",
    "gpu_peak_bytes": "peak GPU memory of the process, MiB",
    "gpu_device_peak_bytes": "growth of the GPU's memory, MiB",
}


def memory(shown: Evidence, pictures: Path) -> Section:
    measured = shown.comparable[shown.comparable["host_peak_bytes"].notna()]
    reasons = words.listed(
        words.plain(reason) for reason in sorted(set(shown.ok["gpu_peak_reason"].dropna()))
    )
    gpu = (
        "The GPU's figures are the driver's: memory of the worker's process, and by how much the memory in "
        "use on the whole device grew in that worker's turns, whoever used it."
        if shown.ok["gpu_device_peak_bytes"].notna().any()
        else f"GPU memory was not measured: {reasons or 'no trial finished'}."
    )
    if reasons and shown.ok["gpu_device_peak_bytes"].notna().any():
        gpu += f" The process's own is missing: {reasons}."
    return drawn(
        pictures,
        "memory",
        title="Memory",
        intro="Largest resident memory of a worker process, libraries and data included: medians over the "
        f"replicates, with a line from the lowest to the highest. {gpu}{shown.left_out}",
        reason=shown.nothing_to_draw or (None if len(measured) else "No trial reported its memory."),
        draw=lambda: figures.taken(
            measured.assign(**{column: measured[column] / 2**20 for column in _MEMORY}), _MEMORY
        ),
        table=context.table(
            "Peak memory of each trial",
            shown.ok,
            (
                *TRIAL,
                ("host peak", "host_peak_bytes", words.mebibytes),
                ("GPU process peak", "gpu_peak_bytes", words.mebibytes),
                ("why no figure of the process", "gpu_peak_reason", None),
                ("growth of the GPU's memory", "gpu_device_peak_bytes", words.mebibytes),
                ("left when the workers had gone", "gpu_left_bytes", words.mebibytes),
                ("why sampling ended early", "gpu_ended_because", None),
            ),
        ),
    )


def energy(shown: Evidence, pictures: Path) -> Section:
    """Joules of training in blocks of seconds; only a GPU tells them."""
    # Older files have the energy of rounds, in which contenders mix, and no samples beside it.
    told = shown.comparable[["gpu_train_energy_j", "gpu_energy_samples"]].notna().all(axis=1)
    measured = shown.comparable[told]
    untold = (
        "Only GPUs tell their energy, and nothing ran on one."
        if shown.comparable["device"].eq("cpu").all()
        else "The card tells neither its energy nor its power."
    )
    names = {"counter": "the card's energy counter", "power": "the card's power, integrated over samples"}
    source = words.listed(names[name] for name in sorted(set(measured["gpu_energy_source"]))) or "NVML"
    return drawn(
        pictures,
        "energy",
        title="Energy",
        intro="The whole card's energy while one contender trains for seconds on end, apart from the rounds "
        "of speed, which are too short for a card's sensors; the memory of the idle ones and the card's idle "
        f"power included; from {source}. Medians over the replicates, with a line from the lowest to the "
        f"highest.{shown.left_out if len(measured) else ''}",
        reason=shown.nothing_to_draw or (None if len(measured) else untold),
        draw=lambda: figures.taken(
            _by_work(measured), {"epoch_j": "J an epoch", "million_j": "J a million samples"}
        ),
        table=context.table(
            "Energy of each trial's training",
            _by_work(measured),
            (
                *TRIAL,
                ("J an epoch", "epoch_j", words.number),
                ("J a million samples", "million_j", words.number),
                ("measured for, s", "gpu_energy_s", words.number),
                ("from", "gpu_energy_source", None),
            ),
        ),
    )


def _by_work(measured: pd.DataFrame) -> pd.DataFrame:
    """Joules of an epoch and of a million samples, from those of a trial's blocks."""
    sample_j = measured["gpu_train_energy_j"].astype("float64") / measured["gpu_energy_samples"].astype(
        "float64"
    )
    return measured.assign(epoch_j=sample_j * measured["train_samples"], million_j=sample_j * 1e6)


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
