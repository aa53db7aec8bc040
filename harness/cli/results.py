"""The commands that read what is on disk: report, compare, history, export, check."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.options import Reports, Results, Text, settings_of, typed
from harness.settings import addresses, parsing

RunNames = Annotated[
    list[str] | None, typer.Argument(metavar="[RUN]...", help="Run identifiers, latest, latest~1 or all.")
]
_SIDE = "latest, latest~1, an identifier, a results folder or RESULTS/runs/RUN.parquet."


def report(
    runs: RunNames = None,
    *,
    leave_out: Annotated[
        Text, typer.Option(help="off-hosts: the page is without hosts whose control or calibration is off.")
    ] = None,
    results: Results = None,
    reports: Reports = None,
) -> None:
    """Draw the page again from what is on disk."""
    settings = settings_of(results=results, reports=reports)
    from harness.sessions import bench as session  # noqa: PLC0415
    from harness.terminal.answers import show_report  # noqa: PLC0415

    frames, drawn = session.report(settings, runs or ["latest"], leave_out)
    show_report(frames, drawn)
    raise typer.Exit(drawn.exit_code)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=f"The run before: {_SIDE}")],
    b: Annotated[str, typer.Argument(metavar="B", help="The run after, named alike.")],
    *,
    fail_if_slower: Annotated[
        Text, typer.Option(help="Exit with 1 where B surely takes longer by more than this, such as 5%.")
    ] = None,
    across_machines: Annotated[
        bool, typer.Option("--across-machines", help="Compare runs of different machines, too.")
    ] = False,
    form: Annotated[str, typer.Option("--format", help="table, markdown or json.")] = "table",
    page: Annotated[Text, typer.Option(help="Write the comparison as a page, too.")] = None,
    results: Results = None,
) -> None:
    """Say what changed from run A to run B, for each framework and case, and how sure that is."""
    settings = settings_of(results=results, fail_if_slower=fail_if_slower)
    from harness.sessions import runs  # noqa: PLC0415
    from harness.sessions.drawing import Drawn  # noqa: PLC0415
    from harness.terminal.over_time import show_comparison  # noqa: PLC0415

    shown = runs.shown_as(form)
    target = None if page is None else parsing.path("PAGE", page)
    compared = runs.compare(settings, a, b, across_machines=across_machines)
    drawn = Drawn() if target is None else runs.write_comparison(compared, target, settings, typed())
    show_comparison(compared, shown, drawn)
    if len(compared.too_slow):
        raise typer.Exit(1)
    raise typer.Exit(drawn.exit_code)


def history(
    *,
    results: Results = None,
    reports: Reports = None,
) -> None:
    """Draw every case over the runs of a results folder, and mark where it shifted."""
    settings = settings_of(results=results, reports=reports)
    from harness.sessions import runs  # noqa: PLC0415
    from harness.terminal.over_time import show_history  # noqa: PLC0415

    past, drawn = runs.history(settings, typed())
    show_history(past, drawn)
    raise typer.Exit(drawn.exit_code)


def export(
    names: RunNames = None,
    *,
    form: Annotated[
        str, typer.Option("--format", help="csv, json, markdown or github-action-benchmark.")
    ] = "json",
    output: Annotated[Text, typer.Option(help="File to write; standard output without it.")] = None,
    results: Results = None,
) -> None:
    """Write what runs say for other programs."""
    settings = settings_of(results=results)
    from harness.sessions import runs  # noqa: PLC0415

    target = None if output is None else parsing.path("OUTPUT", output)
    text = runs.export(settings, names or ["latest"], form, target)
    if target is None:
        typer.echo(text, nl=False)


def check(*, results: Results = None) -> None:
    """Look through a results folder: what cannot be read, is double, missing or left; mend what is safe."""
    settings = settings_of(results=results)
    from harness.sessions import runs  # noqa: PLC0415
    from harness.terminal.answers import show_inspection  # noqa: PLC0415

    found = runs.check(settings.results)
    show_inspection(settings.results, found)
    if any(one.is_harm for one in found):
        raise typer.Exit(1)


def import_(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Results folders of other hosts, addresses at or below which some lie (s3://BUCKET/FOLDER), "
            "or what `pytest benchmarks/ --benchmark-json=FILE` wrote.",
        ),
    ],
    *,
    results: Results = None,
) -> None:
    """Bring runs of other hosts, or of the pytest suite, into the results: each once, whole."""
    settings = settings_of(results=results)
    from harness.sessions import runs  # noqa: PLC0415
    from harness.terminal.answers import show_brought  # noqa: PLC0415

    given = [
        addresses.address("SOURCE", one) if addresses.is_address(one) else parsing.path("FILE", one)
        for one in sources
    ]
    for brought in runs.bring_in(given, settings.results):
        show_brought(brought)
