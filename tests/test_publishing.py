"""What a shard measured is put where others read it, however it ended; the real command line."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import urllib.request
from contextlib import nullcontext, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import chain

import pandas as pd
import pytest
import typer
from packaging.version import Version

from harness.cli.options import typed
from harness.cli.shards import _published
from harness.errors import MachineInUse, NotPublished, ResultsUnusable
from harness.sessions import sharding
from harness.sessions.runs import bring_in
from harness.settings.addresses import address
from harness.settings.sharding import Shard
from harness.store.remote import Remote
from tests.processes import ended, until
from tests.store.test_merging import host, hosts_and_trials  # noqa: F401  (a fixture)
from tests.test_cli import harness  # noqa: F401  (a fixture)
from tests.test_shards import command  # noqa: F401  (a fixture)

ASKED = (
    "--dataset", "synthetic", "--batch-size", "100", "--train-samples", "1000", "--epochs", "1",
    "--replicates", "1", "--round", "0.01", "--allow-mismatch",
)  # fmt: skip
SHARD = Shard(plan_id="p", number=1, of=2)
HERE = socket.gethostname()


@pytest.fixture
def shared(tmp_path):
    return address("PUBLISH", (tmp_path / "shared").as_uri())


def published(folder, shared):
    return sharding.publish(SHARD, folder, sharding.outbox(SHARD, shared))


def below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_each_host_has_a_folder_of_its_own(host, tmp_path, shared, monkeypatch):  # noqa: F811
    for name in ("one", "other"):
        monkeypatch.setattr(socket, "gethostname", lambda name=name: name)
        told = f"{shared}/0001/{name}: run p-s0001 brought in, 2 matches"
        assert published(host(name, 2), shared) == told
    assert below(tmp_path / "shared") == [
        f"0001/{name}/{table}/p-s0001.parquet"
        for name in ("one", "other")
        for table in ("rounds", "runs", "trials")
    ]


@pytest.mark.parametrize("gathered", [True, False])
def test_what_is_published_again_takes_the_place_of_what_was(host, tmp_path, shared, gathered):  # noqa: F811
    published(host("begun", 2, status="interrupted", gathered=gathered), shared)
    before = below(tmp_path / "shared")
    published(host("ended", 3), shared)
    assert below(tmp_path / "shared") == before
    assert hosts_and_trials(tmp_path / "shared" / "0001" / HERE) == (["ended"], 6)


def test_an_attempt_that_measured_less_takes_the_place_of_none(host, tmp_path, shared):  # noqa: F811
    published(host("ended", 3), shared)
    told = published(host("again", 1, status="interrupted"), shared)
    assert told.endswith("run p-s0001 is here already, with 3 matches; nothing was changed")
    assert hosts_and_trials(tmp_path / "shared" / "0001" / HERE) == (["ended"], 6)


@pytest.mark.slow
def test_an_address_where_a_folder_of_this_host_is_asked_for_is_refused_without_what_opens_it(
    harness, tmp_path  # noqa: F811
):  # fmt: skip
    for asked, option in (
        (("plan", *ASKED, "--shards", "1", "--output"), "OUTPUT"),
        (("run-shard", "1.json", "--output"), "OUTPUT"),
        (("report", "latest", "--results"), "RESULTS"),
    ):
        for typed_in, told in (("s3://key:secret@b/c", "s3://b/c"), ("s3:/key:secret@b/c", "s3:/b/c")):
            done = harness(*asked, typed_in)
            assert done.returncode == 2
            assert f"harness: {option}={told}: not allowed; use a path on this host" in done.stderr
            assert "secret" not in done.stdout + done.stderr
    assert list(tmp_path.glob("s3:*")) == []


def test_no_path_at_all_is_not_the_folder_one_is_in(harness):  # noqa: F811
    done = harness("plan", *ASKED, "--shards", "1", "--output", "")
    assert (done.returncode, done.stderr) == (2, "harness: OUTPUT=: not allowed; use a path\n")


def test_what_cannot_be_brought_in_keeps_nothing_else_out(host, tmp_path):  # noqa: F811
    folders = [host(name, 2, run_id=f"p-s000{number}") for number, name in enumerate("abcd")]
    (folders[0] / "trials" / "p-s0000.parquet").write_bytes(b"torn")
    (folders[2] / "trials" / "p-s0002.parquet").unlink()
    brought = []
    with pytest.raises(ResultsUnusable, match=r"p-s0000.*\(and 1 more that cannot be brought in\)"):
        brought.extend(chain.from_iterable(bring_in(folders, tmp_path / "here")))
    assert [one.run_id for one in brought] == ["p-s0001", "p-s0003"]


def test_of_a_folder_with_several_shards_each_publishes_its_own(host, tmp_path, shared):  # noqa: F811
    folder = host("one", 1)
    host("one", 1, run_id="p-s0002")
    published(folder, shared)
    assert below(tmp_path / "shared" / "0001" / HERE / "runs") == ["p-s0001.parquet"]


def test_what_cannot_be_put_there_says_where_the_results_are(host, tmp_path, shared):  # noqa: F811
    there = sharding.outbox(SHARD, shared)
    (tmp_path / "shared" / "0001" / HERE / "trials").write_text("a file in the way")
    folder = host("one", 1)
    with pytest.raises(NotPublished) as refused:
        sharding.publish(SHARD, folder, there)
    assert str(refused.value) == (
        f"PUBLISH={shared}: cannot be written (File exists); use an address that can; what was measured is "
        f"in {folder}, and the same command once more publishes it"
    )
    assert not (tmp_path / "shared" / "0001" / HERE / "runs").exists()


def test_a_command_is_recorded_without_what_opens_a_store(monkeypatch):
    given = ["harness", "run-shard", "1.json", "--publish", "s3://key:secret@bucket/a?region=here"]
    monkeypatch.setattr(sys, "argv", given)
    assert typed() == "harness run-shard 1.json --publish 's3://bucket/a?region=here'"


def test_where_nothing_can_be_put_is_found_out_before_anything_is_measured(harness, tmp_path):  # noqa: F811
    assert harness("plan", *ASKED, "--shards", "1", "--output", "plan").returncode == 0
    for place, complaint in (
        ("ftp://me:secret@host/a", "ftp://host/a: not allowed; use an address such as s3://BUCKET/FOLDER"),
        ("file:///dev/null/a", "file:///dev/null/a: cannot be written (Not a directory); use an address"),
    ):
        done = harness("run-shard", "plan/1.json", "--output", "out", "--publish", place)
        assert done.returncode == 2
        assert done.stderr.startswith(f"harness: PUBLISH={complaint}")
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "out").exists()


def test_an_address_that_has_nothing_to_bring_in_is_one_line_and_status_2(harness):  # noqa: F811
    for source, complaint in (
        ("gs://", "gs://: not allowed; use an address such as s3://BUCKET/FOLDER"),
        ("s3:/key:secret@b", "s3:/b: not allowed; use an address such as s3://BUCKET/FOLDER"),
        ("file:///nowhere/at/all", "file:///nowhere/at/all: holds no runs; use an address at or below which"),
    ):
        done = harness("import", source)
        assert done.returncode == 2
        assert done.stderr.startswith(f"harness: SOURCE={complaint}")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("ended", "is_published"),
    [
        (None, True),
        (typer.Exit(130), True),
        (typer.Exit(3), True),
        (KeyboardInterrupt(), True),
        (MachineInUse("somebody else's"), False),
    ],
)
def test_a_shard_is_published_however_it_ended_but_not_what_was_refused(
    host, tmp_path, shared, ended, is_published  # noqa: F811
):  # fmt: skip
    there = sharding.outbox(SHARD, shared)
    with (
        pytest.raises(type(ended)) if ended else nullcontext(),
        _published(SHARD, host("one", 1), there),
    ):
        if ended:
            raise ended
    assert (tmp_path / "shared" / "0001" / HERE / "runs").exists() == is_published


def test_of_a_shard_that_was_not_begun_there_is_nothing_to_publish(tmp_path, shared):
    with pytest.raises(KeyboardInterrupt), _published(SHARD, tmp_path, sharding.outbox(SHARD, shared)):
        raise KeyboardInterrupt
    assert below(tmp_path / "shared") == []


@pytest.mark.slow
def test_a_shard_published_on_a_network_folder_is_brought_in_by_its_address(command, tmp_path, shared):  # noqa: F811
    assert command("plan", *ASKED, "--shards", "1", "--output", "plan").returncode == 0
    for became in ("brought in, 3 matches", "is here already, with 3 matches; nothing was changed"):
        done = command("run-shard", "plan/1.json", "--output", "out", "--publish", shared.text)
        assert done.returncode == 0, done.stderr
        told = done.stderr.splitlines()[-1]
        assert told.startswith(f"published in {shared}/0001/{HERE}: run ")
        assert told.endswith(became)
    done = command("import", shared.text)
    assert done.returncode == 0, done.stderr
    list(bring_in([tmp_path / "out"], tmp_path / "directly"))
    assert below(tmp_path / "results") == below(tmp_path / "directly")
    for name in ("runs", "trials", "rounds", "certificates", "plans"):
        one, other = (pd.read_parquet(tmp_path / place / name) for place in ("results", "directly"))
        pd.testing.assert_frame_equal(one, other)


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """The address, with its login, of a bucket on a server that speaks S3; nothing is in it."""
    # Until then it answered an upload in parts as pyarrow does not understand it.
    with suppress(PackageNotFoundError):
        if importlib.util.find_spec("flask") and Version(version("moto")) >= Version("5.2.2"):
            yield from _served(tmp_path_factory.mktemp("s3"))
            return
    pytest.skip("no S3 server to talk to: pip install 'moto[server]>=5.2.2'")


def _served(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"

    def is_up():
        with suppress(OSError), urllib.request.urlopen(f"http://{place}/", timeout=5):
            return True
        return False

    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", place.partition(":")[2]],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(is_up, within_s=60)
        made = urllib.request.Request(f"http://{place}/bucket", method="PUT")
        urllib.request.urlopen(made, timeout=5).close()
        yield f"s3://thekey:hush%2Fhush@bucket/sweep?scheme=http&endpoint_override={place}&region=us-east-1"
    finally:
        ended(server)


@pytest.mark.slow
def test_shards_go_through_an_object_store_and_no_file_or_line_has_its_secret(command, tmp_path, s3):  # noqa: F811
    assert command("plan", *ASKED, "--shards", "2", "--output", "plan").returncode == 0
    said = ""
    for number in (1, 2):
        done = command("run-shard", f"plan/{number}.json", "--output", f"out/{number}", "--publish", s3)
        assert done.returncode == 0, done.stderr
        told = f"published in s3://bucket/sweep/000{number}/{HERE}: run "
        assert done.stderr.splitlines()[-1].startswith(told)
        said += done.stdout + done.stderr
    done = command("import", s3)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(tmp_path / "results" / "runs")) == 2
    said += done.stdout + done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    columns = [str(pd.read_parquet(path).to_dict()) for path in files if path.suffix == ".parquet"]
    others = [path.read_text(errors="replace") for path in files if path.suffix != ".parquet"]
    assert "--publish 's3://bucket/sweep?" in "".join(columns)
    for secret in ("thekey", "hush"):
        assert secret not in "".join([said, *columns, *others])


@pytest.mark.slow
@pytest.mark.parametrize("use", [partial(sharding.outbox, SHARD), lambda there: Remote(there).folders()])
def test_a_bucket_that_is_not_there_is_refused_by_name_and_without_the_secret(s3, use):
    with pytest.raises(ResultsUnusable) as refused:
        use(address("OPTION", s3.replace("bucket", "another")))
    said = str(refused.value)
    assert said.startswith("OPTION=s3://another/sweep?")
    assert not any(part in said for part in ("thekey", "hush", "\n"))
