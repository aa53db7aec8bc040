"""The page of one self-check: what failed first, then each step with what it read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness import __version__
from harness.engine.selfchecking.outcome import Checked, Reading, State
from harness.frameworks import registry
from harness.report import words
from harness.report.pages.context import Page, Section, Table
from harness.report.pages.summary import publish
from harness.report.sentences.ratios import Answer

PAGE_NAME: Final = "selfcheck.html"

_DID: Final = {State.PASSED: "passed", State.FAILED: "failed", State.COULD_NOT: "could not be run"}


def write_page(facts: Mapping[str, Any], checked: Sequence[Checked], folder: Path) -> Path:
    """Write `folder/selfcheck.html`, whole or not at all. `facts` are those of `selfcheck.json`.

    Raises:
        ResultsUnusable: it cannot be written.
    """
    return publish(page(facts, checked), folder / PAGE_NAME)


def page(facts: Mapping[str, Any], checked: Sequence[Checked]) -> Page:
    """What the template prints."""
    machine = facts["machine"]
    return Page(
        title="Is the harness right here?",
        subject=_subject(facts),
        answers=tuple(_answers(checked)),
        evaluation_answers=(),
        warnings=(),
        sections=(_overview(checked), *(_section(one) for one in checked), _environment(facts)),
        commands=(words.plain(facts["command"], None),),
        commits=_commit(machine),
        footer=f"evenmatch {__version__}; {words.plural(len(checked), 'step')} in {facts['wall_s']:.0f} s; "
        f"drawn {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )


def counted(checked: Sequence[Checked]) -> str:
    """How many steps passed, failed and could not be run, in words."""
    numbers = {state: sum(one.outcome.state is state for one in checked) for state in State}
    return words.listed(f"{number} {_DID[state]}" for state, number in numbers.items() if number)


def _answers(checked: Sequence[Checked]) -> Iterator[Answer]:
    failed = [one for one in checked if one.outcome.state is State.FAILED]
    says = "nothing failed" if not failed else f"{words.plural(len(failed), 'step')} failed"
    sure = f"Of {words.plural(len(checked), 'step')}, {counted(checked)}"
    yield Answer(where="All steps", says=says, sure=sure, verdict=None)
    for one in failed:
        yield Answer(
            where=one.title,
            says="failed",
            sure=_said(one),
            verdict=None,
        )


def _overview(checked: Sequence[Checked]) -> Section:
    return Section(
        name="steps",
        title="All steps",
        intro="Each holds one of the harness's own instruments against another. What could not be run needs "
        "something that is not here, or a quieter machine.",
        table=Table(
            caption="Every step, and what it says",
            headers=("step", "result", "in one sentence", "s", "at most"),
            rows=tuple(
                (
                    one.title,
                    one.outcome.state.value,
                    _said(one),
                    f"{one.wall_s:.1f}",
                    f"{one.limit_s:.0f}",
                )
                for one in checked
            ),
            numeric=(False, False, False, True, True),
        ),
        table_open=True,
    )


def _section(one: Checked) -> Section:
    return Section(
        name=f"step-{one.name}",
        title=one.title,
        intro=f"{one.outcome.state.value[0].upper()}{one.outcome.state.value[1:]}: {_said(one)}.",
        table=Table(
            caption=f"{one.title}: what was read",
            headers=("what", "read", "unit", "held against"),
            rows=tuple(_cells(reading) for reading in one.outcome.readings),
            numeric=(False, any(_is_number(reading) for reading in one.outcome.readings), False, False),
        ),
        table_open=True,
    )


def _said(one: Checked) -> str:
    """A step's sentence, beside a word that says already what state it is in."""
    return _named(words.plain(one.outcome.sentence).removeprefix(f"{State.COULD_NOT}: "))


def _named(text: str) -> str:
    """The frameworks by the names that readers know them by, where a sentence is about one."""
    for one in registry.records():
        text = re.sub(rf"\b{one.name}(?=:? )", one.label, text)
    return text


def _cells(reading: Reading) -> tuple[str, str, str, str]:
    value = (
        words.number(reading.value, 4) if _is_number(reading) else words.plain(reading.value or words.MISSING)
    )
    unit = reading.unit if reading.value is not None else ""
    return _named(words.plain(reading.what)), value, unit, words.plain(reading.allowed)


def _is_number(reading: Reading) -> bool:
    return isinstance(reading.value, float | int)


def _subject(facts: Mapping[str, Any]) -> str:
    machine = facts["machine"]
    installed = [
        f"{words.framework(name)} {machine[registry.record(name).version_column]}"
        for name in facts["frameworks"]
    ]
    alone = ", in both seats of a match" if len(installed) == 1 else ""
    where = "the CPU" if facts["device"] == "cpu" else facts["device"]
    card = "" if facts["gpu"] is None else f" ({facts['gpu']['name']})"
    return words.plain(
        f"The harness's own instruments on {where}{card}, with {words.listed(installed)}{alone}, "
        f"{words.plural(facts['threads'], 'thread')}, on {machine['cpu_model'] or 'an unnamed processor'} "
        f"({machine['cpu_usable']} usable cores), {facts['started_at']}."
    )


def _environment(facts: Mapping[str, Any]) -> Section:
    told = {name: value for name, value in facts["machine"].items() if not name.endswith("_json")}
    return Section(
        name="environment",
        title="Environment",
        intro="Where this was checked. Packages and variables are in selfcheck.json, what the workers wrote "
        "is in logs.",
        table=Table(
            caption="Environment",
            headers=("what", "value"),
            rows=tuple(
                (name, words.MISSING if value is None else words.plain(value)) for name, value in told.items()
            ),
            numeric=(False, False),
        ),
    )


def _commit(machine: Mapping[str, Any]) -> str:
    if machine["git_commit"] is None:
        return f"the version named above ({words.plain(machine['git_reason'])})"
    dirty = " with uncommitted changes" if machine["git_dirty"] else ""
    return f"commit {words.plain(machine['git_commit'])}{dirty}"
