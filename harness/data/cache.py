"""The folder in which verified files are kept between runs: filled and repaired by one process at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from harness.data.catalogue import Collection, faults
from harness.data.fetch import DOWNLOAD_TIMEOUT_S, Source
from harness.data.progress import Reporter
from harness.errors import DataUnavailable

# Long enough for another run to try every source to its limit.
LOCK_TIMEOUT_S: Final = 2 * DOWNLOAD_TIMEOUT_S + 60

_STAGING_PREFIX: Final = ".fetching-"
_SET_ASIDE_SUFFIX: Final = ".corrupt"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/evenmatch`, or `~/.cache/evenmatch` where that is unset or not absolute.

    Raises:
        DataUnavailable: there is no home folder either.
    """
    given = Path(environment.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification has relative paths ignored.
    if given.is_absolute():
        return given / "evenmatch"
    try:
        return Path.home() / ".cache" / "evenmatch"
    except RuntimeError as error:
        raise DataUnavailable("no home folder for the cache; set XDG_CACHE_HOME to a folder") from error


def in_cache(collection: Collection, cache: Path, sources: tuple[Source, ...], reporter: Reporter) -> Path:
    """Root below the cache whose files are verified, repaired from the sources where needed."""
    root = cache / collection.shelf
    if not faults(collection, collection.paths(collection.raw(root)), reporter):
        return root
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache, reporter):
            _repair(collection, cache, sources, reporter)
    except OSError as error:
        raise DataUnavailable(
            f"cache folder {cache}: {error.strerror or error}; set XDG_CACHE_HOME to a folder that can be "
            f"written, or DATA_DIR to a folder that holds {collection.folder}/raw with the uncompressed files"
        ) from error
    return root


@contextlib.contextmanager
def _alone(cache: Path, reporter: Reporter) -> Iterator[None]:
    """Hold the cache's lock. The system lets go of it when its holder dies."""
    lock = FileLock(cache / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        reporter.notice(f"another run is filling {cache}; waiting for it")
        try:
            lock.acquire(timeout=LOCK_TIMEOUT_S)
        except Timeout:
            raise DataUnavailable(
                f"another run has held {lock.lock_file} for {LOCK_TIMEOUT_S:.0f} s; end it and try again"
            ) from None
    try:
        yield
    finally:
        lock.release()


def _repair(collection: Collection, cache: Path, sources: tuple[Source, ...], reporter: Reporter) -> None:
    """Put in place what is missing or damaged. The caller holds the lock."""
    for left_over in cache.glob(f"{_STAGING_PREFIX}*"):
        shutil.rmtree(left_over, ignore_errors=True)
    raw = collection.raw(cache / collection.shelf)
    damaged = faults(collection, collection.paths(raw), reporter)
    if not damaged:
        return  # another run put them there while this one waited
    tried = [f"cache folder {raw}: {_set_aside(damaged, reporter)}"]
    for source in sources:
        with tempfile.TemporaryDirectory(prefix=_STAGING_PREFIX, dir=cache) as staging:
            try:
                given = source.fetch(collection, Path(staging), reporter)
                _refuse(faults(collection, collection.paths(given), reporter))
            except DataUnavailable as error:
                tried.append(f"{source.name}: {error}")
                continue
            raw.mkdir(parents=True, exist_ok=True)
            for wanted in damaged:
                (given / wanted.name).replace(wanted)
            return
    raise DataUnavailable(_nothing_worked(collection, tried))


def _set_aside(found: Mapping[Path, str], reporter: Reporter) -> str:
    """Rename damaged files so that nothing reads them; what was wrong, in words."""
    damaged = {path: why for path, why in found.items() if path.exists()}
    missing = [path.name for path in found if path not in damaged]
    wrong = [f"has no {', '.join(missing)}"] if missing else []
    for path, why in damaged.items():
        aside = path.with_name(path.name + _SET_ASIDE_SUFFIX)
        path.replace(aside)
        reporter.notice(f"{path} {why}; set aside as {aside.name}, to be fetched again")
        wrong.append(f"{path.name} {why} (set aside as {aside.name})")
    return "; ".join(wrong)


def _refuse(found: Mapping[Path, str]) -> None:
    for path, why in found.items():
        raise DataUnavailable(f"gave {path.name}, which {why}")


def _nothing_worked(collection: Collection, tried: list[str]) -> str:
    lines = [f"no source gave {collection.dataset}:", *(f"  {attempt}" for attempt in tried)]
    by_hand = (
        f"Put {collection.names}, raw or .gz, in a folder and give it as DATA_DIR. {collection.elsewhere}"
    )
    return "\n".join([*lines, by_hand.rstrip()])
