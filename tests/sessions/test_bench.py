"""From a plan and its proofs to a run, with scripted workers: what is kept, and what the run says of it."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest

from harness.engine.proving import MEMORY
from harness.errors import ResultsUnusable
from harness.report.pages import summary
from harness.sessions import bench
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.presets import FRAMEWORKS
from harness.store.writer import Store
from tests.engine.test_runner import Silent

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path, synthetic_root, fork_servers, monkeypatch):
    """Measure one case whose proof ran out of memory, or several of which the first is proven."""
    monkeypatch.chdir(tmp_path)

    def measure(script=None, observer=None, *, holds=False, **given):
        for framework in ("TENSORFLOW", "PYTORCH"):
            monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework}", "harness.frameworks.scripted")
            monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework}", json.dumps(script or {}))
        asked = {"batch_size": "500", "train_samples": "1000", "epochs": "1", "replicates": "3"}
        settings = config.resolve(asked | {"dataset": "synthetic"} | given, {}, tmp_path)
        Store(settings.results).prepare()
        planned = plan(settings)
        proof = {"certificate_id": "c", "holds": holds, "failed_check": MEMORY, "reason": "said so"}
        proofs = pd.DataFrame(
            [
                {"case_id": case.id, "framework": framework} | proof
                for case in planned.cases[:1]
                for framework in FRAMEWORKS
            ]
        )
        return bench.bench(
            planned,
            synthetic_root,
            proofs,
            command="harness bench",
            servers=fork_servers,
            observer=observer or Silent(),
        )

    return measure


def test_a_case_that_is_too_large_to_be_proven_but_not_to_be_trained_is_tried_once_and_uncertified(run):
    done = run()
    assert list(done.frames.trials["status"]) == ["ok", "ok"]
    assert not done.frames.trials["certified"].any()
    assert done.uncertified == tuple(done.frames.trials["case_id"].unique())


def test_a_case_that_is_too_large_for_both_is_a_failure_and_nothing_else(run):
    done = run({"events": {"start": "memory"}})
    assert set(done.frames.trials["failure_kind"]) == {"out of memory"}
    assert done.uncertified == ()


class Proving(Silent):
    """Hears of proofs, too."""

    def __init__(self):
        super().__init__()
        self.proven = []

    def proofs_begin(self, contenders):
        pass

    def proof_began(self, contender):
        pass

    def proof_done(self, certificate, *, reused):
        self.proven.append((certificate.framework, certificate.case.workload.batch_size))


# The second case is proven on the way; scripted workers cannot be asked for evidence.
TWO_CASES = {"batch_size": "500,250", "replicates": "6", "round_s": "0.01", "at_best": "no"}


def test_a_case_that_fails_its_certificate_on_the_way_is_told_as_one_that_fails_it_before(run, tmp_path):
    observer = Proving()
    done = run(observer=observer, holds=True, **TWO_CASES)
    assert observer.proven == [("tensorflow", 250), ("pytorch", 250)]
    assert status(done, tmp_path) == "finished"
    assert set(done.frames.trials["batch_size"]) == {500}
    assert done.frames.trials["status"].eq("ok").all()
    (refused,) = done.uncertified
    assert "-b250-" in refused
    (row,) = pd.read_parquet(tmp_path / "results" / "runs").to_dict("records")
    proven = {path.stem for path in (tmp_path / "results" / "certificates").glob("*.parquet")}
    assert set(row["certificate_ids"]) == {"c"} | proven
    page = done.drawn.page.read_text()
    assert refused in page
    assert page.count("Not measured: the frameworks did not do the same work") == 1


def test_a_certificate_on_the_way_that_finds_no_room_ends_the_run_with_what_it_has(
    run, tmp_path, monkeypatch
):
    no_room_for("/certificates/", monkeypatch)
    done = run(observer=Proving(), holds=True, **TWO_CASES)
    assert status(done, tmp_path) == "failed"
    assert "certificates" in done.outcome.stopped_because
    assert len(done.frames.trials) == 12
    assert done.drawn.page.is_file()


class Witnessing(Silent):
    """Does something once five trials are done: of the third match one has been told, and all is stored."""

    def __init__(self, then):
        super().__init__()
        self._then = then
        self._left = 5

    def trial_done(self, trial):
        self._left -= 1
        if self._left == 0:
            self._then()


def status(done, tmp_path):
    (row,) = pd.read_parquet(tmp_path / "results" / "runs").to_dict("records")
    assert (row["status"], row["stopped_because"]) == (done.outcome.status, done.outcome.stopped_because)
    return row["status"]


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("in a\nfigure"), ResultsUnusable("reports: cannot be written")]
)
def test_a_page_that_cannot_be_drawn_costs_neither_data_nor_answer(run, tmp_path, monkeypatch, error):
    def broken(frames, folder):
        raise error

    monkeypatch.setattr(summary, "write_page", broken)
    done = run()
    assert status(done, tmp_path) == "finished"
    assert len(done.frames.trials) == 2
    assert done.drawn.page is None
    assert done.drawn.failure.startswith("no page: ")
    assert " ".join(str(error).split()) in done.drawn.failure
    assert "\n" not in done.drawn.failure
    if isinstance(error, ZeroDivisionError):
        assert "Traceback" in (tmp_path / "results" / "logs" / "page.log").read_text()


def no_room_for(pattern, monkeypatch):
    """From now on no file whose path matches the pattern can be written."""
    write = pq.ParquetWriter.write_table

    def full(writer, table):
        if re.search(pattern, str(writer.where)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(writer, table)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)


def test_a_disk_that_fills_up_ends_the_run_which_says_so_and_still_reports(run, tmp_path, monkeypatch):
    done = run(observer=Witnessing(lambda: no_room_for("/trials/", monkeypatch)), holds=True)
    assert status(done, tmp_path) == "failed"
    assert done.outcome.stopped_because.endswith("cannot be written (No space left on device)")
    assert len(done.frames.trials) + len(done.frames.controls) == 6
    assert done.drawn.page.is_file()
    assert not list((tmp_path / "results").rglob(".*"))


def test_a_disk_without_room_for_the_last_word_still_has_an_answer(run, tmp_path, monkeypatch):
    done = run(observer=Witnessing(lambda: no_room_for("", monkeypatch)), holds=True)
    assert done.outcome.status == "failed"
    assert "No space left on device" in done.outcome.stopped_because
    assert len(done.frames.trials) + len(done.frames.controls) == 6


def test_a_run_whose_files_could_not_be_gathered_has_not_finished(run, tmp_path, monkeypatch):
    gathered = r"/trials/\.[0-9T]+-[0-9a-f]{4}\.parquet"
    done = run(observer=Witnessing(lambda: no_room_for(gathered, monkeypatch)), holds=True)
    assert status(done, tmp_path) == "failed"
    assert "No space left on device" in done.outcome.stopped_because
    assert done.outcome.trials_ok == len(pd.read_parquet(tmp_path / "results" / "trials"))


def test_an_interrupt_between_two_trials_ends_the_run_as_one_within_them(run, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    done = run(observer=Witnessing(interrupt), holds=True)
    assert status(done, tmp_path) == "interrupted"
    assert len(done.frames.trials) + len(done.frames.controls) == 6
    assert done.drawn.page.is_file()


def test_a_run_begins_to_measure_without_what_only_its_page_takes():
    """SciPy's statistics, matplotlib and seaborn take seconds of an import that somebody waits for."""
    code = (
        "import sys, harness.sessions.bench, harness.sessions.proven, harness.terminal.live, "
        "harness.terminal.answers; "
        "print(sorted({'scipy.stats', 'matplotlib', 'seaborn', 'torch', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
