"""Where a command speaks: the answer on standard output, how it goes on standard error."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO, cast

from rich.console import Console


def answering(width: int | None = None) -> Console:
    """For the answer; `width` is given where a table needs more room than the terminal has."""
    return Console(highlight=False, width=width)


def following() -> Console:
    """For how it goes on. Nothing is lost but the line where it cannot be written, never what is measured."""
    stream = None if sys.stderr is None else cast(TextIO, _Unfailing(sys.stderr))
    return Console(file=stream, stderr=True, highlight=False)


def redraws(console: Console) -> bool:
    """Whether what stands there can be drawn over: on a terminal only, whatever is asked of colours.

    FORCE_COLOR has rich take a file for a terminal. A file has no use for bars, and would miss the lines
    that a terminal is not shown.
    """
    return console.file.isatty() and not console.is_dumb_terminal


class _Unfailing:
    """A stream that a full disk, a closed pipe or a terminal that was hung up does not make fail."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        return self._stream.encoding

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()
