"""The command as a user meets it: real processes, real exit statuses, one line for each mistake."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from harness import cli
from harness.engine.playing import Interrupted
from harness.sessions import examination

ROOT = Path(__file__).parents[1]

# Scripted workers read what they are to train on: so little of it as a test can do with.
SMALL = ("--dataset", "synthetic", "--train-samples", "1000", "--batch-size", "100")


@pytest.fixture
def harness(commands, tmp_path):
    """Run `harness` in an empty folder; scripted adapters stand in for the frameworks where asked."""

    def run(*arguments, scripts=None, **environment):
        settings = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}
        settings |= environment
        for framework, script in (scripts or {}).items():
            settings[f"EVENMATCH_ADAPTER_{framework.upper()}"] = "harness.frameworks.scripted"
            settings[f"EVENMATCH_SCRIPT_{framework.upper()}"] = json.dumps(script)
        return commands.run(*arguments, cwd=tmp_path, env=settings, timeout=300)

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--batch-size", "0"), "BATCH=0: not allowed"),
        (("--batch-size", "abc"), "BATCH=abc: not allowed"),
        (("--mode", "fast"), "MODE=fast: not allowed; use loop, eager, compiled, idiomatic"),
        (("--batch-size", "512", "--train-samples", "100"), "BATCH=512: not allowed; use at most the 100"),
    ],
)
def test_a_bad_value_is_one_line_and_status_2_and_leaves_nothing(harness, tmp_path, arguments, said):
    done = harness("bench", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), Interrupted(())])
def test_an_interruption_that_no_command_tells_of_is_one_line_and_status_130(
    monkeypatch, capsys, interruption
):
    def interrupted(_settings):
        raise interruption

    monkeypatch.setattr(cli, "_end_as_interrupted", lambda: None)
    monkeypatch.setattr(examination, "examine", interrupted)
    monkeypatch.setattr(sys, "argv", ["harness", "doctor"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130
    assert capsys.readouterr().err == "harness: interrupted\n"


def test_a_data_folder_that_is_not_there_is_one_line_and_status_2(harness, tmp_path):
    done = harness("bench", "--data-dir", "/nonexistent")
    assert done.returncode == 2
    assert "/nonexistent" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "results").rglob("*.parquet"))


@pytest.mark.parametrize("folder", ["results", "reports"])
def test_a_folder_that_cannot_be_written_is_one_line_and_status_2(harness, tmp_path, folder):
    (tmp_path / "taken").write_text("a file")
    done = harness("bench", f"--{folder}", "taken")
    assert done.returncode == 2
    assert f"{folder.upper()}=taken: cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench", "--results", b"r\xe9s"),
        ("bench", "--reports", b"r\xe9s"),
        ("bench", "--data-dir", b"r\xe9s"),
        ("report", "--results", b"r\xe9s"),
        ("history", "--reports", b"r\xe9s"),
        ("doctor", "--results", b"r\xe9s"),
        ("compare", "latest", "latest", "--page", b"r\xe9s"),
        ("compare", b"./r\xe9s", "latest"),
        ("export", "--output", b"r\xe9s"),
        ("import", b"r\xe9s"),
    ],
)
def test_a_path_that_is_no_text_is_one_line_and_status_2_and_leaves_nothing(harness, tmp_path, arguments):
    done = harness(*arguments)
    assert done.returncode == 2
    assert "use a path that is text in UTF-8" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_that_is_not_there_is_one_line_with_what_each_said(harness, tmp_path):
    scripts = {"tensorflow": {}, "pytorch": {}}
    done = harness("bench", "--device", "cuda", scripts=scripts, LD_LIBRARY_PATH=str(tmp_path))
    if done.returncode == 0:
        pytest.skip("this machine has a GPU driver")
    assert done.returncode == 2
    assert re.search(
        r"DEVICE=cuda: not available\. scripted on cuda; scripted on cuda; NVML: .+", done.stderr
    )
    assert len(done.stderr.splitlines()) == 1


def test_report_without_results_says_how_to_make_some(harness):
    done = harness("report")
    assert done.returncode == 2
    assert "make bench" in done.stderr


def test_the_version_is_told(harness):
    assert harness("--version").stdout.startswith("harness 0.")


@pytest.mark.slow
def test_a_run_from_options_to_page(harness, tmp_path, synthetic_root):
    scripts = {
        "tensorflow": {"train_s": 0.02},
        "pytorch": {"train_s": 0.04, "events": {"train 1": "chatter"}},
    }
    asked = (*SMALL, "--epochs", "2", "--replicates", "3", "--allow-mismatch", "--at-best", "no")
    done = harness("bench", *asked, scripts=scripts, XDG_CACHE_HOME=str(synthetic_root.parent))
    assert done.returncode == 0, done.stderr
    assert "no verdict at batch 100" in done.stdout
    assert "certificate failed" in done.stdout
    assert (tmp_path / "reports" / "summary.html").is_file()
    trials = pd.read_parquet(tmp_path / "results" / "trials")
    assert trials["role"].value_counts().to_dict() == {"comparison": 6, "control": 4, "learning": 6}
    assert trials["synthetic"].all()
    assert not trials.loc[trials["role"] == "comparison", "certified"].any()
    top, _, _ = (tmp_path / "reports" / "summary.html").read_text().partition('id="answer"')
    assert "Measured in spite of a failed certificate" in top
    runs = pd.read_parquet(tmp_path / "results" / "runs")
    assert list(runs["status"]) == ["finished"]
    assert runs["trials_ok"].item() == 16

    told = json.loads(harness("export", "--format", "json").stdout)
    assert [one["verdict"] for one in told["runs"][0]["verdicts"]] == [None, None]

    before = done.stdout
    (tmp_path / "reports" / "summary.html").unlink()
    again = harness("report")
    assert again.returncode == 0
    assert again.stdout == before
    assert (tmp_path / "reports" / "summary.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_end_is_marked_and_drawn_and_leaves_nothing_behind(
    tmp_path, synthetic_root, number
):
    """As Slurm, docker and `timeout` do it, the last of which signals twice."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    adapters = {
        f"EVENMATCH_ADAPTER_{name}": "harness.frameworks.scripted" for name in ("TENSORFLOW", "PYTORCH")
    }
    asked = (*SMALL, "--epochs", "50", "--allow-mismatch")
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "bench", *asked],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | adapters | {
            "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(synthetic_root.parent),
        },
    ) as process:  # fmt: skip
        for line in process.stderr:
            if "replicate 1" in line:
                break
        time.sleep(0.5)
        process.send_signal(number)
        if number != signal.SIGINT:
            process.send_signal(number)
        answer, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "page: reports/summary.html" in answer
    assert (tmp_path / "reports" / "summary.html").is_file()
    (run,) = pd.read_parquet(tmp_path / "results" / "runs").to_dict("records")
    assert (run["status"], run["stopped_because"]) == ("interrupted", "it was interrupted")
    assert not list(temporary.iterdir())


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_one_line_after_the_answer_and_status_1(
    harness, tmp_path, synthetic_root
):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "figures").write_text("a file in the way")
    done = harness(
        "bench", *SMALL, "--replicates", "1", "--epochs", "1", "--allow-mismatch",
        scripts={"tensorflow": {}, "pytorch": {}},
        XDG_CACHE_HOME=str(synthetic_root.parent),
    )  # fmt: skip
    assert done.returncode == 1
    assert "no verdict at batch 100" in done.stdout
    assert re.findall("^harness: no page: .*", done.stderr, flags=re.MULTILINE) == [
        "harness: no page: reports: cannot be written (File exists)"
    ]
    assert "Traceback" not in done.stderr
    assert list(pd.read_parquet(tmp_path / "results" / "runs")["status"]) == ["finished"]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_standard_output_without_utf_8_degrades(harness, synthetic_root, encoding):
    done = harness(
        "bench", *SMALL, "--replicates", "1", "--epochs", "1", "--allow-mismatch",
        scripts={"tensorflow": {}, "pytorch": {}},
        XDG_CACHE_HOME=str(synthetic_root.parent), PYTHONIOENCODING=encoding,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no verdict at batch 100" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_for_machines_the_answer_is_json_and_all_that_stands_on_standard_output(harness, synthetic_root):
    done = harness(
        "bench", "--json", *SMALL, "--replicates", "1", "--epochs", "1", "--allow-mismatch",
        scripts={"tensorflow": {}, "pytorch": {}},
        XDG_CACHE_HOME=str(synthetic_root.parent),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (run,) = told["runs"]
    assert (told["results"], told["page"]) == ("results", "reports/summary.html")
    assert (run["status"], run["trials_ok"]) == ("finished", 6)
    assert run["stopped_because"]
    assert {one["replicates"] for one in run["verdicts"]} == {1}
    assert "replicate 1" in done.stderr


@pytest.mark.slow
def test_a_run_in_which_nothing_worked_still_keeps_its_rows_and_ends_with_1(
    harness, tmp_path, synthetic_root
):
    broken = {"events": {"start": "raise"}}
    done = harness(
        "bench", *SMALL, "--replicates", "1", "--allow-mismatch",
        scripts={"tensorflow": broken, "pytorch": broken}, XDG_CACHE_HOME=str(synthetic_root.parent),
    )  # fmt: skip
    assert done.returncode == 1
    assert set(pd.read_parquet(tmp_path / "results" / "trials")["status"]) == {"failed"}
    assert "scripted to fail at start" in (tmp_path / "reports" / "summary.html").read_text()


@pytest.mark.slow
def test_doctor_names_what_is_there_and_what_a_missing_thing_disables(harness):
    done = harness("doctor", scripts={"tensorflow": {}, "pytorch": {}})
    assert done.returncode == 0
    for name in ("python", "tensorflow", "torch", "nvml", "npm", "quiet machine", "scripted on cpu"):
        assert name in done.stdout


@pytest.mark.slow
def test_without_a_certificate_nothing_is_measured_and_the_status_is_3(harness, tmp_path, synthetic_root):
    done = harness(
        "bench", *SMALL, scripts={"tensorflow": {}, "pytorch": {}}, XDG_CACHE_HOME=str(synthetic_root.parent)
    )
    assert done.returncode == 3, done.stderr
    assert "certificate failed" in done.stderr
    assert not list((tmp_path / "results" / "trials").iterdir())
    assert "Not measured" in (tmp_path / "reports" / "summary.html").read_text()
    again = harness("parity", *SMALL, scripts={"tensorflow": {}}, XDG_CACHE_HOME=str(synthetic_root.parent))
    assert again.returncode == 3
    assert "evidence" in again.stdout


@pytest.mark.slow
def test_a_case_too_large_to_be_proven_is_tried_once_and_leaves_its_failure(
    harness, tmp_path, synthetic_root
):
    full = {"events": {"start": "memory"}}
    done = harness(
        "bench", *SMALL, "--replicates", "3",
        scripts={"tensorflow": full, "pytorch": full}, XDG_CACHE_HOME=str(synthetic_root.parent),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    trials = pd.read_parquet(tmp_path / "results" / "trials")
    trials = trials[trials["role"] == "comparison"]
    assert sorted(zip(trials["framework"], trials["failure_kind"], strict=True)) == [
        ("pytorch", "out of memory"),
        ("tensorflow", "out of memory"),
    ]
    assert "scripted to find no memory at start" in (tmp_path / "reports" / "summary.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--planted", "5%,lots"), "PLANTED=5%,lots: not allowed; use percentages from 0%"),
        (("--tries", "0"), "TRIES=0: not allowed"),
        (("--replicates", "5"), "REPLICATES=5: not allowed; use 6 or more"),
        (("--try", "-1"), "TRY=-1: not allowed"),
        (("--workers", "1,2"), "WORKERS=1,2: not allowed; use one value"),
        (("--mode", "article"), "MODE=article: not allowed; use loop, eager, compiled, idiomatic, graph: a"),
        (("--mode", "best"), "MODE=best: not allowed; use a mode that a framework runs"),
    ],
)
def test_a_calibration_that_cannot_be_made_is_one_line_and_status_2(harness, tmp_path, arguments, said):
    done = harness("calibrate", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_calibration_of_a_case_that_does_not_fit_is_one_line_and_status_2(harness):
    done = harness("calibrate", "--dataset", "synthetic", "--workers", "64", "--threads", "1")
    assert done.returncode == 2
    assert "its 64 workers, each of 1 thread(s), need 64 cores" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_calibration_whose_trials_all_fail_says_why_and_ends_with_status_1(harness, synthetic_root):
    fails = {"epoch_s": 0.1, "events": {"start": "raise"}}
    done = harness(
        "calibrate", *SMALL, "--tries", "1", "--planted", "0%", "--no-usual",
        scripts={"tensorflow": fails, "pytorch": fails}, XDG_CACHE_HOME=str(synthetic_root.parent),
    )  # fmt: skip
    assert done.returncode == 1
    assert "scripted to fail at start" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("1 of 1 try left out, for a trial of each failed")
    assert done.stdout == ""


@pytest.mark.slow
def test_a_calibration_that_is_interrupted_says_what_its_tries_tell_and_how_many_there_are(
    tmp_path, synthetic_root
):
    adapters = {
        f"EVENMATCH_ADAPTER_{name}": "harness.frameworks.scripted" for name in ("TENSORFLOW", "PYTORCH")
    }
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "calibrate", "--dataset", "synthetic", "--train-samples", "1000",
         "--batch-size", "50", "--round", "0.02", "--tries", "400", "--try", "0.5", "--planted", "0%",
         "--no-usual"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | adapters | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(synthetic_root.parent)},
    ) as process:  # fmt: skip
        assert any("try 1 of 400" in line for line in process.stderr)
        # Within a match of the second try.
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        answer, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "taking turns" in answer
    assert said.splitlines()[-1].endswith("1 of 400 tries made; it ended because it was interrupted")
    held = tmp_path / "results" / "calibration"
    assert len(pd.read_parquet(held / "attempts")) == 1
    assert "interrupted" in set(pd.read_parquet(held / "trials")["failure_kind"])


