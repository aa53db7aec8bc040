"""The `harness` command: the only place, with `terminal.py`, that prints or exits.

Heavy imports wait inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from harness import __version__
from harness.config import CALIBRATION_DEFAULTS, Settings, resolve
from harness.errors import CertificateFailed, HarnessError

app = typer.Typer(
    name="harness",
    help="TensorFlow or PyTorch: which is faster for this work, on this machine, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Text = str | None

Preset = Annotated[Text, typer.Option(help="smoke (a minute), default (minutes) or thorough (hours).")]
Device = Annotated[Text, typer.Option(help="auto, cpu, cuda, cuda:N or GPU-UUID; several make a grid.")]
BatchSize = Annotated[Text, typer.Option(help='Training batch sizes, such as "32,256".')]
Epochs = Annotated[Text, typer.Option(help='Epochs a trial trains for, such as "1,5".')]
ModeNames = Annotated[Text, typer.Option(help="loop, eager, compiled, idiomatic.")]
DatasetName = Annotated[Text, typer.Option(help="mnist, fashion-mnist or synthetic.")]
Seed = Annotated[Text, typer.Option(help="Seed of the first replicate.")]
TrainSamples = Annotated[Text, typer.Option(help="Train on the first N samples only.")]
EvalBatchSize = Annotated[Text, typer.Option(help="Batch size of an evaluation pass.")]
Threads = Annotated[Text, typer.Option(help="Threads of each framework; auto leaves one core free.")]
Replicates = Annotated[Text, typer.Option(help="At most this many pairs of each case.")]
Budget = Annotated[Text, typer.Option(help="Seconds to measure for.")]
Precision = Annotated[Text, typer.Option(help="Stop a case when its ratio is known within this, such as 2%.")]
RoundSeconds = Annotated[Text, typer.Option("--round", help="Least seconds of a round.")]
Timeout = Annotated[Text, typer.Option(help="Seconds a worker may take to answer.")]
AllowMismatch = Annotated[
    bool | None,
    typer.Option("--allow-mismatch", help="Measure cases whose certificate failed too, and mark them."),
]
DataDir = Annotated[Text, typer.Option(help="Folder with the four idx files, raw or .gz.")]
Results = Annotated[Text, typer.Option(help="Folder of the parquet files.")]
Reports = Annotated[Text, typer.Option(help="Folder of the page.")]


def _settings(defaults: Mapping[str, str] | None = None, **given: Text) -> Settings:
    return resolve(given, os.environ, Path.cwd(), defaults)


@app.command()
def bench(
    *,
    preset: Preset = None,
    device: Device = None,
    batch_size: BatchSize = None,
    epochs: Epochs = None,
    mode: ModeNames = None,
    dataset: DatasetName = None,
    seed: Seed = None,
    train_samples: TrainSamples = None,
    eval_batch_size: EvalBatchSize = None,
    threads: Threads = None,
    replicates: Replicates = None,
    budget: Budget = None,
    precision: Precision = None,
    round_s: RoundSeconds = None,
    timeout: Timeout = None,
    allow_mismatch: AllowMismatch = None,
    data_dir: DataDir = None,
    results: Results = None,
    reports: Reports = None,
) -> None:
    """Measure both frameworks, write parquet files and the page."""
    settings = _settings(
        preset=preset,
        device=device,
        batch_size=batch_size,
        epochs=epochs,
        mode=mode,
        dataset=dataset,
        seed=seed,
        train_samples=train_samples,
        eval_batch_size=eval_batch_size,
        threads=threads,
        replicates=replicates,
        budget_s=budget,
        precision=precision,
        round_s=round_s,
        timeout_s=timeout,
        allow_mismatch="yes" if allow_mismatch else None,
        data_dir=data_dir,
        results=results,
        reports=reports,
    )
    from harness import bench as session  # noqa: PLC0415
    from harness.terminal import DataDisplay, ProofDisplay, RunDisplay, show_run  # noqa: PLC0415

    with DataDisplay() as display:
        planned = session.prepare(settings, display)
        data_root = session.find_data(settings, display)
    with ProofDisplay(len(planned.cases)) as display:
        proofs = session.prove(planned, data_root, display)
    with RunDisplay(planned) as display:
        run = session.bench(planned, data_root, proofs, command=_command(), observer=display)
    show_run(run)
    if run.outcome.status == "interrupted":
        raise typer.Exit(130)
    if run.uncertified and not settings.allow_mismatch:
        raise typer.Exit(CertificateFailed.exit_code)
    if run.outcome.trials_ok == 0:
        raise typer.Exit(1)


@app.command()
def parity(
    *,
    preset: Preset = None,
    device: Device = None,
    batch_size: BatchSize = None,
    epochs: Epochs = None,
    mode: ModeNames = None,
    dataset: DatasetName = None,
    seed: Seed = None,
    train_samples: TrainSamples = None,
    threads: Threads = None,
    timeout: Timeout = None,
    data_dir: DataDir = None,
    results: Results = None,
) -> None:
    """Prove that both frameworks do the same work, without measuring."""
    settings = _settings(
        preset=preset,
        device=device,
        batch_size=batch_size,
        epochs=epochs,
        mode=mode,
        dataset=dataset,
        seed=seed,
        train_samples=train_samples,
        threads=threads,
        timeout_s=timeout,
        data_dir=data_dir,
        results=results,
    )
    from harness import bench as session  # noqa: PLC0415
    from harness.terminal import DataDisplay, ProofDisplay, show_proofs  # noqa: PLC0415

    with DataDisplay() as display:
        planned = session.prepare(settings, display)
        data_root = session.find_data(settings, display)
    with ProofDisplay(len(planned.cases)) as display:
        proofs = session.prove(planned, data_root, display)
    show_proofs(proofs)
    if not proofs["holds"].all():
        raise typer.Exit(CertificateFailed.exit_code)


@app.command()
def calibrate(
    *,
    tries: Annotated[Text, typer.Option(help="Tries of each planted slow-down.")] = None,
    seconds: Annotated[Text, typer.Option("--try", help="Seconds of measuring in each try.")] = None,
    replicates: Annotated[Text, typer.Option(help="Pairs in each try.")] = None,
    usual: Annotated[bool, typer.Option(help="Measure for as long the usual ways, too.")] = True,
    planted: Annotated[Text, typer.Option(help='Slow-downs to plant, such as "0%,5%"; 0% is none.')] = None,
    device: Device = None,
    batch_size: BatchSize = None,
    mode: ModeNames = None,
    dataset: DatasetName = None,
    seed: Seed = None,
    train_samples: TrainSamples = None,
    threads: Threads = None,
    round_s: RoundSeconds = None,
    timeout: Timeout = None,
    data_dir: DataDir = None,
    results: Results = None,
) -> None:
    """Find out what this machine can tell apart: the same code on both sides, and one side slowed."""
    settings = _settings(
        CALIBRATION_DEFAULTS,
        tries=tries,
        try_s=seconds,
        planted=planted,
        replicates=replicates,
        device=device,
        batch_size=batch_size,
        mode=mode,
        dataset=dataset,
        seed=seed,
        train_samples=train_samples,
        threads=threads,
        round_s=round_s,
        timeout_s=timeout,
        data_dir=data_dir,
        results=results,
    )
    from harness import bench as session  # noqa: PLC0415
    from harness.terminal import CalibrationDisplay, DataDisplay, show_calibration  # noqa: PLC0415

    with DataDisplay() as display:
        planned = session.prepare_calibration(settings, display)
        data_root = session.find_data(settings, display)
    with CalibrationDisplay(planned) as display:
        attempts = session.calibrate(planned, data_root, usual=usual, observer=display)
    show_calibration(attempts)


@app.command()
def report(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Run identifiers, latest or all.")
    ] = None,
    *,
    results: Results = None,
    reports: Reports = None,
) -> None:
    """Draw the page again from what is on disk."""
    settings = _settings(results=results, reports=reports)
    from harness import bench as session  # noqa: PLC0415
    from harness.terminal import show_report  # noqa: PLC0415

    frames, page = session.report(settings, runs or ["latest"])
    show_report(frames, page)


@app.command()
def data(*, dataset: DatasetName = None, data_dir: DataDir = None) -> None:
    """Find or fetch the data set and verify every file."""
    settings = _settings(dataset=dataset, data_dir=data_dir)
    from harness import bench as session  # noqa: PLC0415
    from harness.terminal import DataDisplay, show_data  # noqa: PLC0415

    with DataDisplay() as display:
        root = session.find_data(settings, display)
    show_data(settings.dataset, root)


@app.command()
def doctor(*, device: Device = None, results: Results = None) -> None:
    """Say what is there, what is missing and what that disables."""
    settings = _settings(device=device, results=results)
    from harness import bench as session  # noqa: PLC0415
    from harness.terminal import show_checks  # noqa: PLC0415

    show_checks(session.examine(settings))


def _version(wanted: bool) -> None:  # noqa: FBT001  (typer's callback)
    if wanted:
        typer.echo(f"harness {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """TensorFlow or PyTorch: which is faster for this work, on this machine, and how sure are we?"""


def _command() -> str:
    """The command that was typed, ready to be pasted into a shell."""
    return shlex.join(["harness", *sys.argv[1:]])


def main() -> None:
    """Run the command; what was raised on purpose becomes one line and its exit status."""
    try:
        app()
    except HarnessError as error:
        typer.echo(f"harness: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("harness: interrupted", err=True)
        sys.exit(130)
