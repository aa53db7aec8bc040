"""The command that has a plan's shards measured by an engine, and brings them in."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from harness.cli.options import DataDir, Reports, Results, settings_of, typed
from harness.errors import INTERRUPTED_STATUS, CertificateFailed, HarnessError, LaunchFailed
from harness.settings import parsing

_MOST_TRIES: Final = 1000
# A sign of life may be missed, and the next one late.
_LEAST_BEATS: Final = 3


def launch(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The folder that `harness plan` wrote.")],
    *,
    launcher: Annotated[str, typer.Option(help="local, slurm, ray, or another that is installed.")] = "local",
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One of the launcher's settings; may be repeated."),
    ] = None,
    output: Annotated[str, typer.Option(help="Folder of the shards' folders, shared by all hosts.")],
    tries: Annotated[
        str, typer.Option(help="How often a shard may be begun; preemptions do not count.")
    ] = "3",
    silent: Annotated[
        str, typer.Option(help="Seconds without a sign of life after which a shard is lost.")
    ] = "180",
    data_dir: DataDir = None,
    results: Results = None,
    reports: Reports = None,
) -> None:
    """Have all shards of a plan measured, or those not finished, and bring them into the results."""
    settings = settings_of(data_dir=data_dir, results=results, reports=reports)
    from harness.launchers import registry  # noqa: PLC0415
    from harness.launchers.notes import BEAT_S  # noqa: PLC0415
    from harness.sessions import bench  # noqa: PLC0415
    from harness.sessions import launching as session  # noqa: PLC0415
    from harness.terminal.answers import show_report  # noqa: PLC0415
    from harness.terminal.launching import LaunchDisplay, show_interrupted, show_launched  # noqa: PLC0415

    wanted = registry.record(launcher)
    orders = session.Orders(
        plan=parsing.path("PLAN", plan),
        output=parsing.path("OUTPUT", output),
        launcher=wanted,
        settings=wanted.settled(option or []),
        tries=parsing.whole("TRIES", tries, least=1, most=_MOST_TRIES),
        silent_s=parsing.seconds("SILENT", silent, least=_LEAST_BEATS * BEAT_S),
        data_dir=settings.data_dir,
    )
    try:
        launched = session.launch(orders, settings.results, LaunchDisplay())
    except KeyboardInterrupt:
        show_interrupted(typed())
        raise typer.Exit(INTERRUPTED_STATUS) from None
    show_launched(launched)
    if launched.brought:
        frames, drawn = bench.report(settings, [launched.plan_id])
        show_report(frames, drawn)
    if launched.unfinished:
        raise typer.Exit(LaunchFailed.exit_code)
    # Whatever else ended the attempt at a shard that has finished came after its last match.
    statuses = {charge.status for charge in launched.charges}
    for status in (CertificateFailed.exit_code, HarnessError.exit_code):
        if status in statuses:
            raise typer.Exit(status)