@pytest.mark.slow
def test_what_a_calibration_found_is_told_by_every_later_report(harness, synthetic_root):
    scripts = {"tensorflow": {"epoch_s": 0.1}, "pytorch": {"epoch_s": 0.1}}
    where = {"scripts": scripts, "XDG_CACHE_HOME": str(synthetic_root.parent)}
    work = ("--dataset", "synthetic", "--train-samples", "1000", "--batch-size", "50", "--round", "0.02")
    measured = ("bench", *work, "--replicates", "1", "--epochs", "1", "--allow-mismatch")
    before = harness(*measured, "--threads", "1", **where)
    assert "This machine has not been calibrated" in before.stdout
    tried = ("--tries", "1", "--try", "0.5", "--planted", "0%,50%", "--threads", "1")
    calibrated = harness("calibrate", *work, *tried, **where)
    assert calibrated.returncode == 0
    assert "try 2 of 2" in calibrated.stderr
    assert "A planted slow-down of 50 % was found in 1 of 1 try" in " ".join(calibrated.stdout.split())
    assert "show a difference 90 % of the time, whatever they call it: in 1 minute one of" in " ".join(
        calibrated.stdout.split()
    )
    after = harness("report", **where)
    assert "Calibration: of 1 comparison of a framework with itself" in " ".join(after.stdout.split())
    assert "not been calibrated" not in after.stdout
    # With more threads more is told apart, or less.
    assert "This machine has not been calibrated" in harness(*measured, "--threads", "2", **where).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "pytorch"), "CASE=pytorch: not allowed; use two cases, or none"),
        (
            ("explain", "pytorch", "tensorflow"),
            "CASE=pytorch: not allowed; use a framework, a slash and a case",
        ),
        (("explain", "--budget", "0"), "BUDGET=0: not allowed"),
        (("explain", "--epochs", "1,2"), "EPOCHS=1,2: not allowed; use one value"),
        (
            ("bench", "--mode", "article", "--batch-size", "64"),
            "BATCH=64: not allowed; use no BATCH in mode article",
        ),
    ],
)
def test_what_cannot_be_explained_is_one_line_and_status_2(harness, tmp_path, arguments, said):
    done = harness(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_an_explanation_from_options_to_page_and_onto_the_next_runs_page(harness, tmp_path, synthetic_root):
    scripts = {"tensorflow": {"train_s": 0.01, "accuracy": 0.9}, "pytorch": {"train_s": 0.03}}
    where = {"scripts": scripts, "XDG_CACHE_HOME": str(synthetic_root.parent)}
    ends = [f"{name}/synthetic-cpu-loop-fp32-b100-e1-n1000" for name in ("tensorflow", "pytorch")]
    done = harness("explain", *ends, "--replicates", "2", **where)
    assert done.returncode == 0, done.stderr
    assert f"{ends[0]} trains" in " ".join(done.stdout.split())
    page = (tmp_path / "reports" / "explanation.html").read_text()
    assert "Why two programs differ" in page
    assert "harness explain" in page
    assert len(list((tmp_path / "results" / "explanations" / "changes").iterdir())) == 4
    work = (*SMALL, "--replicates", "1", "--allow-mismatch")
    assert harness("bench", *work, **where).returncode == 0
    assert "Why two programs differ" in (tmp_path / "reports" / "summary.html").read_text()
