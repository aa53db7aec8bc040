"""The `harness` command: the only place, with `terminal/`, that prints or exits.

Heavy imports wait inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from types import FrameType
from typing import Annotated, Final

import typer

from harness import __version__
from harness.cli.explain import explain
from harness.cli.launch import launch
from harness.cli.measure import bench, calibrate, data, doctor, parity
from harness.cli.results import check, compare, export, history, import_, report
from harness.cli.selfcheck import selfcheck
from harness.cli.shards import plan, run_shard
from harness.errors import INTERRUPTED_STATUS, HarnessError

_COMMANDS: Final = (bench, parity, calibrate, explain, report, compare, history, export, check, data,
             doctor, selfcheck, plan, run_shard, launch)  # fmt: skip

# SIGHUP is not everywhere.
_ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

# Two signals within so little are one that was sent twice.
_AT_ONCE_S: Final = 0.5

_heeds_ctrl_c: Final = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN

app = typer.Typer(
    name="harness",
    help="Which framework is faster for this work, on this machine, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _command in _COMMANDS:
    app.command()(_command)
app.command("import")(import_)


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
    """Which framework is faster for this work, on this machine, and how sure are we?"""


def _end_as_interrupted() -> None:
    """SIGTERM (Slurm, docker, timeout) and SIGHUP (a terminal that is closed) end a command as Ctrl-C does.

    Where the caller has one ignored, as nohup has, it stays so.
    """
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Once: `timeout` signals the process and then its group, and the second would end the ending.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    # But who presses Ctrl-C again wants no ending at all: the guardian ends the workers, and no file is torn.
    again_s = time.monotonic() + _AT_ONCE_S
    if _heeds_ctrl_c:
        signal.signal(signal.SIGINT, lambda *_: time.monotonic() < again_s or os._exit(INTERRUPTED_STATUS))
    raise KeyboardInterrupt


def main() -> None:
    """Run the command; what was raised on purpose becomes one line and its exit status."""
    # What the terminal's encoding has no character for becomes a question mark, never a traceback.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    _end_as_interrupted()
    try:
        app()
    except HarnessError as error:
        typer.echo(f"harness: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:
        # Of an interruption that no command tells of, Typer leaves an exit status alone.
        ended_by = (end, getattr(end.__context__, "__cause__", None))
        if any(isinstance(one, KeyboardInterrupt) for one in ended_by):
            typer.echo("harness: interrupted", err=True)
            sys.exit(INTERRUPTED_STATUS)
        raise
