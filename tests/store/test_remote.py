"""Results elsewhere: who finds a run finds its tables, and nothing but runs is taken for one."""

from __future__ import annotations

import shutil

import pytest

from harness.errors import BadOption, ResultsUnusable
from harness.sessions.runs import bring_in
from harness.settings.addresses import address
from harness.store.remote import Remote
from tests.store.test_merging import host, hosts_and_trials  # noqa: F401  (a fixture)


@pytest.fixture
def shared(tmp_path):
    folder = tmp_path / "shared folder"
    folder.mkdir()
    return folder


def named(folder):
    return address("SOURCE", folder.as_uri())


def test_a_runs_row_is_written_last_and_read_first(host, shared, tmp_path, monkeypatch):  # noqa: F811
    order = []
    for name in ("_put", "_copy"):
        act = getattr(Remote, name)

        def told(self, path, target, name=name, act=act):
            order.append((name, path.parent.name))
            act(self, path, target)

        monkeypatch.setattr(Remote, name, told)
    there = Remote(named(shared))
    there.publish(host("one", 2), "0001/one")
    (folder,) = there.folders()
    there.fetch(folder, tmp_path / "copy")
    assert order == [("_put", "rounds"), ("_put", "trials"), ("_put", "runs"),
                     ("_copy", "runs"), ("_copy", "rounds"), ("_copy", "trials")]  # fmt: skip


def test_every_results_folder_at_or_below_an_address_is_brought_in_once(host, shared, tmp_path):  # noqa: F811
    there = Remote(named(shared))
    there.publish(host("at", 1, run_id="q"), ".")
    there.publish(host("one", 3), "0001/one")
    there.publish(host("other", 2), "deep/er/0001/other")
    for _ in range(2):
        brought = [one for several in bring_in([named(shared)], tmp_path / "all") for one in several]
    assert [one.says.partition(",")[0] for one in brought] == ["is here already"] * 3
    assert hosts_and_trials(tmp_path / "all") == (["one", "at"], 8)


def test_what_is_being_written_and_what_is_a_part_of_results_is_no_run(host, shared, tmp_path):  # noqa: F811
    there = Remote(named(shared))
    there.publish(host("one", 1), "0001/one")
    there.publish(host("other", 1, run_id="q"), "0001/one/explanations")
    runs = shared / "0001" / "one" / "runs"
    (runs / ".q.parquet.17").write_text("half")
    (runs / ".q.parquet").write_text("half")
    list(bring_in([named(shared)], tmp_path / "all"))
    assert hosts_and_trials(tmp_path / "all") == (["one"], 2)


def test_what_is_proven_to_be_writable_is_left_without_a_file(shared):
    Remote(named(shared)).require_writable("0001/one")
    assert [path.name for path in shared.rglob("*")] == ["0001", "one"]


def test_a_name_that_is_none_is_refused_where_it_lies(host, shared, tmp_path):  # noqa: F811
    shutil.copytree(host("one", 1), shared / "one")
    (shared / "one" / "runs" / "p s.parquet").write_text("anything")
    with pytest.raises(
        ResultsUnusable, match=r"file:///.*/one/runs: holds a file with a name that is none: "
    ):
        list(bring_in([named(shared)], tmp_path / "all"))


def test_a_damaged_file_is_named_where_it_lies_not_where_it_was_copied_to(host, shared, tmp_path):  # noqa: F811
    shutil.copytree(host("one", 1), shared / "one")
    (damaged,) = (shared / "one" / "trials").glob("*.parquet")
    damaged.write_text("nothing of the kind")
    with pytest.raises(ResultsUnusable, match=f"^file://{damaged}: cannot be read"):
        list(bring_in([named(shared)], tmp_path / "all"))


@pytest.mark.parametrize("place", ["nowhere", "shared folder"])
def test_an_address_without_results_is_refused_by_name(shared, tmp_path, place):
    one = named(tmp_path / place)
    with pytest.raises(ResultsUnusable, match=f"^SOURCE={one}: holds no runs; use an address at or below"):
        Remote(one).folders()


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("s3://", "s3://: not allowed; use an address such as s3://BUCKET"),
        ("s3:///a", "s3:///a: .*Missing bucket name"),
        ("gs://", "gs://: not allowed"),
        ("s3://key:sec/ret@bucket", "s3://bucket: not allowed; .*Cannot parse URI: 's3://bucket'"),
        ("s3://bucket?regio=here", "s3://bucket.regio=...: .*Unexpected query parameter"),
        ("file://host/a", "file://host/a: .*Unsupported hostname"),
    ],
)
def test_an_address_of_no_place_is_refused_with_what_is_wrong_with_it(typed, named):
    with pytest.raises(BadOption, match=f"^SOURCE={named}"):
        Remote(address("SOURCE", typed))
