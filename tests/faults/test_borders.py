"""What comes from outside is held to what it should be where it enters: used, or refused in a sentence."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data import idx
from harness.errors import (
    DataUnavailable,
    HarnessError,
    NotStored,
    ProtocolError,
    ResultsUnusable,
    UsageError,
)
from harness.sessions.runs import bring_in
from harness.settings import config
from harness.settings.addresses import address
from harness.settings.presets import DEFAULTS
from harness.store import certificates
from harness.store.inspection import inspect
from harness.store.portable import SECTION, pack, unpack
from harness.store.reader import read
from harness.store.remote import Remote
from harness.store.schema import CERTIFICATES, PLANS, ROUNDS, RUNS, TRIALS
from harness.store.writer import Store
from harness.work.workload import Case, Mode, Workload
from harness.worker.protocol import parse
from tests.store.test_writer import trial

OFTEN = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)

# Deeper than any reader's stack.
DEEP = "[" * 200_000


def refused(act, error):
    """The error of this kind with which it was refused, if it was; any other is nobody's to expect."""
    try:
        act()
    except error as found:
        return found
    return None


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda rest: idx.header((2, 3)) + rest))
@OFTEN
def test_an_idx_file_of_any_bytes_is_read_or_refused(folder, content):
    path = folder / "images"
    path.write_bytes(content)
    error = refused(lambda: idx.read(path, (2, 3)), DataUnavailable)
    assert error is None or str(path) in str(error)
    assert (error is None) == (content[:12] == idx.header((2, 3)) and len(content) == 18)


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
@OFTEN
def test_a_line_of_any_bytes_from_a_worker_is_an_object_or_refused(line):
    error = refused(lambda: parse(line), ProtocolError)
    assert len(str(error)) < 1000
    assert error is not None or isinstance(parse(line), dict)


def test_what_is_nested_without_end_is_refused(folder):
    with pytest.raises(ProtocolError, match="not JSON"):
        parse(DEEP.encode())
    (folder / "deep.json").write_text(f'{{"{SECTION}": {DEEP}')
    with pytest.raises(ResultsUnusable, match=r"deep\.json: cannot be read"):
        list(bring_in([folder / "deep.json"], folder / "results"))
    (folder / config.FILE_NAME).write_text(f"seed = {DEEP}")
    with pytest.raises(UsageError, match="valid TOML"):
        config.resolve({}, {}, folder)
    (folder / config.FILE_NAME).unlink()


# TOML's own writer is not Python's: what is tried is what a table may hold.
toml_values = st.one_of(
    st.booleans().map(lambda value: str(value).lower()),
    st.integers().map(str),
    st.floats(allow_nan=True).map(lambda value: str(value).replace("e+", "e")),
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20).map(json.dumps),
    st.lists(st.integers(), max_size=3).map(str),
    st.just("2026-11-29"),
    st.just("{a = {b = [1]}}"),
)


@given(st.dictionaries(st.sampled_from(sorted(DEFAULTS)) | st.just("preset"), toml_values, max_size=4))
@OFTEN
def test_a_file_of_any_settings_is_used_or_refused_by_name(folder, table):
    path = folder / config.FILE_NAME
    path.write_text("".join(f"{name} = {value}\n" for name, value in table.items()), encoding="utf-8")
    error = refused(lambda: config.resolve({}, {}, folder), HarnessError)
    path.unlink()
    assert error is None or error.exit_code == 2
    assert "\n" not in str(error)


@given(st.binary(max_size=100))
@OFTEN
def test_a_file_of_any_bytes_is_no_file_of_settings_or_an_empty_one(folder, content):
    path = folder / config.FILE_NAME
    path.write_bytes(content)
    error = refused(lambda: config.resolve({}, {}, folder), HarnessError)
    path.unlink()
    assert error is None or error.exit_code == 2


@given(st.sampled_from(sorted(DEFAULTS)), st.text(max_size=40))
@OFTEN
def test_a_variable_of_any_text_is_used_or_refused_by_name(folder, name, text):
    error = refused(lambda: config.resolve({}, {f"HARNESS_{name.upper()}": text}, folder), HarnessError)
    assert error is None or error.exit_code == 2


@pytest.fixture(scope="module")
def packed(folder):
    """A run as another machine's pytest suite has left it."""
    store = Store(folder / "packed")
    store.prepare()
    store.save_run({"run_id": "r1", "status": "finished", "certificate_ids": ["c1"]})
    store.save_match([trial(framework="tensorflow"), trial(framework="pytorch")])
    return json.loads(json.dumps(pack(store.folder, "r1")))


def places(value, before=()):
    """The way to every value inside a value."""
    yield before
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from places(inner, (*before, key))


