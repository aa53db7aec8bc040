"""A run from a shell full of variables that do harm says what one from a clean shell says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.engine.harmful_variables import HARMFUL

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SECRET = {"TF_VAR_db_pass": "hunter2", "XLA_TOKEN": "hunter2", "https_proxy": "http://me:hunter2@localhost:9"}
SAME = ["effective_json", "optimizer", "data_sha256", "weights_sha256", "order_sha256", "parameter_count"]


@pytest.fixture(scope="module")
def shells(tmp_path_factory, synthetic_root):
    """A small run from each shell, into one results folder: their output and their tables."""
    folder = tmp_path_factory.mktemp("shells")
    clean = {name: value for name, value in os.environ.items() if name not in HARMFUL}
    temporary = folder / "temporary"
    temporary.mkdir()
    clean |= {"XDG_CACHE_HOME": str(synthetic_root.parent), "TMPDIR": str(temporary)}
    said = []
    for shell in (clean, clean | HARMFUL | SECRET):
        done = subprocess.run(
            [sys.executable, "-m", "harness", "bench", "--preset", "smoke", "--dataset", "synthetic",
             "--mode", "loop", "--threads", "1", "--epochs", "2", "--replicates", "1", "--round", "0.05",
             "--results", folder / "results",
             "--reports", folder / "reports"],
            capture_output=True, text=True, errors="replace", cwd=ROOT, env=shell, check=False, timeout=500,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said.append(done.stdout + done.stderr)
    tables = {
        name: pd.read_parquet(folder / "results" / name).sort_values("run_id", kind="stable")
        for name in ("runs", "trials", "rounds")
    }
    return folder, said, tables


@pytest.fixture
def harness(tmp_path):
    """Run the installed command's code, with scripted frameworks, in a folder with modules of the user's."""

    def run(*arguments, **environment):
        scripted = {
            f"EVENMATCH_ADAPTER_{framework}": "harness.frameworks.scripted"
            for framework in ("TENSORFLOW", "PYTORCH")
        }
        given = {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}
        for name in ("random.py", "numpy.py"):
            (tmp_path / name).write_text("raise ImportError('not the module that was meant')\n")
        return subprocess.run(
            [sys.executable, "-m", "harness", *arguments], capture_output=True, text=True,
            cwd=tmp_path, env=os.environ | given | scripted | environment, check=False, timeout=300,
        )  # fmt: skip

    return run


def by_run(table, role="comparison"):
    return [rows for _, rows in table[table["role"] == role].groupby("run_id")]


def test_record_certificate_and_what_each_framework_did_are_the_same(shells):
    _, _, tables = shells
    clean, harmful = (row for _, row in tables["runs"].iterrows())
    assert harmful["environment_json"] == clean["environment_json"]
    assert list(harmful["certificate_ids"]) == list(clean["certificate_ids"])
    # How far a raced trial gets depends on the pace: what is learned is the same to the end.
    learned = by_run(tables["trials"], "learning")
    first, second = (rows.set_index("framework").sort_index() for rows in learned)
    assert set(first["status"]) == set(second["status"]) == {"ok"}
    assert first["certified"].all()
    pd.testing.assert_frame_equal(first[SAME], second[SAME])
    for column in ("final_test_loss", "final_accuracy"):
        assert first[column].notna().all()
        assert list(second[column]) == pytest.approx(list(first[column]), rel=1e-6)
    steps = [
        rows[rows["phase"] == "train"].groupby("framework")["samples"].sum()
        for rows in by_run(tables["rounds"], "learning")
    ]
    assert [dict(one) for one in steps] == [{"pytorch": 12_000, "tensorflow": 12_000}] * 2


def test_what_a_shell_sets_slows_neither_framework_beside_the_other(shells):
    """Frameworks take turns: what else the machine does, which differs from run to run, slows both alike."""
    first, second = (
        rows[rows["phase"] == "train"].groupby("framework")["samples_per_s"].max()
        for rows in by_run(shells[2]["rounds"])
    )
    change = second / first
    assert change["pytorch"] / change["tensorflow"] == pytest.approx(1, rel=0.5)


def test_no_secret_of_the_shell_is_on_disk_or_on_the_screen(shells):
    folder, said, tables = shells
    assert not any("hunter2" in one for one in said)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".html" for path in files)
    assert not any(b"hunter2" in path.read_bytes() for path in files)
    # Parquet's columns are compressed.
    assert not any("hunter2" in table.to_csv() for table in tables.values())


def test_a_run_leaves_nothing_among_temporary_files(shells):
    folder, _, _ = shells
    assert list((folder / "temporary").iterdir()) == []


def test_a_file_random_py_in_the_working_folder_makes_no_framework_unusable(harness):
    done = harness("doctor")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("scripted on cpu") == 2


def test_doctor_names_what_does_not_reach_workers_until_it_is_passed(harness):
    said = harness("doctor", TF_XLA_FLAGS="--tf_xla_auto_jit=2").stdout
    # The tests set a variable of their own.
    assert "OPENBLAS_NUM_THREADS, TF_XLA_FLAGS are set here and do not reach workers" in said
    assert "TF_XLA_FLAGS" not in harness("doctor", "--pass-env", "TF_XLA_FLAGS", TF_XLA_FLAGS="x").stdout


@pytest.mark.parametrize("command", ["bench", "parity", "calibrate", "explain", "doctor"])
def test_a_variable_that_cannot_be_passed_is_one_line_and_status_2(harness, command):
    done = harness(command, "--pass-env", "XLA_FLAGS", "--pass-env", "OMP_NUM_THREADS")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        (
            "harness: PASS_ENV=OMP_NUM_THREADS: not allowed; "
            "use a variable that the harness does not set itself in every worker"
        )
    ]


def test_what_is_passed_is_on_record(harness, tmp_path, synthetic_root):
    done = harness(
        "bench", "--dataset", "synthetic", "--train-samples", "1000", "--batch-size", "100",
        "--replicates", "1", "--epochs", "1", "--allow-mismatch",
        "--pass-env", "XLA_FLAGS", "--pass-env", "KMP_BLOCKTIME",
        XDG_CACHE_HOME=str(synthetic_root.parent), XLA_FLAGS="--xla_cpu_enable_fast_math=false",
        KMP_BLOCKTIME="0", KMP_AFFINITY="disabled",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (kept,) = pd.read_parquet(tmp_path / "results" / "runs")["environment_json"].map(json.loads)
    assert (kept["XLA_FLAGS"], kept["KMP_BLOCKTIME"]) == ("--xla_cpu_enable_fast_math=false", "0")
    assert "KMP_AFFINITY" not in kept
