"""A page is drawn, or it is known why it was not: the answer and what was measured do not hang on it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError

LOG_NAME: Final = "page.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Where a page is, or in a sentence why there is none; both None where there was nothing to draw.

    `exit_code` is the status of a command that was asked for nothing but the page.
    """

    page: Path | None = None
    failure: str | None = None
    exit_code: int = 0


def drawn(draw: Callable[[], Path | None], results: Path) -> Drawn:
    """Draw; whatever that raises is a sentence, and its traceback goes to a log in the results folder."""
    try:
        return Drawn(page=draw())
    except HarnessError as error:
        return Drawn(failure=f"no page: {error}", exit_code=error.exit_code)
    except Exception as error:  # noqa: BLE001  (a bug in a figure costs the page, and no more)
        where = results / "logs" / LOG_NAME
        with suppress(OSError):
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_text(traceback.format_exc(), encoding="utf-8", errors="replace")
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return Drawn(failure=f"no page: it could not be drawn ({said}); see {where}", exit_code=1)
