"""The real `pynvml` on a stub library: which devices there are, and which one a name stands for."""

from __future__ import annotations

import os
import re

import pytest

from tests.measure.stub_nvml import said

PROBE = """
import dataclasses, json
from harness.measure import nvml
print(json.dumps(dataclasses.asdict(nvml.probe())))
"""

CHOOSE = """
import json
from harness.errors import DeviceUnavailable
from harness.measure import nvml
try:
    print(json.dumps([nvml.gpu_of("{device}").uuid, nvml.canonical("{device}")]))
except DeviceUnavailable as error:
    print(json.dumps(str(error)))
"""

WORKERS = """
import json, os
from pathlib import Path
from harness.engine.surroundings import environment
made = environment(framework="tensorflow", device="{device}", threads=1, compile_cache=Path())
print(json.dumps(made["CUDA_VISIBLE_DEVICES"]))
"""


def test_two_gpus_are_named_with_uuid_and_size(nvml_stub):
    probe = said(PROBE, nvml_stub)
    assert probe["driver_version"] == "580.00"
    assert probe["reason"] is None
    assert [(gpu["index"], gpu["uuid"]) for gpu in probe["devices"]] == [(0, "GPU-stub-0"), (1, "GPU-stub-1")]
    assert probe["devices"][0]["total_bytes"] == 8 * 2**30


def test_a_driver_without_a_gpu_is_a_reason(nvml_stub):
    assert said(PROBE, nvml_stub, gpus=0)["reason"] == "the driver sees no GPU"


def test_a_library_that_cannot_be_loaded_is_a_reason(tmp_path):
    """An empty file stands before any real library, so this holds on machines with a driver too."""
    (tmp_path / "libnvidia-ml.so.1").touch()
    probe = said(PROBE, tmp_path)
    assert probe == {
        "driver_version": None,
        "devices": [],
        "reason": "NVML Shared Library Not Found",
        "out_of_reach": [],
    }


def test_a_driver_that_is_lost_on_the_way_out_is_quoted_too(nvml_stub):
    assert "Driver Not Loaded" in said(PROBE, nvml_stub, fail_late=9)["reason"]


@pytest.mark.parametrize(
    ("code", "reason"), [(4, "Insufficient Permissions"), (9, "Driver Not Loaded"), (18, "version mismatch")]
)
def test_a_driver_that_refuses_is_quoted(nvml_stub, code, reason):
    probe = said(PROBE, nvml_stub, fail=code)
    assert reason in probe["reason"]
    assert probe["devices"] == []


# What NVML has been seen to answer for one device of several: no permission, an interrupt that does not
# come, lost, in need of a reset, an operating system's refusal, a corrupted infoROM, and anything else.
ONE_DEVICES_OWN = [4, 10, 11, 14, 15, 16, 17, 28, 999]


@pytest.mark.parametrize("code", ONE_DEVICES_OWN)
def test_a_gpu_out_of_reach_leaves_the_others_and_takes_no_place(nvml_stub, code):
    """Another container's, or one that fell off the bus; CUDA does not count it either."""
    probe = said(PROBE, nvml_stub, out=0, out_with=code)
    assert [(gpu["index"], gpu["uuid"]) for gpu in probe["devices"]] == [(0, "GPU-stub-1")]
    assert probe["reason"] is None
    (sentence,) = probe["out_of_reach"]
    assert re.fullmatch(r"GPU 0 cannot be used: \w.+", sentence)
    assert said(CHOOSE.format(device="cuda"), nvml_stub, out=0, out_with=code) == ["GPU-stub-1", "cuda:0"]


@pytest.mark.parametrize(("code", "reason"), [(4, "Insufficient Permissions"), (15, "GPU is lost")])
def test_when_every_gpu_is_out_of_reach_the_reason_is_told(nvml_stub, code, reason):
    probe = said(PROBE, nvml_stub, gpus=1, out=0, out_with=code)
    assert (probe["devices"], probe["reason"]) == ([], reason)


def test_a_name_for_a_gpu_out_of_reach_is_refused_with_the_reason(nvml_stub):
    refused = said(CHOOSE.format(device="cuda:1"), nvml_stub, out=1, out_with=16)
    assert refused.startswith(
        "DEVICE=cuda:1: is none of the visible GPUs; use cuda:0 (Stub GPU 0, GPU-stub-0)"
    )
    assert refused.endswith("GPU 1 cannot be used: GPU requires restart")


