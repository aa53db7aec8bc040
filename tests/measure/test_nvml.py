"""The real `pynvml` on a stub library: what NVML says is kept, what it hides is null with a reason."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

PROBE = """
import dataclasses, json
from harness.measure import nvml
print(json.dumps(dataclasses.asdict(nvml.probe())))
"""

SAMPLE = """
import json, os, time
os.environ["NVML_STUB_PID"] = str(os.getpid() if {own} else 1)
from harness.measure.nvml import MemorySampler
sampler = MemorySampler("{device}", os.getpid(), every_s=0.005)
time.sleep(0.3)
sampler.stop()
sampler.stop()
print(json.dumps(sampler.peak()))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if COMPILER is None:
        pytest.skip("no C compiler to build the stub library with")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("libnvidia_ml_stub.c")
    target = folder / "libnvidia-ml.so.1"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", str(target), str(source)], check=True)
    return folder


def said(code, folder=None, **stub):
    environment = (
        os.environ | {"PYTHONPATH": str(ROOT)} | {f"NVML_STUB_{k.upper()}": str(v) for k, v in stub.items()}
    )
    if folder is not None:
        environment["LD_LIBRARY_PATH"] = str(folder)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return json.loads(done.stdout)


def test_two_gpus_are_named_with_uuid_and_size(library):
    probe = said(PROBE, library)
    assert probe["driver_version"] == "580.00"
    assert probe["reason"] is None
    assert [(gpu["index"], gpu["uuid"]) for gpu in probe["devices"]] == [(0, "GPU-stub-0"), (1, "GPU-stub-1")]
    assert probe["devices"][0]["total_bytes"] == 8 * 2**30


def test_a_driver_without_a_gpu_is_a_reason(library):
    assert said(PROBE, library, gpus=0)["reason"] == "the driver sees no GPU"


def test_a_library_that_cannot_be_loaded_is_a_reason(tmp_path):
    """An empty file stands before any real library, so this holds on machines with a driver too."""
    (tmp_path / "libnvidia-ml.so.1").touch()
    probe = said(PROBE, tmp_path)
    assert probe == {"driver_version": None, "devices": [], "reason": "NVML Shared Library Not Found"}


def test_a_driver_that_is_lost_on_the_way_out_is_quoted_too(library):
    assert "Driver Not Loaded" in said(PROBE, library, fail_late=9)["reason"]


def test_a_sampler_without_a_library_has_a_reason_and_ends(tmp_path):
    (tmp_path / "libnvidia-ml.so.1").touch()
    assert said(SAMPLE.format(own=True, device="cuda"), tmp_path) == [None, "NVML Shared Library Not Found"]


@pytest.mark.parametrize(("code", "reason"), [(9, "Driver Not Loaded"), (18, "version mismatch")])
def test_a_driver_that_refuses_is_quoted(library, code, reason):
    probe = said(PROBE, library, fail=code)
    assert reason in probe["reason"]
    assert probe["devices"] == []


def test_the_peak_of_the_workers_process_is_recorded(library):
    code = SAMPLE.format(own=True, device="cuda:0")
    assert said(code, library, used=3 * 2**30) == [3 * 2**30, None]


def test_other_processes_memory_is_not_the_workers(library):
    peak, reason = said(SAMPLE.format(own=False, device="cuda"), library, used=3 * 2**30)
    assert peak is None
    assert "never listed the worker's process" in reason


def test_hidden_process_memory_is_null_with_the_reason(library):
    peak, reason = said(SAMPLE.format(own=True, device="cuda"), library, hidden=1)
    assert peak is None
    assert reason == "the driver hides the memory of single processes"


def test_a_device_that_is_not_there_is_null_with_the_reason(library):
    peak, reason = said(SAMPLE.format(own=True, device="cuda:5"), library)
    assert peak is None
    assert "Invalid Argument" in reason or "Unknown" in reason


def test_a_cpu_is_not_sampled():
    assert said(SAMPLE.format(own=True, device="cpu")) == [None, "the device is a CPU"]
