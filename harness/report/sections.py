"""The page's sections: each picks its rows, decides whether its figure is fair, and brings its table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from harness.analysis.agreement import agreement
from harness.analysis.certified import certified
from harness.records import Phase
from harness.report import context, figures, style, words
from harness.report.answer import learned
from harness.report.context import Column, Section
from harness.store.frames import Frames
from harness.workload import Mode

_MOST_PANELS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Frames with the labels that figures and tables share, and the verdicts on them."""

    frames: Frames
    ok: pd.DataFrame
    rounds: pd.DataFrame
    judged: pd.DataFrame


def evidence(frames: Frames, judged: pd.DataFrame) -> Evidence:
    """Label trials, rounds and verdicts with the parts of the case that differ within these frames."""
    trials, several = frames.trials, _several(frames.trials)
    return Evidence(
        frames=frames,
        ok=_labelled(trials[trials["status"] == "ok"], several),
        rounds=_labelled(frames.rounds, several),
        judged=_labelled(judged, several),
    )


def sections(shown: Evidence, pictures: Path) -> tuple[Section, ...]:
    """All sections in reading order; each drawn figure is also saved as a small PNG in `pictures`."""
    return (
        _certificates(shown),
        _throughput(shown, pictures),
        _ratio(shown, pictures),
        _accuracy(shown, pictures),
        _agreement(shown),
        _memory(shown, pictures),
        _startup(shown, pictures),
        _evaluation(shown, pictures),
        _failures(shown),
        _all_trials(shown),
        _environment(shown),
    )


_CASE: tuple[Column, ...] = (
    ("mode", "mode", None),
    ("device", "device", None),
    ("batch", "batch_size", words.count),
    ("epochs", "epochs", words.count),
)


def _certificates(shown: Evidence) -> Section:
    findings = shown.frames.certificates
    proofs = certified(findings)
    held = int(proofs["holds"].sum())
    summary = f"{held} of {words.plural(len(proofs), 'case')} hold. " if len(proofs) else ""
    failed = findings[~findings["holds"]]
    told = failed if len(failed) else findings
    return Section(
        name="certificates",
        title="The same work, proven",
        intro="Before anything was timed, both frameworks showed step by step what they do with the same "
        f"weights and batches, and every check had to hold. {summary}A case without a certificate gets no "
        "verdict.",
        reason=None if len(findings) else "No certificate was made for these runs.",
        table=context.table(
            "What did not hold" if len(failed) else "Every finding of every certificate",
            told,
            (
                ("case", "case_id", None),
                ("check", "check", None),
                ("quantity", "quantity", None),
                ("asked", "expected", None),
                ("TensorFlow", "tensorflow", None),
                ("PyTorch", "pytorch", None),
                ("difference", "difference", words.small),
                ("bound", "bound", words.small),
                ("holds", "holds", lambda holds: "yes" if holds else "no"),
            ),
        ),
        table_open=bool(len(failed)),
    )


def _throughput(shown: Evidence, pictures: Path) -> Section:
    return _drawn(
        pictures,
        "throughput",
        title="Training throughput",
        intro="Samples per second while training, by batch size. Each point is one replicate (the median of "
        "its epochs), the line runs through the medians. Higher is faster.",
        reason=None if len(shown.ok) else "No trial finished.",
        draw=lambda: figures.throughput(shown.ok, "train_samples_per_s"),
        table=context.table(
            "Training throughput of each case",
            _speeds(shown.ok, "train"),
            (*_CASE, *_SPEED_COLUMNS),
        ),
    )


def _evaluation(shown: Evidence, pictures: Path) -> Section:
    return _drawn(
        pictures,
        "evaluation",
        title="Evaluation throughput",
        intro="Samples per second in passes over the 10,000 test samples, without dropout.",
        reason=None if len(shown.ok) else "No trial finished.",
        draw=lambda: figures.throughput(shown.ok, "eval_samples_per_s"),
        table=context.table(
            "Evaluation throughput of each case", _speeds(shown.ok, "eval"), (*_CASE, *_SPEED_COLUMNS)
        ),
    )


_SPEED_COLUMNS: tuple[Column, ...] = (
    ("framework", "framework", words.framework),
    ("replicates", "replicates", words.count),
    ("median samples/s", "median", words.number),
    ("lowest", "lowest", words.number),
    ("highest", "highest", words.number),
)


