"""The commands that look at the machine: measure, prove, calibrate, find the data, examine."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from harness.cli.options import (
    AllowMismatch,
    AtBest,
    BatchSize,
    Budget,
    DataDir,
    DatasetName,
    Device,
    Epochs,
    EvalBatchSize,
    Force,
    Frameworks,
    Hidden,
    Json,
    ModeNames,
    PassEnv,
    PrecisionNames,
    Preset,
    Replicates,
    Reports,
    Results,
    Resume,
    RoundSeconds,
    Seed,
    ShareCores,
    Text,
    Threads,
    Timeout,
    TrainSamples,
    Wait,
    Within,
    Workers,
    in_one,
    measuring,
    refuse_beside,
    settings_from,
    settings_of,
)
from harness.cli.running import begin, go_on
from harness.errors import INTERRUPTED_STATUS, CertificateFailed
from harness.settings.presets import CALIBRATION_DEFAULTS

# What may be said beside a run that goes on: where things are.
_PLACES: Final = frozenset({"results", "reports", "data_dir"})


def bench(
    *,
    preset: Preset = None,
    frameworks: Frameworks = None,
    device: Device = None,
    batch_size: BatchSize = None,
    hidden: Hidden = None,
    workers: Workers = None,
    epochs: Epochs = None,
    mode: ModeNames = None,
    precision: PrecisionNames = None,
    dataset: DatasetName = None,
    seed: Seed = None,
    train_samples: TrainSamples = None,
    eval_batch_size: EvalBatchSize = None,
    threads: Threads = None,
    replicates: Replicates = None,
    budget: Budget = None,
    within: Within = None,
    at_best: AtBest = None,
    share_cores: ShareCores = None,
    round_s: RoundSeconds = None,
    timeout: Timeout = None,
    pass_env: PassEnv = None,
    allow_mismatch: AllowMismatch = None,
    data_dir: DataDir = None,
    results: Results = None,
    reports: Reports = None,
    resume: Resume = None,
    wait: Wait = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Measure the frameworks, write parquet files and the page."""
    given: dict[str, Text] = {
        "preset": preset,
        "frameworks": frameworks,
        "device": device,
        "batch_size": batch_size,
        "hidden": hidden,
        "workers": workers,
        "epochs": epochs,
        "mode": mode,
        "precision": precision,
        "dataset": dataset,
        "seed": seed,
        "train_samples": train_samples,
        "eval_batch_size": eval_batch_size,
        "threads": threads,
        "replicates": replicates,
        "budget_s": budget,
        "within": within,
        "at_best": at_best,
        "share_cores": share_cores,
        "round_s": round_s,
        "timeout_s": timeout,
        "pass_env": in_one(pass_env),
        "allow_mismatch": "yes" if allow_mismatch else None,
        "data_dir": data_dir,
        "results": results,
        "reports": reports,
    }
    settings = settings_from(given)
    if resume is not None:
        refuse_beside("RESUME", resume, given, but=_PLACES)
    with measuring(wait=wait, force=force):
        if resume is None:
            begin(settings, as_json=json)
        else:
            go_on(resume, settings, as_json=json)


def parity(
    *,
    preset: Preset = None,
    frameworks: Frameworks = None,
    device: Device = None,
    batch_size: BatchSize = None,
    hidden: Hidden = None,
    workers: Workers = None,
    epochs: Epochs = None,
    mode: ModeNames = None,
    precision: PrecisionNames = None,
    dataset: DatasetName = None,
    seed: Seed = None,
    train_samples: TrainSamples = None,
    threads: Threads = None,
    timeout: Timeout = None,
    pass_env: PassEnv = None,
    data_dir: DataDir = None,
    results: Results = None,
) -> None:
    """Prove that the frameworks do the same work, without measuring."""
    settings = settings_of(
        preset=preset,
        frameworks=frameworks,
        device=device,
        batch_size=batch_size,
        hidden=hidden,
        workers=workers,
        epochs=epochs,
        mode=mode,
        precision=precision,
        dataset=dataset,
        seed=seed,
        train_samples=train_samples,
        threads=threads,
        timeout_s=timeout,
        pass_env=pass_env,
        data_dir=data_dir,
        results=results,
    )
    from harness.engine.forking import ForkServers  # noqa: PLC0415
    from harness.sessions import bench as session  # noqa: PLC0415
    from harness.sessions import proven  # noqa: PLC0415
    from harness.terminal.answers import show_proofs  # noqa: PLC0415
    from harness.terminal.live import DataDisplay, ProofDisplay, say  # noqa: PLC0415

    with DataDisplay() as display:
        planned = session.fitting(session.prepare(settings, display))
        data_root = session.find_data(settings, display)
    for case, why in (*planned.unfit, *planned.unable):
        say(f"{case.id} is left out: {why}")
    with ForkServers() as servers, ProofDisplay() as display:
        proofs = proven.prove(planned, data_root, servers=servers, observer=display)
    show_proofs(proofs)
    if not proofs["holds"].all():
        raise typer.Exit(CertificateFailed.exit_code)


