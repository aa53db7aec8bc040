"""What the commands of `harness` share: their options, the settings that these make, and what was typed."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import BadOption
from harness.settings.addresses import shown
from harness.settings.config import LABELS, Settings, resolve

Text = str | None

Preset = Annotated[Text, typer.Option(help="smoke (a minute), default (minutes) or thorough (hours).")]
Frameworks = Annotated[
    Text, typer.Option(help="Two or more to compare, by the names of their records; see `harness doctor`.")
]
Device = Annotated[Text, typer.Option(help="auto, cpu, cuda, cuda:N or GPU-UUID; several make a grid.")]
BatchSize = Annotated[Text, typer.Option(help='Training batch sizes, such as "32,256".')]
Hidden = Annotated[
    Text, typer.Option(help='Hidden layers of the network, such as "128", "32,4096" or "512x512".')
]
Workers = Annotated[
    Text, typer.Option(help='Workers that train one model together, each a process, such as "1,2,4".')
]
Epochs = Annotated[Text, typer.Option(help='Epochs that are learned, such as "1,5".')]
ModeNames = Annotated[
    Text, typer.Option(help="loop, eager, compiled, idiomatic, article, best; graph on a GPU.")
]
PrecisionNames = Annotated[Text, typer.Option(help="fp32, bf16, fp64; tf32 and fp16 on a GPU.")]
DatasetName = Annotated[Text, typer.Option(help="mnist, fashion-mnist or synthetic.")]
Seed = Annotated[Text, typer.Option(help="Seed of the first replicate.")]
TrainSamples = Annotated[Text, typer.Option(help="Train on the first N samples only.")]
EvalBatchSize = Annotated[Text, typer.Option(help="Batch size of an evaluation pass.")]
Threads = Annotated[Text, typer.Option(help="Threads of each framework; auto leaves one core free.")]
Replicates = Annotated[Text, typer.Option(help="At most this many matches of each case.")]
Budget = Annotated[Text, typer.Option(help="Seconds to measure for.")]
Within = Annotated[Text, typer.Option(help="Stop a case when its ratio is known within this, such as 2%.")]
AtBest = Annotated[Text, typer.Option(help="yes or no: in the time left, ask how fast each is at its best.")]
ShareCores = Annotated[
    Text, typer.Option(help="yes or no: on a CPU with one thread each, keep a match on one core, drawn anew.")
]
RoundSeconds = Annotated[Text, typer.Option("--round", help="Least seconds of a round.")]
Timeout = Annotated[Text, typer.Option(help="Seconds a worker may take to answer.")]
AllowMismatch = Annotated[
    bool | None,
    typer.Option("--allow-mismatch", help="Measure cases whose certificate failed too, and mark them."),
]
PassEnv = Annotated[
    list[str] | None,
    typer.Option(help="Let this variable of the shell into the workers, and record it; may be repeated."),
]
DataDir = Annotated[Text, typer.Option(help="Folder with the four idx files, raw or .gz.")]
Results = Annotated[Text, typer.Option(help="Folder of the parquet files.")]
Reports = Annotated[Text, typer.Option(help="Folder of the page.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for another measurement's end.")]
Force = Annotated[bool, typer.Option("--force", help="Measure beside another measurement.")]
Resume = Annotated[
    Text, typer.Option(help="Go on with a run that was not finished: its identifier, or latest.")
]
Json = Annotated[
    bool, typer.Option("--json", help="The answer as JSON, and nothing else on standard output.")
]


def settings_of(
    defaults: Mapping[str, str] | None = None, *, pass_env: list[str] | None = None, **given: Text
) -> Settings:
    """Settings from what was given, the environment and `harness.toml` in the working folder."""
    return settings_from(given | {"pass_env": in_one(pass_env)}, defaults)


def settings_from(given: Mapping[str, Text], defaults: Mapping[str, str] | None = None) -> Settings:
    """As `settings_of`, of what was given by name."""
    return resolve(given, os.environ, Path.cwd(), defaults)


def in_one(pass_env: list[str] | None) -> Text:
    """Variables that were let in one by one, as the setting is written."""
    return ",".join(pass_env) if pass_env else None


def refuse_beside(option: str, value: str, given: Mapping[str, Text], *, but: frozenset[str]) -> None:
    """Refuse what was given beside an option that leaves nothing to say, but for these.

    Raises:
        BadOption: naming what has to go.
    """
    others = [LABELS[name] for name, text in given.items() if text is not None and name not in but]
    if others:
        raise BadOption(option, value, f"it without {', '.join(others)}: a run goes on with its own settings")


@contextmanager
def measuring(*, wait: bool, force: bool) -> Iterator[None]:
    """Have the machine alone while the block measures, without the folders that killed measurements left.

    Raises:
        MachineInUse: somebody else measures, and that is neither to be waited for nor suffered.
    """
    from harness.measure import scratch  # noqa: PLC0415
    from harness.measure.alone import alone  # noqa: PLC0415
    from harness.terminal.live import say  # noqa: PLC0415

    with alone(typed(), wait=wait, force=force, notice=say):
        scratch.sweep()
        yield


def typed() -> str:
    """The command that was typed, ready to be pasted into a shell, as it may be recorded.

    Bytes that are no text are replaced, and addresses are without what opens them.
    """
    words = [os.fsencode(word).decode("utf-8", errors="replace") for word in sys.argv[1:]]
    return shlex.join(["harness", *map(shown, words)])