def _speeds(trials: pd.DataFrame, prefix: str) -> pd.DataFrame:
    keys = ["mode", "device", "batch_size", "epochs", "framework"]
    speed = trials.groupby(keys, sort=False)[f"{prefix}_samples_per_s"]
    return speed.agg(replicates="count", median="median", lowest="min", highest="max").reset_index()


def _ratio(shown: Evidence, pictures: Path) -> Section:
    judged = shown.judged[shown.judged["phase"] == Phase.TRAIN]
    drawable = judged[judged["speed_ratio"].notna() & judged["verdict"].notna()]
    return _drawn(
        pictures,
        "ratio",
        title="The ratio between the frameworks",
        intro="How many times as fast one framework trains as the other. The mark is the estimate, the line "
        "its interval; the band holds differences too small to matter. A verdict needs the whole interval on "
        "one side, or inside the band.",
        reason=None if len(drawable) else "No case has both frameworks measured and certified.",
        draw=lambda: figures.ratios(drawable),
        table=context.table(
            "TensorFlow's throughput divided by PyTorch's",
            judged,
            (
                *_CASE,
                ("replicates", "replicates", words.count),
                ("ratio", "speed_ratio", words.ratio),
                ("from", "speed_ratio_low", words.ratio),
                ("to", "speed_ratio_high", words.ratio),
                ("verdict", "verdict", None),
                ("why", "reason", None),
            ),
        ),
    )


def _accuracy(shown: Evidence, pictures: Path) -> Section:
    rounds = shown.rounds[shown.rounds["phase"] == Phase.EVALUATE]
    panels = rounds["label"].nunique()
    reason = None
    if rounds.empty:
        reason = "No evaluation finished."
    elif panels > _MOST_PANELS:
        reason = f"{panels} cases do not fit one figure; draw fewer with `harness report RUN`."
    keys = ["mode", "device", "batch_size", "epochs", "framework"]
    final = shown.ok.groupby(keys, sort=False)["final_accuracy"]
    spread = final.agg(replicates="count", median="median", lowest="min", highest="max").reset_index()
    return _drawn(
        pictures,
        "accuracy",
        title="Accuracy by epoch",
        intro="Share of the test set classified rightly after each epoch: the median over replicates, each "
        "with its own seed, shaded from the lowest to the highest.",
        reason=reason,
        draw=lambda: figures.accuracy(rounds),
        table=context.table(
            "Test accuracy after the last epoch",
            spread,
            (
                *_CASE,
                ("framework", "framework", words.framework),
                ("seeds", "replicates", words.count),
                ("median", "median", words.share),
                ("lowest", "lowest", words.share),
                ("highest", "highest", words.share),
            ),
        ),
    )


def _agreement(shown: Evidence) -> Section:
    frames = shown.frames
    return Section(
        name="agreement",
        title="Did both learn the same?",
        intro="The timed trials use each framework's own optimiser and dropout, so their accuracies differ "
        "as those of two seeds do. Agreement has to be shown: by two one-sided tests for the accuracy after "
        "the last epoch, and for the loss curves by staying within the spread between seeds. "
        + learned(frames),
        table=context.table(
            "Agreement of the two frameworks, each case",
            agreement(frames.trials, frames.rounds),
            (
                ("case", "case_id", None),
                ("seeds", "replicates", words.count),
                ("TensorFlow", "accuracy_tensorflow", words.share),
                ("PyTorch", "accuracy_pytorch", words.share),
                ("difference", "accuracy_difference", words.points),
                ("from", "accuracy_difference_low", words.points),
                ("to", "accuracy_difference_high", words.points),
                ("loss curves apart, sd", "loss_gap", words.small),
                ("what is not shown", "reason", None),
            ),
        ),
        table_open=True,
    )


def _memory(shown: Evidence, pictures: Path) -> Section:
    measured = shown.ok[shown.ok["host_peak_bytes"].notna()]
    gpu = shown.ok["gpu_peak_bytes"].notna().any()
    reasons = words.listed(sorted(set(shown.ok["gpu_peak_reason"].dropna())))
    return _drawn(
        pictures,
        "memory",
        title="Memory",
        intro="Largest resident memory of a worker process, libraries and data included. "
        + (
            "GPU memory is in the table."
            if gpu
            else f"GPU memory was not measured: {reasons or 'no trial finished'}."
        ),
        reason=None if len(measured) else "No trial reported its memory.",
        draw=lambda: figures.memory(measured),
        table=context.table(
            "Peak memory of each trial",
            shown.ok,
            (
                *_CASE,
                ("framework", "framework", words.framework),
                ("replicate", "replicate", words.count),
                ("host peak", "host_peak_bytes", words.mebibytes),
                ("GPU process peak", "gpu_peak_bytes", words.mebibytes),
                ("why no GPU figure", "gpu_peak_reason", None),
            ),
        ),
    )


