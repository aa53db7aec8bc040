"""How a run's trials and rounds lie in files: one a match, one of many matches, one of a run that has ended.

A match may be in several of them: while files are being gathered, and where it was cut short, its run
gathered, and it was measured again. Its own file counts, then that of many, then the run's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

# What reading a parquet file of any bytes, or of other columns, raises.
UNREADABLE: Final = (OSError, ValueError, KeyError, TypeError, MemoryError, pa.ArrowException)

# So many files of matches become one while a run goes on: thousands of small ones are slow to read.
MANY: Final = 128

# What a match's name ends with where memory made several of it.
_PART: Final = "-part[0-9]+$"

# What the name of a file of many matches begins with, after the run's; it sorts behind all matches'.
_BUNDLE: Final = "-~"


def singles(folder: Path, run_id: str) -> list[Path]:
    """The files of one match each."""
    return sorted(path for path in _of_run(folder, run_id) if not _is_bundle(path, run_id))


def bundles(folder: Path, run_id: str) -> list[Path]:
    """The files of many matches each, the newest first."""
    return sorted((path for path in _of_run(folder, run_id) if _is_bundle(path, run_id)), reverse=True)


def next_bundle(folder: Path, run_id: str) -> Path:
    """The name of another one."""
    return folder / f"{run_id}{_BUNDLE}{len(bundles(folder, run_id)):05d}.parquet"


def whole(folder: Path, run_id: str) -> Path:
    """The file of a run that was gathered, there or not."""
    return folder / f"{run_id}.parquet"


def parts_of(folder: Path, run_id: str) -> list[Path]:
    """All that has not been gathered."""
    return [*singles(folder, run_id), *bundles(folder, run_id)]


def match_names(table: pa.Table) -> pa.Array:
    """Of each row the match that it belongs to, whatever memory made of it."""
    return pc.replace_substring_regex(table.column("match_id").cast(pa.string()), _PART, "")


def once(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The tables one by one, of each match only the rows of the first in which it is."""
    seen = pa.array([], pa.string())
    for table in tables:
        names = match_names(table)
        yield table.filter(pc.invert(pc.is_in(names, value_set=seen))) if len(seen) else table
        seen = pa.concat_arrays([seen, pc.unique(names)])


def _of_run(folder: Path, run_id: str) -> Iterator[Path]:
    """Files whose names begin with the run's, but for those of a run whose own name does."""
    for path in folder.glob(f"{run_id}-*.parquet"):
        if not (folder.parent / "runs" / path.name).exists():
            yield path


def _is_bundle(path: Path, run_id: str) -> bool:
    return path.name.startswith(f"{run_id}{_BUNDLE}")
