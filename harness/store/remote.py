"""Results elsewhere, on a network folder or in an object store: whatever pyarrow has a file system for.

Nothing there is locked, so the order is what keeps readers and writers apart: the row of a run is written
after its tables and read before them. Who finds a run finds its tables, at least as new as the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

import pyarrow as pa
from pyarrow import fs

from harness.errors import BadOption, ResultsUnusable
from harness.settings.addresses import ALLOWED, Address
from harness.store import certificates
from harness.store.naming import is_plain
from harness.store.parts import UNREADABLE
from harness.store.placing import placed
from harness.store.schema import CALIBRATION, EXPLANATIONS

_ROWS: Final = "runs"
# What of a results folder goes from one to another, in the order in which it is written.
_TABLES: Final = (certificates.FOLDER, f"{CALIBRATION}/attempts", "plans", "rounds", "trials", _ROWS)

# Parts of a results folder that have rows of runs, too, which are none of its runs.
_PARTS: Final = (CALIBRATION, EXPLANATIONS)


class Remote:
    """The folder elsewhere that an address names.

    Raises:
        BadOption: an address that its file system does not know, or one of no bucket.
        ResultsUnusable: a file system that is not to be had here, or that does not answer.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        try:
            self._system, base = fs.FileSystem.from_uri(address.text)
        except pa.ArrowInvalid as error:
            raise BadOption(address.option, address, f"{ALLOWED} ({address.told(error)})") from error
        except UNREADABLE as error:
            raise self._cannot("be reached", error) from error
        if not base:
            raise BadOption(address.option, address, ALLOWED)
        self._base = PurePosixPath(base)

    def folders(self) -> list[PurePosixPath]:
        """The results folders at or below it.

        Raises:
            ResultsUnusable: there are none, or it cannot be read.
        """
        with self._able("be read"):
            listed = self._files(self._base)
        rows = (path for path in listed if path.parent.name == _ROWS and path.parent != self._base)
        found = sorted({path.parent.parent for path in rows if path.parent.parent.name not in _PARTS})
        if not found:
            raise ResultsUnusable(
                f"{self._address.option}={self._address}: holds no runs; use an address at or below which "
                "results folders lie"
            )
        return found

    def at(self, folder: PurePath) -> PurePosixPath:
        """A folder below it."""
        return self._base / folder

    def fetch(self, folder: PurePosixPath, target: Path) -> None:
        """Copy what is brought in of a results folder there; nothing where there is none.

        Raises:
            ResultsUnusable: it cannot be read, or has a file whose name is none.
        """
        with self._able("be read"):
            for path in self._files(folder / _ROWS):
                self._copy(path, target / _ROWS)
            for path in self._files(folder):
                name = str(path.parent.relative_to(folder))
                if name in _TABLES and name != _ROWS:
                    self._copy(path, target / name)

    def require_writable(self, folder: PurePath) -> None:
        """Prove that files can be written into a folder below it.

        Raises:
            ResultsUnusable: when they cannot.
        """
        probe = self.at(folder) / ".writable"
        with self._able("be written"):
            if self._is_local:
                Path(probe.parent).mkdir(parents=True, exist_ok=True)
            with self._system.open_output_stream(str(probe)) as file:
                file.write(b"evenmatch")
        # Who may write need not be allowed to remove; no reader looks at it.
        with suppress(*UNREADABLE):
            self._system.delete_file(str(probe))

    def publish(self, results: Path, folder: PurePath) -> str:
        """Put what there is of a results folder into one below it, in place of what is there; its name.

        Raises:
            ResultsUnusable: it cannot be written.
        """
        target = self.at(folder)
        with self._able("be written"):
            for name in _TABLES:
                for path in sorted((results / name).glob("*.parquet")):
                    self._put(path, target / name / path.name)
        return self.name(target)

    def name(self, folder: PurePath) -> str:
        """A folder there as it may be shown."""
        return f"{self._address.text.partition('://')[0]}://{folder}"

    @property
    def _is_local(self) -> bool:
        return isinstance(self._system, fs.LocalFileSystem)

    def _files(self, folder: PurePosixPath) -> list[PurePosixPath]:
        """The parquet files at or below a folder, but for those that are being written."""
        chosen = fs.FileSelector(str(folder), recursive=True, allow_not_found=True)
        found = (PurePosixPath(one.path) for one in self._system.get_file_info(chosen) if one.is_file)
        return [path for path in found if path.suffix == ".parquet" and not path.name.startswith(".")]

    def _copy(self, path: PurePosixPath, folder: Path) -> None:
        if not is_plain(path.name):
            raise ResultsUnusable(
                f"{self.name(path.parent)}: holds a file with a name that is none: {path.name!r}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        fs.copy_files(
            str(path),
            str(folder / path.name),
            source_filesystem=self._system,
            destination_filesystem=fs.LocalFileSystem(),
        )

    def _put(self, path: Path, target: PurePosixPath) -> None:
        """A file whole or not at all."""
        if self._is_local:
            with placed(Path(target)) as file:
                file.write(path.read_bytes())
        else:
            # An object appears when it is closed, which a stream is that Ctrl-C interrupts, too: this is one
            # call, which is not interrupted.
            fs.copy_files(
                str(path),
                str(target),
                source_filesystem=fs.LocalFileSystem(),
                destination_filesystem=self._system,
            )

    @contextmanager
    def _able(self, to: str) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            raise self._cannot(to, error) from error

    def _cannot(self, do: str, error: Exception) -> ResultsUnusable:
        one = self._address
        return ResultsUnusable(
            f"{one.option}={one}: cannot {do} ({one.told(error)}); use an address that can"
        )
