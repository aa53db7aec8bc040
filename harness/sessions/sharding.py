"""A plan for several hosts: a file for each, one of which is measured here, and all brought together.

No engine is needed for that: whatever starts `harness run-shard` on a host and brings back its folder.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from harness import __version__
from harness.analysis.statistics import MIN_REPLICATES
from harness.errors import BadOption, HarnessError, NotPublished, ResultsUnusable
from harness.launchers.notes import results_of
from harness.measure import provenance, scratch
from harness.sessions import rows
from harness.settings import parsing
from harness.settings.addresses import Address
from harness.settings.config import Settings, restored
from harness.settings.grid import plan
from harness.settings.matches import Match
from harness.settings.sharding import Shard, dealt
from harness.store.merging import bring
from harness.store.naming import is_plain
from harness.store.remote import Remote

# The version of the file, under the key that tells it from any other JSON.
_KEY: Final = "evenmatch_shard"
_FORMAT: Final = 1

# What has to be the same where a plan was made and where it is carried out: else it is dealt otherwise.
_SAME: Final = ("harness_version", "git_commit")

_REPORTS: Final = "reports"

MOST_SHARDS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A shard as its file has it: so many whole matches, and the shell's variables that workers get, too."""

    shard: Shard
    path: Path
    matches: int
    pass_env: tuple[str, ...]


def write_plan(settings: Settings, shards: int, output: Path) -> tuple[str, list[Path]]:
    """Write a file a shard into a folder, which has none yet; the plan's name, and the files.

    Devices are settled where they are measured.

    Raises:
        BadOption: more shards than there are matches, or all ways of a framework to meet.
        ResultsUnusable: a folder that holds a plan, or that cannot be written.
    """
    whole = plan(settings)
    if whole.best:
        raise BadOption("MODE", "best", "a mode that a framework runs: each host would choose for itself")
    plan_id = rows.new_id()
    parts = [Shard(plan_id=plan_id, number=number, of=shards) for number in range(1, shards + 1)]
    matches = dealt(whole.matches(MIN_REPLICATES), shards)
    if not all(matches):
        most = sum(map(bool, matches))
        raise BadOption("SHARDS", shards, f"1 to {most}: a shard has whole matches, and the plan no more")
    if any(output.glob("*.json")):
        raise ResultsUnusable(f"OUTPUT={output}: holds a plan already; use another folder")
    paths = [output / f"{one.number:0{len(str(shards))}d}.json" for one in parts]
    try:
        output.mkdir(parents=True, exist_ok=True)
        for one, planned, path in zip(parts, matches, paths, strict=True):
            path.write_text(json.dumps(_told(one, settings, planned), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ResultsUnusable(f"OUTPUT={output}: cannot be written ({error.strerror or error})") from error
    return plan_id, paths


def read_shard(path: Path, output: Path) -> tuple[Shard, Settings]:
    """A shard and the settings of its plan, results and page in `output`.

    Raises:
        ResultsUnusable: a file that is no shard's, or of another version or commit.
        BadOption: settings that are not allowed here, such as more threads than there are cores.
    """
    told = _told_in(path)
    try:
        settings = restored(told["config"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ResultsUnusable(f"FILE={path}: is no shard of this version ({error!r})") from error
    return _shard_of(path, told), replace(settings, results=output, reports=output / _REPORTS)


def read_plan(folder: Path) -> list[Planned]:
    """The shards of a plan, for a host that measures none: whether it could is not asked.

    Raises:
        ResultsUnusable: a folder without shards, with those of two plans, or with a file that is none.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ResultsUnusable(f"PLAN={folder}: holds no shards; `harness plan` writes them")
    found = []
    for path in paths:
        told = _told_in(path)
        found.append(_planned(path, told))
    plans = sorted({one.shard.plan_id for one in found})
    if len(plans) > 1:
        raise ResultsUnusable(f"PLAN={folder}: holds shards of several plans: {', '.join(plans)}")
    return found


def is_begun(shard: Shard, output: Path) -> bool:
    """Whether a folder has a run of the shard already, which is to go on."""
    return (output / "runs" / f"{shard.run_id}.parquet").is_file()


def outbox(shard: Shard, address: Address) -> Remote:
    """Where a shard is to be put, found out before anything is measured for it.

    Raises:
        BadOption: an address that is none.
        ResultsUnusable: this host cannot write there.
    """
    there = Remote(address)
    there.require_writable(_own_folder(shard))
    return there


def publish(shard: Shard, output: Path, there: Remote) -> str:
    """Put what is on disk of a shard where others can read it, in a folder of its own and of this host's.

    Of this host's attempts there, as of all where they are brought in, the one that measured more counts; in
    words, where it is and what became of it.

    Raises:
        NotPublished: saying where the results are.
    """
    try:
        with scratch.folder("publish") as gathered:
            there.fetch(there.at(_own_folder(shard)), gathered)
            (brought,) = bring(output, gathered, [shard.run_id])
            return f"{there.publish(gathered, _own_folder(shard))}: run {brought.run_id} {brought.says}"
    except HarnessError as error:
        raise NotPublished(
            f"{error}; what was measured is in {output}, and the same command once more publishes it"
        ) from error


def _own_folder(shard: Shard) -> Path:
    return results_of(Path(), shard.number, socket.gethostname())


def _told_in(path: Path) -> dict[str, Any]:
    """What a shard's file says, which has to be of this version and commit."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsUnusable(f"FILE={path}: cannot be read ({error})") from error
    if not isinstance(told, dict) or told.get(_KEY) != _FORMAT:
        raise ResultsUnusable(f"FILE={path}: is no shard of this version; `harness plan` writes them")
    _require_same(path, told)
    return told


def _shard_of(path: Path, told: dict[str, Any]) -> Shard:
    try:
        shard = Shard(plan_id=told["plan_id"], number=told["shard"], of=told["shards"])
    except KeyError as error:
        raise ResultsUnusable(f"FILE={path}: is no shard of this version ({error!r})") from error
    numbers = (shard.number, shard.of)
    sound = all(isinstance(one, int) and not isinstance(one, bool) for one in numbers)
    if not (is_plain(shard.plan_id) and sound and 1 <= shard.number <= shard.of):
        raise ResultsUnusable(
            f"FILE={path}: is no shard of this version (shard {shard.number!r} of {shard.of!r})"
        )
    return shard


def _planned(path: Path, told: dict[str, Any]) -> Planned:
    try:
        return Planned(
            shard=_shard_of(path, told),
            path=path,
            matches=len(told["matches"]),
            pass_env=parsing.variables("PASS_ENV", ",".join(told["config"]["pass_env"])),
        )
    except (KeyError, TypeError) as error:
        raise ResultsUnusable(f"FILE={path}: is no shard of this version ({error!r})") from error


def _require_same(path: Path, told: dict[str, Any]) -> None:
    here = _version()
    for name in _SAME:
        if told.get(name) != here[name]:
            raise ResultsUnusable(
                f"FILE={path}: planned with {name} {told.get(name)}, and here it is {here[name]}; "
                "use the same"
            )


def _version() -> dict[str, str | None]:
    return {"harness_version": __version__, "git_commit": provenance.checkout()["git_commit"]}


def _told(shard: Shard, settings: Settings, matches: Sequence[Match]) -> dict[str, Any]:
    """A shard's file: `matches` are for whoever reads it, as devices are not settled yet."""
    return {
        _KEY: _FORMAT,
        "plan_id": shard.plan_id,
        "shard": shard.number,
        "shards": shard.of,
        **_version(),
        "config": json.loads(json.dumps(asdict(settings), default=str)),
        "matches": [match.id for match in matches],
    }