def calibrate(
    *,
    tries: Annotated[Text, typer.Option(help="Tries of each planted slow-down.")] = None,
    seconds: Annotated[Text, typer.Option("--try", help="Seconds of measuring a case in each try.")] = None,
    replicates: Annotated[Text, typer.Option(help="Matches of each case in each try.")] = None,
    usual: Annotated[bool, typer.Option(help="Measure for as long the usual ways, too.")] = True,
    planted: Annotated[Text, typer.Option(help='Slow-downs to plant, such as "0%,5%"; 0% is none.')] = None,
    frameworks: Frameworks = None,
    device: Device = None,
    batch_size: BatchSize = None,
    hidden: Hidden = None,
    workers: Workers = None,
    mode: ModeNames = None,
    precision: PrecisionNames = None,
    dataset: DatasetName = None,
    seed: Seed = None,
    train_samples: TrainSamples = None,
    threads: Threads = None,
    share_cores: ShareCores = None,
    round_s: RoundSeconds = None,
    timeout: Timeout = None,
    pass_env: PassEnv = None,
    data_dir: DataDir = None,
    results: Results = None,
    wait: Wait = False,
    force: Force = False,
) -> None:
    """Find out what this machine can tell apart: the same code twice, and once slowed."""
    settings = settings_of(
        CALIBRATION_DEFAULTS,
        tries=tries,
        try_s=seconds,
        planted=planted,
        replicates=replicates,
        frameworks=frameworks,
        device=device,
        batch_size=batch_size,
        hidden=hidden,
        workers=workers,
        mode=mode,
        precision=precision,
        dataset=dataset,
        seed=seed,
        train_samples=train_samples,
        threads=threads,
        share_cores=share_cores,
        round_s=round_s,
        timeout_s=timeout,
        pass_env=pass_env,
        data_dir=data_dir,
        results=results,
    )
    from harness.sessions import bench  # noqa: PLC0415
    from harness.sessions import calibration as session  # noqa: PLC0415
    from harness.terminal.answers import show_calibration  # noqa: PLC0415
    from harness.terminal.live import CalibrationDisplay, DataDisplay, say_load  # noqa: PLC0415

    with measuring(wait=wait, force=force):
        with DataDisplay() as display:
            planned = session.prepare(settings, display)
            data_root = bench.find_data(settings, display)
        say_load()
        with CalibrationDisplay(planned) as display:
            calibrated = session.calibrate(planned, data_root, usual=usual, observer=display)
    show_calibration(calibrated)
    if calibrated.interrupted:
        raise typer.Exit(INTERRUPTED_STATUS)
    if calibrated.attempts.empty:
        raise typer.Exit(1)


def data(*, dataset: DatasetName = None, data_dir: DataDir = None) -> None:
    """Find or fetch the data set and verify every file."""
    settings = settings_of(dataset=dataset, data_dir=data_dir)
    from harness.sessions import bench as session  # noqa: PLC0415
    from harness.terminal.answers import show_data  # noqa: PLC0415
    from harness.terminal.live import DataDisplay  # noqa: PLC0415

    with DataDisplay() as display:
        root = session.find_data(settings, display)
    show_data(settings.dataset, root)


def doctor(*, device: Device = None, pass_env: PassEnv = None, results: Results = None) -> None:
    """Say what is there, what is missing and what that disables."""
    settings = settings_of(device=device, pass_env=pass_env, results=results)
    from harness.sessions.examination import examine  # noqa: PLC0415
    from harness.terminal.answers import show_checks  # noqa: PLC0415

    show_checks(examine(settings))
