"""A results folder is looked through, what is wrong is told, and only what loses nothing is mended."""

from __future__ import annotations

import os
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.settings.matches import between
from harness.store.holding import held
from harness.store.inspection import inspect
from harness.store.writer import Store
from harness.work.workload import Case, Mode, Workload
from tests.store.test_writer import trial

CASE = Case(workload=Workload(), device="cpu", mode=Mode.LOOP)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "results")
    made.prepare()
    made.save_run({"run_id": "r1", "status": "finished"})
    made.save_match([trial(framework="tensorflow"), trial(framework="pytorch")])
    return made


def said(store):
    return [
        (one.says.replace(f"{store.folder}/", ""), one.is_harm, one.mended) for one in inspect(store.folder)
    ]


def test_a_folder_in_order_has_nothing_to_say(store):
    assert said(store) == []
    store.gather("r1")
    assert said(store) == []


@pytest.mark.parametrize("place", ["trials", "rounds", "runs"])
def test_a_byte_that_has_changed_is_found_by_the_files_own_checksum(store, place):
    (path,) = (store.folder / place).glob("*.parquet")
    first = pq.read_metadata(path).row_group(0).column(0)
    content = bytearray(path.read_bytes())
    # In the midst of the page, behind its header.
    content[first.data_page_offset + first.total_compressed_size - 2] ^= 0xFF
    path.write_bytes(content)
    ((says, is_harm, mended),) = said(store)
    assert says.startswith(f"{place}/{path.name}: cannot be read (")
    assert (is_harm, mended) == (True, False)


def test_a_file_that_is_torn_or_of_a_newer_version_is_named(store):
    path = store.folder / "trials" / "r1-m.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    newer = {b"evenmatch_schema_version": b"99"}
    run = pq.read_table(store.folder / "runs" / "r1.parquet").replace_schema_metadata(newer)
    pq.write_table(run, store.folder / "runs" / "r1.parquet")
    found = [says for says, _, _ in said(store)]
    assert len(found) == 2
    assert found[0].startswith("runs/r1.parquet: written with schema 99, this version reads up to")
    assert found[1].startswith("trials/r1-m.parquet: cannot be read (")


def test_what_a_killed_process_left_is_removed_and_what_is_being_written_is_not(store):
    old, young = (store.folder / "trials" / f".r1-{name}.parquet.123" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"PAR1")
    os.utime(old, (time.time() - 7200,) * 2)
    (store.folder / "runs" / ".r9.lock").touch()
    with held(store.folder, "r8"):
        assert said(store) == [
            ("trials/.r1-old.parquet.123: half written, removed", False, True),
            ("runs/.r9.lock: the lock of a process that has gone, removed", False, True),
        ]
        assert young.is_file()
        assert (store.folder / "runs" / ".r8.lock").is_file()


def test_gathering_that_was_cut_short_is_finished(store):
    part = store.folder / "trials" / "r1-m.parquet"
    content = part.read_bytes()
    store.gather("r1")
    part.write_bytes(content)
    assert said(store) == [("run r1: gathering 1 files of matches was cut short, finished", False, True)]
    assert said(store) == []


def test_what_is_double_missing_or_nobodys_is_told_and_left_as_it_is(store):
    store.save_run({"run_id": "r1", "status": "finished", "certificate_ids": ["c1"]})
    table = pq.read_table(store.folder / "trials" / "r1-m.parquet")
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), store.folder / "trials" / "r1-m.parquet")
    rounds = pq.read_table(store.folder / "rounds" / "r1-m.parquet")
    other = pa.array(
        ["r1-m-pytorch" if one == "r1-m-pytorch" else "r1-lost" for one in rounds["trial_id"].to_pylist()]
    )
    number = rounds.column_names.index("trial_id")
    pq.write_table(rounds.set_column(number, "trial_id", other), store.folder / "rounds" / "r1-m.parquet")
    store.save_match([trial(run_id="r7")])
    assert said(store) == [
        ("trials/r7-m.parquet: of no run that is here", True, False),
        ("rounds/r7-m.parquet: of no run that is here", True, False),
        ("run r1: r1-m-tensorflow: there twice", True, False),
        ("run r1: r1-m-tensorflow: without its rounds", True, False),
        ("run r1: c1: a certificate that the run names is not here", True, False),
        ("run r1: r1-lost: rounds without their trial", False, False),
    ]


def test_a_run_that_is_not_finished_says_how_much_of_its_plan_is_there(store):
    store.save_run({"run_id": "r2", "status": "running"})
    store.save_plan("r2", [between(CASE, replicate) for replicate in range(3)])
    store.save_match([trial(run_id="r2")])
    with held(store.folder, "r2"):
        assert said(store) == []
    assert said(store) == [
        ("run r2: not finished; 0 of at most 3 matches are there, and `--resume r2` goes on", False, False)
    ]
