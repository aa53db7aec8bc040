"""`DEVICE=cuda` as a user meets it, with a stub for the driver and scripted workers for the frameworks."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.test_cli import harness  # noqa: F401  (a fixture)

pytestmark = pytest.mark.slow

SCRIPTS = {"tensorflow": {}, "pytorch": {}}
SMALL = ("--dataset", "synthetic", "--train-samples", "1000", "--batch-size", "100", "--epochs", "2",
         "--replicates", "1", "--round", "0.01", "--allow-mismatch")  # fmt: skip

# As on a machine where only the other framework is installed.
WITHOUT = """
from importlib.machinery import PathFinder
from importlib.metadata import Distribution, PackageNotFoundError
find, from_name = PathFinder.find_spec, Distribution.from_name
PathFinder.find_spec = lambda name, *rest: None if name == "{missing}" else find(name, *rest)
def named(name):
    if name == "{missing}":
        raise PackageNotFoundError(name)
    return from_name(name)
Distribution.from_name = named
"""


@pytest.fixture
def on_stub(harness, nvml_stub, synthetic_root):  # noqa: F811
    def run(*arguments, visible=None, energy=False, scripts=SCRIPTS, **stub):
        # Energy takes seconds on end: a card that tells none is not asked for it.
        silent = {} if energy else {"refuses": "TotalEnergyConsumption PowerUsage", "refuses_with": 3}
        given = {f"NVML_STUB_{name.upper()}": str(value) for name, value in (silent | stub).items()}
        shown = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
        return harness(
            *arguments,
            scripts=scripts,
            LD_LIBRARY_PATH=str(nvml_stub),
            XDG_CACHE_HOME=str(synthetic_root.parent),
            **given,
            **shown,
        )

    return run


def table(folder, name):
    return pd.concat([pd.read_parquet(path) for path in (folder / "results" / name).glob("*.parquet")])


def test_a_run_on_cpu_and_gpu_records_what_the_gpu_did_where_there_was_one(on_stub, tmp_path):
    done = on_stub(
        "bench", "--device", "cpu GPU-stub-1", *SMALL, pid="children", used=700 * 2**20, energy=True
    )
    assert done.returncode == 0, done.stderr
    trials, rounds = table(tmp_path, "trials"), table(tmp_path, "rounds")
    assert set(trials["device"]) == {"cpu", "cuda:1"}
    gpu, cpu = trials[trials["device"] == "cuda:1"], trials[trials["device"] == "cpu"]
    assert set(gpu["gpu_peak_bytes"]) == {700 * 2**20}
    assert set(gpu["gpu_uuid"]) == {"GPU-stub-1"}
    assert set(gpu["gpu_energy_source"]) == {"counter"}
    compared = gpu[gpu["role"] == "comparison"]
    # The stub's card takes 100 W whoever works.
    assert compared["gpu_train_energy_j"].tolist() == pytest.approx(100 * compared["gpu_energy_s"], rel=0.1)
    assert compared["gpu_energy_s"].gt(5).all()
    assert compared["gpu_energy_samples"].gt(0).all()
    # A turn of a hundredth of a second tells no energy of its own.
    assert rounds["gpu_energy_j"].isna().all()
    assert gpu.loc[gpu["role"] == "control", "gpu_train_energy_j"].isna().all()
    assert gpu["gpu_left_bytes"].eq(0).all()
    assert set(cpu["gpu_peak_reason"]) == {"the device is a CPU"}
    assert cpu["gpu_samples"].isna().all()
    assert rounds[rounds["device"] == "cuda:1"]["gpu_sm_hz"].eq(1.98e9).all()
    page = (tmp_path / "reports" / "summary.html").read_text()
    assert "700 MiB" in page


def test_what_each_framework_takes_before_any_work_is_measured_once_a_run(on_stub, tmp_path):
    assert on_stub("bench", "--device", "cuda", *SMALL, pid="children", used=300 * 2**20).returncode == 0
    (run,) = table(tmp_path, "runs").to_dict("records")
    for name in ("tensorflow_context_bytes", "pytorch_context_bytes", "tensorflow_default_bytes"):
        assert run[name] == 300 * 2**20
    assert run["context_source"] == "process"


def test_where_processes_are_hidden_the_devices_growth_stands_in_and_says_so(on_stub, tmp_path):
    assert on_stub("bench", "--device", "cuda", *SMALL, pid="children", hidden=1).returncode == 0
    (run,) = table(tmp_path, "runs").to_dict("records")
    assert run["context_source"] == "device"
    assert run["tensorflow_context_bytes"] == 0


def test_a_gpu_under_two_names_is_one_case(on_stub, tmp_path):
    done = on_stub("bench", "--device", "cuda cuda:0 GPU-stub-1", *SMALL, visible="1")
    assert done.returncode == 0, done.stderr
    trials = table(tmp_path, "trials")
    assert set(trials["device"]) == {"cuda:0"}
    assert set(trials["gpu_uuid"]) == {"GPU-stub-1"}


def test_auto_takes_the_first_visible_gpu_and_says_so(on_stub, tmp_path):
    done = on_stub("bench", "--device", "auto", *SMALL, visible="1,0")
    assert done.returncode == 0, done.stderr
    assert "DEVICE=auto: cuda:0 (Stub GPU 1, GPU-stub-1)" in done.stderr
    assert set(table(tmp_path, "trials")["gpu_uuid"]) == {"GPU-stub-1"}


def test_auto_without_a_gpu_takes_the_cpu_and_says_why(on_stub, tmp_path):
    done = on_stub("bench", "--device", "auto", *SMALL, fail=18)
    assert done.returncode == 0, done.stderr
    assert "DEVICE=auto: cpu. NVML: " in done.stderr
    assert "version mismatch" in done.stderr
    assert set(table(tmp_path, "trials")["device"]) == {"cpu"}


def test_a_gpu_that_is_lost_in_the_middle_loses_nothing_that_was_measured(on_stub, tmp_path):
    """The case and its control are two matches: the second finds the device gone."""
    rounds_folder = tmp_path / "results" / "rounds"
    done = on_stub("bench", "--device", "cuda", *SMALL, lost_when=rounds_folder, pid="children", used=5)
    assert done.returncode == 0, done.stderr
    trials, rounds = table(tmp_path, "trials"), table(tmp_path, "rounds")
    assert set(trials["status"]) == {"ok"}
    assert "GPU is lost" in set(trials["gpu_ended_because"])
    assert rounds["wall_s"].gt(0).all()
    assert trials["gpu_train_energy_j"].isna().all()


def test_throttled_rounds_are_marked(on_stub, tmp_path):
    assert on_stub("bench", "--device", "cuda", *SMALL, throttle=0x20).returncode == 0
    rounds = table(tmp_path, "rounds")
    assert set(rounds["gpu_throttled_by"]) == {"heat"}
    assert rounds["disturbed_by"].notna().all()


@pytest.mark.parametrize("device", ["cuda:7", "cpu cuda:7", "GPU-nothing"])
def test_a_gpu_that_is_not_there_is_one_line_before_any_measuring(on_stub, tmp_path, device):
    done = on_stub("bench", "--device", device, *SMALL)
    assert done.returncode == 2
    assert "is none of the visible GPUs; use cuda:0 (Stub GPU 0, GPU-stub-0)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "results").rglob("*.parquet"))


@pytest.mark.parametrize("code", [4, 9, 18])
@pytest.mark.parametrize("device", ["cuda", "cpu cuda:0"])
def test_a_driver_that_refuses_is_one_line_before_any_measuring(on_stub, tmp_path, device, code):
    done = on_stub("bench", "--device", device, *SMALL, fail=code)
    assert done.returncode == 2
    assert "not available" in done.stderr
    assert "NVML: " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "results").rglob("*.parquet"))


@pytest.mark.parametrize(("missing", "framework"), [("tensorflow", "tensorflow"), ("torch", "pytorch")])
def test_with_one_framework_missing_doctor_and_bench_say_which(harness, tmp_path, missing, framework):  # noqa: F811
    (tmp_path / "sitecustomize.py").write_text(WITHOUT.format(missing=missing))
    path = f"{tmp_path}:{__file__.rpartition('/tests/')[0]}"
    done = harness("bench", "--device", "cuda", PYTHONPATH=path)
    assert done.returncode == 2
    assert f"{framework}: not installed for this Python" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    # The other one stands in: what it can do here is not the question.
    (other,) = {"TENSORFLOW", "PYTORCH"} - {framework.upper()}
    stands_in = {f"EVENMATCH_ADAPTER_{other}": "harness.frameworks.scripted"}
    checked = harness("doctor", "--device", "cpu", PYTHONPATH=path, **stands_in).stdout
    (row,) = [line for line in checked.splitlines() if f"{missing} " in line and "not installed" in line]
    assert "every comparison" in row


def test_a_gpu_for_one_process_only_is_one_line_and_doctor_says_it_too(on_stub, tmp_path):
    done = on_stub("bench", "--device", "cuda", *SMALL, compute=3)
    assert done.returncode == 2
    assert "DEVICE=cuda: Stub GPU 0 (GPU-stub-0) is in compute mode EXCLUSIVE_PROCESS" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "results").rglob("*.parquet"))
    said = " ".join(on_stub("doctor", "--device", "cuda", compute=3).stdout.split())
    assert "EXCLUSIVE_PROCESS" in said
    assert "Traceback" not in said


def test_auto_passes_over_a_gpu_for_one_process_only(on_stub, tmp_path):
    done = on_stub("bench", "--device", "auto", *SMALL, compute=3)
    assert done.returncode == 0, done.stderr
    assert "EXCLUSIVE_PROCESS" in done.stderr
    assert set(table(tmp_path, "trials")["device"]) == {"cpu"}


def test_memory_that_runs_out_beside_the_other_workers_is_told_as_the_matchs(on_stub, tmp_path):
    scripts = {"tensorflow": {}, "pytorch": {"events": {"train 1": "memory"}}}
    on_stub("bench", "--device", "cuda", *SMALL, pid="children", used=700 * 2**20, scripts=scripts)
    trials = table(tmp_path, "trials")
    (reason,) = set(trials.loc[trials["framework"] == "pytorch", "failure_reason"].dropna())
    assert "the other workers of the match held 700 MiB of the card" in reason
    assert set(trials.loc[trials["framework"] == "pytorch", "failure_kind"].dropna()) == {"out of memory"}
