"""What is asked of runs on disk: compare two, follow cases over many, hand them to other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from harness.analysis import comparable
from harness.analysis import history as over_time
from harness.analysis.comparable import Obstacle
from harness.analysis.compare import Rule
from harness.analysis.compare import compare as judge
from harness.analysis.history import History
from harness.analysis.kinds import apart
from harness.analysis.of_trials import compared
from harness.errors import NotComparable, ResultsUnusable
from harness.measure import scratch
from harness.report import words
from harness.report.exchange import Format, exported
from harness.report.pages.comparison import Comparison
from harness.sessions.drawing import Drawn, drawn
from harness.settings.addresses import Address
from harness.settings.config import Settings
from harness.settings.parsing import choice
from harness.store.inspection import Found, inspect
from harness.store.merging import Brought, bring
from harness.store.portable import SECTION, unpack
from harness.store.reader import chosen, read, read_named, read_trials
from harness.store.remote import Remote
from harness.store.writer import Store

HISTORY_NAME: Final = "history.html"


class Shown(StrEnum):
    """How a comparison is shown."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


def shown_as(text: str) -> Shown:
    """The form that was asked for.

    Raises:
        BadOption: another one.
    """
    return choice("FORMAT", text, Shown)


def compare(settings: Settings, a: str, b: str, *, across_machines: bool) -> Comparison:
    """Run B against run A; both as `store.naming.locate` names them.

    Raises:
        NotComparable: naming the first thing that stands in the way, and both its values.
        ResultsUnusable: a run that is not there.
    """
    before, after = read_named(settings.results, a), read_named(settings.results, b)
    found = list(comparable.obstacles(before, after))
    for one in found:
        if not (one.machine and across_machines):
            raise NotComparable(_refusal(one))
    return Comparison(
        a=before,
        b=after,
        changes=judge(before.trials, after.trials, Rule(slower_share=settings.fail_if_slower)),
        differences=comparable.differences(before, after),
        across_machines=any(one.machine for one in found),
    )


def write_comparison(compared: Comparison, path: Path, settings: Settings, command: str) -> Drawn:
    """Write a comparison as a page."""

    def draw() -> Path:
        # Imported when needed: drawing takes longer to load than a comparison without a page takes.
        from harness.report.pages import comparison  # noqa: PLC0415
        from harness.report.pages.summary import publish  # noqa: PLC0415

        return publish(comparison.page(compared, command), path)

    return drawn(draw, settings.results)


def history(settings: Settings, command: str) -> tuple[History, Drawn]:
    """Every case over the runs of the results folder, and its page.

    Raises:
        ResultsUnusable: a folder without runs.
    """
    found = over_time.history(*read_trials(settings.results))

    def draw() -> Path:
        from harness.report.pages import past  # noqa: PLC0415
        from harness.report.pages.summary import publish  # noqa: PLC0415

        return publish(past.page(found, command), settings.reports / HISTORY_NAME)

    return found, drawn(draw, settings.results)


def export(settings: Settings, names: Sequence[str], form: str, output: Path | None) -> str:
    """What the named runs say in a format for other programs; written to `output` where one is given.

    Raises:
        BadOption: a format that there is not.
        ResultsUnusable: a run that is not there, or a file that cannot be written.
    """
    wanted = choice("FORMAT", form, Format)
    ids = chosen(settings.results, names)
    runs = [read(settings.results, [one]) for one in ids]
    # Runs of other frameworks answer other questions, so they are told of one by one alone.
    alike = len(runs) > 1 and len({compared(one.trials, one.certificates) for one in runs}) == 1
    text = exported(runs, wanted, apart(read(settings.results, ids)) if alike else None)
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ResultsUnusable(f"{output}: cannot be written ({error.strerror or error})") from error
    return text


def check(results: Path) -> list[Found]:
    """What is not as it should be in a results folder, and what of it was mended.

    Raises:
        ResultsUnusable: there is no such folder, or it cannot be written.
    """
    if not results.is_dir():
        raise ResultsUnusable(f"RESULTS={results}: no such folder")
    try:
        return list(inspect(results))
    except OSError as error:
        raise ResultsUnusable(f"RESULTS={results}: cannot be mended ({error.strerror or error})") from error


def bring_in(sources: Iterable[Path | Address], results: Path) -> Iterator[list[Brought]]:
    """Bring in the runs of other results folders, of all that lie at or below an address, or those that the
    pytest suite left in a JSON file.

    Raises:
        ResultsUnusable: no such file, one that holds no run, or a run of the suite that is there already; and
            what `merging.bring` raises. All that can be has been brought in by then, but where an address
            itself cannot be read (`Remote`): nothing behind it has.
    """
    Store(results).prepare()
    refused = []
    for bring_one in _each(sources, results):
        try:
            brought = bring_one()
        except ResultsUnusable as error:
            refused.append(error)
        else:
            yield brought
    if refused:
        others = f" (and {len(refused) - 1} more that cannot be brought in)" if len(refused) > 1 else ""
        raise ResultsUnusable(f"{refused[0]}{others}") from refused[0]


def _each(sources: Iterable[Path | Address], results: Path) -> Iterator[Callable[[], list[Brought]]]:
    """What brings in one folder or file after the other."""
    for source in sources:
        if isinstance(source, Address):
            there = Remote(source)
            for folder in there.folders():
                yield partial(_fetched, there, folder, results)
        elif source.is_dir():
            yield partial(bring, source, results)
        else:
            yield partial(_suite, source, results)


def _fetched(there: Remote, folder: PurePosixPath, results: Path) -> list[Brought]:
    """Bring in a results folder of another place from a copy, which is gone when it is in."""
    with scratch.folder("import") as here:
        there.fetch(folder, here)
        try:
            return bring(here, results)
        except ResultsUnusable as error:
            raise ResultsUnusable(str(error).replace(str(here), there.name(folder))) from error


def _suite(file: Path, results: Path) -> list[Brought]:
    return [Brought(run_id=_unpacked(file, results), says=f"in {results}")]


def _unpacked(file: Path, results: Path) -> str:
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsUnusable(f"FILE={file}: cannot be read ({error})") from error
    if not isinstance(held, dict) or SECTION not in held:
        raise ResultsUnusable(
            f"FILE={file}: holds no run; use what `pytest benchmarks/ --benchmark-json=FILE` wrote here"
        )
    try:
        return unpack(held[SECTION], results)
    except ResultsUnusable as error:
        raise ResultsUnusable(f"FILE={file}: {error}") from error


def _refusal(one: Obstacle) -> str:
    refusal = f"{words.plain(one.key)}: {words.plain(one.a)} in A, {words.plain(one.b)} in B"
    if one.machine:
        return f"{refusal}; --across-machines compares the machines themselves"
    return f"{refusal}; these runs cannot be compared"
