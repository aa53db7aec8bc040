"""The page of one explanation: its sentences first, then the way, change by change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from harness import __version__
from harness.errors import ResultsUnusable
from harness.report import words
from harness.report.pages import context
from harness.report.pages.sections import account, explanation
from harness.report.pages.summary import publish
from harness.report.sentences.ratios import Answer
from harness.report.sentences.why import explained
from harness.store.frames import Frames

PAGE_NAME: Final = "explanation.html"


def write_page(frames: Frames, folder: Path) -> Path:
    """Write `folder/explanation.html`, whole or not at all: frames of an explanation, of one change at least.

    Raises:
        ResultsUnusable: a folder that cannot be written.
    """
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        page = _page(frames, folder / "figures")
    except OSError as error:
        raise ResultsUnusable(f"{folder}: cannot be written ({error.strerror or error})") from error
    return publish(page, folder / PAGE_NAME)


def _page(frames: Frames, pictures: Path) -> context.Page:
    first, *others = explained(frames.changes)
    return context.Page(
        title="Why do they differ?",
        subject=context.subject(frames),
        answers=(
            Answer(
                where="Two programs, one change at a time",
                says=first.removesuffix("."),
                sure=" ".join(others),
                verdict=None,
            ),
        ),
        evaluation_answers=(),
        warnings=context.warnings(frames),
        sections=(explanation.why(frames.changes, pictures, summed_up=False), account.place(frames)),
        commands=context.commands(frames),
        commits=context.commits(frames),
        footer=f"evenmatch {__version__}; {words.plural(len(frames.trials), 'trial')}; "
        f"drawn {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )
