"""The cache is filled once, repaired when damaged, and shared by runs that do not know of each other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from harness.data import cache as cache_module
from harness.data.cache import cache_folder, in_cache
from harness.data.catalogue import TEST_IMAGES, TRAIN_IMAGES, TRAIN_LABELS, Collection
from harness.data.fetch import Source
from harness.errors import DataUnavailable
from tests.small_dataset import (
    COLLECTION,
    CONTENT,
    Recorder,
    Shop,
    closed,
    damaged,
    files_below,
    flip_a_byte,
    write,
)

FILLED = {f"MNIST/raw/{name}" for name in CONTENT}


def assert_verified(root: Path) -> None:
    for name, content in CONTENT.items():
        assert (root / "MNIST" / "raw" / name).read_bytes() == content


def test_an_empty_cache_is_filled_and_nothing_else_is_left(tmp_path: Path) -> None:
    root = in_cache(COLLECTION, tmp_path / "new" / "cache", (Shop().source(),), Recorder())
    assert_verified(root)
    assert files_below(root) - {".lock"} == FILLED


def test_a_good_cache_is_used_without_asking_any_source(tmp_path: Path) -> None:
    write(tmp_path / "MNIST" / "raw")
    assert in_cache(COLLECTION, tmp_path, (), Recorder()) == tmp_path
    assert files_below(tmp_path) == FILLED


def test_a_flipped_byte_is_named_set_aside_and_fetched_again(tmp_path: Path) -> None:
    raw = write(tmp_path / "MNIST" / "raw")
    flip_a_byte(raw / TRAIN_LABELS)
    bad = (raw / TRAIN_LABELS).read_bytes()
    shop, recorder = Shop(), Recorder()
    assert_verified(in_cache(COLLECTION, tmp_path, (shop.source(),), recorder))
    assert shop.visits == 1
    assert (raw / f"{TRAIN_LABELS}.corrupt").read_bytes() == bad
    assert recorder.notices == [
        f"{raw / TRAIN_LABELS} is corrupt or another file: SHA-256 "
        + recorder.notices[0].partition("256 ")[2]
    ]
    assert recorder.notices[0].endswith("set aside as train-labels-idx1-ubyte.corrupt, to be fetched again")


def test_only_what_is_damaged_is_replaced(tmp_path: Path) -> None:
    raw = write(tmp_path / "MNIST" / "raw")
    (raw / TEST_IMAGES).write_bytes(CONTENT[TEST_IMAGES][:-1])
    untouched = (raw / TRAIN_IMAGES).stat().st_ino
    assert_verified(in_cache(COLLECTION, tmp_path, (Shop().source(),), Recorder()))
    assert (raw / TRAIN_IMAGES).stat().st_ino == untouched


def test_a_source_that_gives_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    shop = Shop()
    assert_verified(in_cache(COLLECTION, tmp_path, (damaged("bad shop"), shop.source()), Recorder()))
    assert shop.visits == 1


def test_when_nothing_works_every_source_is_listed_with_its_reason_and_the_way_by_hand(
    tmp_path: Path,
) -> None:
    raw = write(tmp_path / "MNIST" / "raw")
    (raw / TRAIN_IMAGES).unlink()
    (raw / TEST_IMAGES).write_bytes(b"short")
    sources = (closed("mirrors", "no route to host"), damaged("bad shop"))
    with pytest.raises(DataUnavailable) as caught:
        in_cache(COLLECTION, tmp_path, sources, Recorder())
    first, cached, mirrors, bad_shop, by_hand = str(caught.value).splitlines()
    assert first == "no source gave mnist:"
    assert cached == (
        f"  cache folder {raw}: has no {TRAIN_IMAGES}; {TEST_IMAGES} is truncated: 5 of 28 bytes "
        f"(set aside as {TEST_IMAGES}.corrupt)"
    )
    assert mirrors == "  mirrors: no route to host"
    assert bad_shop.startswith("  bad shop: gave t10k-labels-idx1-ubyte, which is corrupt or another file")
    assert by_hand.startswith("Put train-images-idx3-ubyte, ")
    assert by_hand.endswith("raw or .gz, in a folder and give it as DATA_DIR.")
    assert caught.value.exit_code == 2
    assert not list(tmp_path.glob(".fetching-*"))


def test_a_cache_that_cannot_be_made_is_named_with_the_ways_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        DataUnavailable, match=r"cache folder .*file/cache: Not a directory; set XDG_CACHE_HOME"
    ):
        in_cache(COLLECTION, tmp_path / "file" / "cache", (Shop().source(),), Recorder())


def _slow_shop(counter: Path, delay_s: float) -> Source:
    def fetch(collection: Collection, folder: Path, reporter: object) -> Path:
        with counter.open("a") as file:
            file.write(f"{os.getpid()}\n")
        write(folder)
        time.sleep(delay_s)
        return folder

    return Source(name="slow shop", fetch=fetch)


def _run_once(cache: Path, counter: Path, delay_s: float) -> tuple[int, list[str]]:
    recorder = Recorder()
    assert_verified(in_cache(COLLECTION, cache, (_slow_shop(counter, delay_s),), recorder))
    return os.getpid(), recorder.notices


@pytest.mark.slow
def test_two_runs_at_once_fetch_once_and_both_get_the_files(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    counter = tmp_path / "visits"
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        first = pool.submit(_run_once, tmp_path / "cache", counter, 2.0)
        second = pool.submit(_run_once, tmp_path / "cache", counter, 2.0)
        answers = [first.result(60), second.result(60)]
    assert len({pid for pid, _ in answers}) == 2
    assert len(counter.read_text().split()) == 1
    assert sorted(len(notices) for _, notices in answers) == [0, 1]
    assert files_below(tmp_path / "cache") - {".lock"} == FILLED


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_fetches_leaves_nothing_that_hinders_the_next(tmp_path: Path) -> None:
    cache, counter = tmp_path / "cache", tmp_path / "visits"
    process = multiprocessing.get_context("spawn").Process(target=_run_once, args=(cache, counter, 60.0))
    process.start()
    deadline_s = time.monotonic() + 30
    while not list(cache.glob(f".fetching-*/{TRAIN_IMAGES}")):
        assert time.monotonic() < deadline_s, "the run never began to fetch"
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert_verified(in_cache(COLLECTION, cache, (Shop().source(),), Recorder()))
    assert files_below(cache) - {".lock"} == FILLED


def test_a_run_that_never_ends_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "LOCK_TIMEOUT_S", 0.1)
    recorder = Recorder()
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(DataUnavailable, match=r"another run has held .*\.lock for 0 s"),
    ):
        in_cache(COLLECTION, tmp_path, (Shop().source(),), recorder)
    assert recorder.notices == [f"another run is filling {tmp_path}; waiting for it"]


def test_the_cache_follows_the_xdg_specification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/evenmatch")
    assert cache_folder({"XDG_CACHE_HOME": "not/absolute"}) == tmp_path / ".cache" / "evenmatch"
    assert cache_folder({"XDG_CACHE_HOME": ""}) == tmp_path / ".cache" / "evenmatch"
    assert cache_folder({}) == tmp_path / ".cache" / "evenmatch"
