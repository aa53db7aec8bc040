"""Frames in, `summary.html` out: verdicts, words, figures, one template."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from harness import __version__
from harness.analysis.of_trials import compared
from harness.errors import ResultsUnusable
from harness.frameworks import registry
from harness.report import words
from harness.report.pages import context
from harness.report.pages.evidence import evidence
from harness.report.pages.sections import sections
from harness.report.sentences.answer import answers, case_answers, further_answers, judge
from harness.report.sentences.regions import by_region
from harness.store.frames import Frames
from harness.store.placing import placed, remove_abandoned
from harness.work.records import Phase

PAGE_NAME = "summary.html"

_CODE: Final = re.compile(r"`([^`]+)`")
_CODED: Final = Markup("<code>{}</code>")


def write_page(frames: Frames, folder: Path) -> Path:
    """Write `folder/summary.html`, whole or not at all, and `folder/figures/*.png`.

    Raises:
        ResultsUnusable: nothing to show, or a folder that cannot be written.
    """
    if frames.trials.empty and frames.certificates.empty:
        raise ResultsUnusable("these runs hold neither trials nor certificates, so there is nothing to draw")
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        page = _page(frames, folder / "figures")
    except OSError as error:
        raise ResultsUnusable(f"{folder}: cannot be written ({error.strerror or error})") from error
    return publish(page, folder / PAGE_NAME)


def publish(page: context.Page, path: Path) -> Path:
    """Write a page to `path`, whole or not at all; every value is escaped but the figures' own SVG.

    Raises:
        ResultsUnusable: it cannot be written.
    """
    try:
        with placed(path) as file:
            file.write(_html(page).encode())
        remove_abandoned(path.parent)
    except OSError as error:
        raise ResultsUnusable(f"{path}: cannot be written ({error.strerror or error})") from error
    return path


def _page(frames: Frames, pictures: Path) -> context.Page:
    judged = judge(frames)
    frameworks = compared(frames.trials, frames.certificates)
    regions, each = tuple(by_region(judged)), tuple(case_answers(frames))
    return context.Page(
        title=f"{words.listed(map(words.framework, frameworks), last='or')}?",
        subject=context.subject(frames),
        answers=(*(regions or each), *further_answers(frames)),
        case_answers=each if regions else (),
        evaluation_answers=tuple(answers(judged, Phase.EVALUATE)),
        warnings=context.warnings(frames),
        sections=sections(evidence(frames, judged), pictures),
        commands=context.commands(frames),
        commits=context.commits(frames),
        footer=f"evenmatch {__version__}; {words.plural(len(frames.runs), 'run')}, "
        f"{words.plural(len(frames.trials), 'trial')}; drawn {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )


def _html(page: context.Page) -> str:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report", "pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["prose"] = _prose
    template = templates.get_template("summary.html.j2")
    return template.render(page=page, frameworks=registry.records(absent=True))


def _prose(sentence: str) -> Markup:
    """A sentence of the terminal's too, escaped: what it has between backticks is code."""
    told = enumerate(_CODE.split(sentence))
    return Markup("").join(_CODED.format(part) if number % 2 else part for number, part in told)
