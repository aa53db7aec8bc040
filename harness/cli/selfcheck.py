"""The command that asks whether the harness itself is right on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.options import (
    Force,
    PassEnv,
    Results,
    Text,
    Threads,
    Wait,
    measuring,
    settings_of,
    typed,
)
from harness.settings.presets import SELFCHECK_DEFAULTS


def selfcheck(
    *,
    device: Annotated[Text, typer.Option(help="auto, cpu, cuda, cuda:N or GPU-UUID; one of them.")] = None,
    steps: Annotated[Text, typer.Option(help='Only these steps, such as "clocks,memory".')] = None,
    budget: Annotated[Text, typer.Option(help="Seconds for all steps together.")] = None,
    threads: Threads = None,
    pass_env: PassEnv = None,
    results: Results = None,
    wait: Wait = False,
    force: Force = False,
) -> None:
    """Check the harness itself on this machine: clocks, memory, proofs, partners; one folder, one page."""
    settings = settings_of(
        SELFCHECK_DEFAULTS,
        device=device,
        budget_s=budget,
        threads=threads,
        pass_env=pass_env,
        results=results,
    )
    from harness.sessions import selfcheck as session  # noqa: PLC0415
    from harness.terminal.live import DataDisplay  # noqa: PLC0415
    from harness.terminal.selfchecking import CheckDisplay, show_selfcheck  # noqa: PLC0415

    with measuring(wait=wait, force=force):
        with DataDisplay() as display:
            prepared = session.prepare(settings, steps or "", display)
        found = session.selfcheck(prepared, settings, command=typed(), observer=CheckDisplay())
    show_selfcheck(found)
    if found.failed or found.drawn.failure is not None:
        raise typer.Exit(1)