def test_a_name_that_is_no_text_has_its_odd_bytes_replaced(nvml_stub):
    probe = said(PROBE, nvml_stub, name=os.fsdecode(b"\xf8"))
    assert [gpu["name"] for gpu in probe["devices"]] == [
        "\N{REPLACEMENT CHARACTER} 0",
        "\N{REPLACEMENT CHARACTER} 1",
    ]


@pytest.mark.parametrize(
    "error",
    ["ValueError('no text')", "OSError('cannot be called')", "UnicodeDecodeError('utf-8', b'x', 0, 1, '')"],
)
def test_whatever_the_library_does_there_is_a_reason_and_no_traceback(nvml_stub, error):
    code = f"""
import pynvml
def fails(*_): raise {error}
pynvml.nvmlDeviceGetCount = fails
{PROBE}"""
    probe = said(code, nvml_stub)
    assert probe["devices"] == []
    assert probe["reason"]


def test_a_lost_gpus_worker_never_gets_its_neighbour(nvml_stub):
    assert said(WORKERS.format(device="GPU-stub-0"), nvml_stub, out=0, out_with=15) == "GPU-stub-0"


def test_a_gpu_that_shares_the_hosts_memory_has_no_size_of_its_own(nvml_stub):
    assert said(PROBE, nvml_stub, shared=1)["devices"][0]["total_bytes"] is None


@pytest.mark.parametrize(
    ("device", "visible", "uuid", "canonical"),
    [
        ("cuda", None, "GPU-stub-0", "cuda:0"),
        ("cuda:1", None, "GPU-stub-1", "cuda:1"),
        ("cuda:01", None, "GPU-stub-1", "cuda:1"),
        ("GPU-stub-1", None, "GPU-stub-1", "cuda:1"),
        ("cuda", "1,0", "GPU-stub-1", "cuda:0"),
        ("cuda:1", "1,0", "GPU-stub-0", "cuda:1"),
        ("cuda", "GPU-stub-1", "GPU-stub-1", "cuda:0"),
        ("GPU-stub-0", "1,0", "GPU-stub-0", "cuda:1"),
    ],
)
def test_a_name_stands_for_the_same_device_whatever_order_cuda_has(
    nvml_stub, device, visible, uuid, canonical
):
    assert said(CHOOSE.format(device=device), nvml_stub, visible) == [uuid, canonical]
    assert said(WORKERS.format(device=device), nvml_stub, visible) == uuid


def test_a_slice_of_a_gpu_that_is_made_visible_is_a_device(nvml_stub):
    assert said(CHOOSE.format(device="cuda"), nvml_stub, "MIG-stub", mig=1) == ["MIG-stub", "cuda:0"]


@pytest.mark.parametrize(
    ("device", "visible", "complaint"),
    [
        ("cuda:5", None, "DEVICE=cuda:5: is none of the visible GPUs; use cuda:0 (Stub GPU 0, GPU-stub-0), "),
        ("cuda", "", "DEVICE=cuda: is none of the visible GPUs; use DEVICE=cpu"),
        ("cuda:1", "1,7,0", "use cuda:0 (Stub GPU 1, GPU-stub-1)"),
        ("GPU-stub-0", "1", "DEVICE=GPU-stub-0: is none of the visible GPUs"),
        ("GPU-stub", None, "DEVICE=GPU-stub: fits more than one of the visible GPUs"),
    ],
)
def test_a_device_that_is_not_visible_is_refused_with_those_that_are(nvml_stub, device, visible, complaint):
    assert complaint in said(CHOOSE.format(device=device), nvml_stub, visible)


def test_a_worker_on_a_cpu_sees_no_gpu(nvml_stub):
    assert said(WORKERS.format(device="cpu"), nvml_stub) == ""


def test_without_nvml_a_worker_gets_its_place_among_the_visible_ones(tmp_path):
    """The framework can then say in its own words what is wrong."""
    (tmp_path / "libnvidia-ml.so.1").touch()
    assert said(WORKERS.format(device="cuda:1"), tmp_path) == "1"
    assert said(WORKERS.format(device="cuda:1"), tmp_path, "3,GPU-b") == "GPU-b"
    assert said(WORKERS.format(device="cuda:1"), tmp_path, "3") == ""
