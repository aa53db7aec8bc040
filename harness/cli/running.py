"""A run carried out: from its beginning, or what is missing of one; what it says, and its exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.options import typed
from harness.errors import INTERRUPTED_STATUS, CertificateFailed
from harness.settings.config import Settings
from harness.settings.sharding import Shard
from harness.work.records import RunStatus

if TYPE_CHECKING:
    from harness.sessions.resuming import Unfinished


def begin(settings: Settings, shard: Shard | None = None, *, as_json: bool) -> None:
    """Measure what the settings ask for, or a shard of it."""
    _measure(settings, shard, None, as_json=as_json)


def go_on(name: str, asked: Settings, *, as_json: bool) -> None:
    """Measure what is missing of a run; of one that misses nothing show what it says."""
    from harness.sessions import bench as session  # noqa: PLC0415
    from harness.sessions import resuming  # noqa: PLC0415
    from harness.terminal.answers import show_finished  # noqa: PLC0415

    run = resuming.find(name, asked)
    if not run.is_finished:
        _measure(run.settings, run.shard, run, as_json=as_json)
        return
    frames, drawn = session.report(run.settings, [run.run_id])
    show_finished(frames, drawn, run.settings.results, as_json=as_json)


def _measure(
    settings: Settings, shard: Shard | None, unfinished: Unfinished | None, *, as_json: bool
) -> None:
    """A run from its beginning, or what is missing of one."""
    from harness.engine.forking import ForkServers  # noqa: PLC0415
    from harness.sessions import bench as session  # noqa: PLC0415
    from harness.sessions import proven  # noqa: PLC0415
    from harness.terminal.answers import show_run  # noqa: PLC0415
    from harness.terminal.live import DataDisplay, ProofDisplay, RunDisplay, say_load  # noqa: PLC0415

    with DataDisplay() as display:
        planned = session.fitting(session.prepare(settings, display, shard), unfinished)
        data_root = session.find_data(settings, display)
    say_load()
    with ForkServers() as servers:
        with ProofDisplay() as display:
            proofs = proven.prove_ahead(planned, data_root, servers=servers, observer=display)
        with RunDisplay(planned, unfinished) as display:
            run = session.bench(
                planned,
                data_root,
                proofs,
                command=typed(),
                servers=servers,
                observer=display,
                unfinished=unfinished,
            )
    show_run(run, settings.results, as_json=as_json)
    if run.outcome.status is RunStatus.INTERRUPTED:
        raise typer.Exit(INTERRUPTED_STATUS)
    if run.uncertified and not settings.allow_mismatch:
        raise typer.Exit(CertificateFailed.exit_code)
    if run.outcome.failed or run.drawn.failure is not None:
        raise typer.Exit(1)