@pytest.mark.slow
@given(st.data())
@OFTEN
def test_a_run_of_which_anything_was_changed_is_brought_in_readable_or_refused(packed, data):
    changed = copy.deepcopy(packed)
    *way, last = data.draw(st.sampled_from([place for place in places(packed) if place]))
    inside = changed
    for key in way:
        inside = inside[key]
    inside[last] = data.draw(values)
    with tempfile.TemporaryDirectory() as made:
        results = Path(made, "inner", "results")
        Store(results).prepare()
        if refused(lambda: unpack(changed, results), ResultsUnusable) is None:
            refused(lambda: read(results), ResultsUnusable)
        outside = [path for path in Path(made).rglob("*") if path.is_file() and results not in path.parents]
        assert outside == []


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "a/b", ".hidden", "", "a\0b", 3, None])
@pytest.mark.parametrize("of", ["run_id", "certificate_id"])
def test_no_name_from_outside_becomes_a_path(packed, tmp_path, of, name):
    changed = copy.deepcopy(packed)
    finding = dict.fromkeys(("case_id", "framework", "check", "found"), "x") | {"schema_version": 8}
    changed["certificates"] = [finding | {"certificate_id": name if of == "certificate_id" else "c1"}]
    if of == "run_id":
        changed["run_id"] = name
    results = tmp_path / "inner" / "results"
    Store(results).prepare()
    with pytest.raises(ResultsUnusable):
        unpack(changed, results)
    assert not list(tmp_path.rglob("*escaped*"))
    assert not list(results.glob("runs/*"))


arrow_types = st.sampled_from([
    pa.int64(), pa.string(), pa.binary(), pa.bool_(), pa.float64(), pa.list_(pa.int64()),
    pa.list_(pa.string()), pa.struct([("a", pa.int64())]),
    pa.timestamp("s"), pa.null(), pa.decimal128(10, 2), pa.date32(),
])  # fmt: skip


@pytest.mark.slow
@given(st.data(), st.sampled_from([("runs", RUNS), ("trials", TRIALS), ("rounds", ROUNDS), ("plans", PLANS)]))
@OFTEN
def test_a_parquet_file_of_other_columns_is_read_or_refused(data, table):
    name, schema = table
    with tempfile.TemporaryDirectory() as made:
        store = Store(Path(made))
        store.prepare()
        store.save_run({"run_id": "r1", "status": "running"})
        store.save_match([trial()])
        store.save_plan("r1", [])
        column, kind = data.draw(st.sampled_from(schema.names)), data.draw(arrow_types)
        (path,) = (Path(made) / name).glob("*.parquet")
        whole = pq.read_table(path)
        number = whole.column_names.index(column)
        pq.write_table(whole.set_column(number, column, pa.nulls(len(whole), kind)), path)
        error = refused(lambda: read(Path(made)), ResultsUnusable)
        assert error is None or made in str(error)


def test_a_damaged_parquet_file_of_columns_whose_names_are_no_text_is_refused_by_every_reader(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    store.save_run({"run_id": "r1", "status": "running"})
    store.save_match([trial()])
    (path,) = (tmp_path / "trials").glob("*.parquet")
    content = path.read_bytes().replace(b"match_id", b"match\x92id")
    path.write_bytes(content[:4] + b"\xff" * 60 + content[64:])
    with pytest.raises(ResultsUnusable, match="cannot be read"):
        read(tmp_path)
    assert [(str(path) in found.says, found.is_harm) for found in inspect(tmp_path)] == [(True, True)]
    with pytest.raises(NotStored, match="cannot be written"):
        store.gather("r1")


def test_a_certificate_without_a_finding_is_none(tmp_path):
    pq.write_table(CERTIFICATES.empty_table(), tmp_path / "c1.parquet")
    (tmp_path / certificates.FOLDER).mkdir()
    (tmp_path / "c1.parquet").replace(tmp_path / certificates.FOLDER / "c1.parquet")
    case = Case(workload=Workload(), device="cpu", mode=Mode.LOOP)
    assert certificates.load(tmp_path, "c1", case) is None


addressed = st.lists(st.sampled_from([*"/:@?&=%#~ []\n\0é", "//", "%zz", "a", "region"])).map("".join)


@given(addressed | st.text())
@OFTEN
def test_any_address_is_a_folder_elsewhere_or_refused_in_one_line(folder, text):
    said = refused(lambda: Remote(address("import", f"file://{folder}/{text}")).folders(), HarnessError)
    assert "\n" not in str(said)


@given(st.text("abc/+=:?&%", max_size=8))
@OFTEN
def test_what_opens_an_address_is_in_no_line_of_it(more):
    for text in (f"s3://KEY:sEcReT{more}@bucket/x", f"s3://bucket/x?secret_key=sEcReT{more}"):
        assert "sEcReT" not in str(address("import", text))