def _startup(shown: Evidence, pictures: Path) -> Section:
    return _drawn(
        pictures,
        "startup",
        title="Start-up",
        intro="Seconds before the first timed round, in parts: import, data onto the device, building model "
        "and optimiser, and the first steps, in which functions are traced and compiled. Medians.",
        reason=None if len(shown.ok) else "No trial finished.",
        draw=lambda: figures.startup(shown.ok),
        table=context.table(
            "Start-up of each trial, seconds",
            shown.ok,
            (
                *_CASE,
                ("framework", "framework", words.framework),
                ("replicate", "replicate", words.count),
                ("import", "import_s", words.number),
                ("data", "data_s", words.number),
                ("build", "build_s", words.number),
                ("first steps", "first_step_s", words.number),
                ("all", "startup_s", words.number),
            ),
        ),
    )


def _failures(shown: Evidence) -> Section:
    failed = shown.frames.trials[shown.frames.trials["status"] != "ok"]
    return Section(
        name="failures",
        title="Failures",
        intro="Trials that did not finish. Nothing they had measured enters a verdict.",
        reason=None if len(failed) else "None.",
        table=context.table(
            "Failed trials",
            failed,
            (
                ("trial", "trial_id", None),
                ("kind", "failure_kind", None),
                ("reason", "failure_reason", None),
                ("log", "log_path", None),
            ),
        )
        if len(failed)
        else None,
        table_open=True,
    )


def _all_trials(shown: Evidence) -> Section:
    return Section(
        name="trials",
        title="All trials",
        intro="One row a trial, as in results/trials.",
        table=context.table(
            "All trials",
            shown.frames.trials,
            (
                *_CASE,
                ("replicate", "replicate", words.count),
                ("seed", "seed", str),
                ("framework", "framework", words.framework),
                ("status", "status", None),
                ("train samples/s", "train_samples_per_s", words.number),
                ("evaluate samples/s", "eval_samples_per_s", words.number),
                ("accuracy", "final_accuracy", words.share),
                ("test loss", "final_test_loss", words.number),
                ("optimiser", "optimizer", None),
            ),
        ),
    )


def _environment(shown: Evidence) -> Section:
    return Section(
        name="environment",
        title="Environment",
        intro="Where and with what the latest of these runs was measured.",
        table=context.table(
            "Environment",
            context.environment(shown.frames),
            (("what", "what", None), ("value", "value", None)),
        ),
    )


def _drawn(
    pictures: Path,
    name: str,
    *,
    title: str,
    intro: str,
    reason: str | None,
    draw: Callable[[], Figure],
    table: context.Table,
) -> Section:
    """Draw unless there is a reason not to."""
    svg = None
    if reason is None:
        with style.theme():
            figure = draw()
            svg = style.inline_svg(figure, name, title, intro)
            figure.savefig(pictures / f"{name}.png", dpi=120, facecolor="white", bbox_inches="tight")
    return Section(name=name, title=title, intro=intro, svg=svg, reason=reason, table=table)


def _several(trials: pd.DataFrame) -> list[str]:
    """Parts of the case, beside the batch size, that have more than one value here."""
    return [
        part
        for part in ("device", "mode", "precision", "dataset", "epochs")
        if len(trials[part].unique()) > 1
    ]


def _labelled(frame: pd.DataFrame, several: list[str]) -> pd.DataFrame:
    """`panel` tells apart all but the batch size, `label` the whole case."""

    def panel(row: pd.Series) -> str:
        parts = [f"{row[part]} epochs" if part == "epochs" else str(row[part]) for part in several]
        return ", ".join(parts) or f"mode {row['mode']}"

    cases = frame.drop_duplicates("case_id").set_index("case_id")
    panels = {case_id: panel(row) for case_id, row in cases.iterrows()}
    batches = cases["batch_size"].to_dict()
    return frame.assign(
        panel=frame["case_id"].map(panels),
        label=[
            f"{panels[case_id]}, batch {batches[case_id]}" if several else f"batch {batches[case_id]}"
            for case_id in frame["case_id"]
        ],
        rank=frame["mode"].map(list(Mode).index),
    ).sort_values(["rank", "panel", "batch_size"], kind="stable")
