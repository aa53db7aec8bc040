"""The command that says why two programs differ."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.options import (
    Budget,
    DataDir,
    DatasetName,
    Device,
    Force,
    Json,
    PassEnv,
    Reports,
    Results,
    Seed,
    Text,
    Threads,
    Timeout,
    TrainSamples,
    Wait,
    measuring,
    settings_of,
    typed,
)
from harness.errors import INTERRUPTED_STATUS
from harness.settings.presets import EXPLANATION_DEFAULTS
from harness.work.changes import EXAMPLE
from harness.work.records import RunStatus


def explain(
    cases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CASE_A CASE_B]",
            help=f"Two cases, such as {EXAMPLE}; else the article's listings.",
        ),
    ] = None,
    *,
    beside: Annotated[bool, typer.Option(help="Measure what neither listing types, too.")] = False,
    budget: Budget = None,
    replicates: Annotated[Text, typer.Option(help="At most this many walks from one to the other.")] = None,
    epochs: Annotated[Text, typer.Option(help="Epochs that a listing trains for.")] = None,
    train_samples: TrainSamples = None,
    device: Device = None,
    dataset: DatasetName = None,
    seed: Seed = None,
    threads: Threads = None,
    timeout: Timeout = None,
    pass_env: PassEnv = None,
    data_dir: DataDir = None,
    results: Results = None,
    reports: Reports = None,
    wait: Wait = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Measure why two programs differ: change one into the other, one thing at a time."""
    settings = settings_of(
        EXPLANATION_DEFAULTS,
        budget_s=budget,
        replicates=replicates,
        epochs=epochs,
        train_samples=train_samples,
        device=device,
        dataset=dataset,
        seed=seed,
        threads=threads,
        timeout_s=timeout,
        pass_env=pass_env,
        data_dir=data_dir,
        results=results,
        reports=reports,
    )
    from harness.sessions import bench as session  # noqa: PLC0415
    from harness.sessions import explanation  # noqa: PLC0415
    from harness.terminal.explaining import ExplainDisplay, show_explanation  # noqa: PLC0415
    from harness.terminal.live import DataDisplay, say_load  # noqa: PLC0415

    with measuring(wait=wait, force=force):
        with DataDisplay() as display:
            settings, a, b = explanation.prepare(settings, cases or [], display)
            data_root = session.find_data(settings, display)
        say_load()
        with ExplainDisplay(a, b, settings) as display:
            found = explanation.explain(
                a, b, settings, data_root, command=typed(), observer=display, beside=beside
            )
    show_explanation(found, settings.results, as_json=json)
    if found.outcome.status is RunStatus.INTERRUPTED:
        raise typer.Exit(INTERRUPTED_STATUS)
    if found.outcome.failed or found.drawn.failure is not None:
        raise typer.Exit(1)
