"""A GPU that is watched: whose memory, energy and clocks are whose, and what is null with a reason."""

from __future__ import annotations

import pytest

from harness.measure.samples import TOLD_FROM_S
from tests.measure.stub_nvml import said

WATCH = """
import dataclasses, json, os, time
from pathlib import Path
from harness.measure.gpu import GpuSampler
from harness.measure.samples import summarised
from harness.measure.nvml import Gpu
memory = os.environ.get("NVML_STUB_MEMORY")
def uses(mebibytes):
    if memory:
        Path(memory).write_text(str(mebibytes * 2**20))
uses({before})
sampler = GpuSampler(Gpu(index=0, name="Stub GPU 0", uuid="{uuid}", total_bytes=1), every_s={every_s})
# The worker is started when the device is watched already.
os.environ["NVML_STUB_PID"] = str(os.getpid() if {own} else 1)
sampler.follow("a", os.getpid())
sampler.follow("b", os.getpid() + 100_000)
turns = []
for name, mebibytes in (("a", 400), ("b", 500), ("a", 300)):
    sampler.begin(name)
    time.sleep({turn_s})
    uses(mebibytes)
    turns.append(sampler.end())
uses({left})
sampler.stop()
sampler.stop()
print(json.dumps([dataclasses.asdict(sampler.use("a")), dataclasses.asdict(sampler.use("b")),
                  dataclasses.asdict(summarised([turns[0], turns[2]], {told_from_s})),
                  sum(turn[-1].at_s - turn[0].at_s for turn in (turns[0], turns[2]) if turn)]))
"""


def watched(folder, *, own=True, before=100, left=100, uuid="GPU-stub-0", every_s=0.005, turn_s=0.03,
            told_from_s=0, **stub):  # fmt: skip
    asked = {"own": own, "before": before, "left": left, "uuid": uuid}
    times_s = {"every_s": every_s, "turn_s": turn_s, "told_from_s": told_from_s}
    return said(WATCH.format(**asked, **times_s), folder, **stub)


def test_the_peak_of_the_workers_process_is_its_own(nvml_stub):
    a, b, *_ = watched(nvml_stub, used=3 * 2**30)
    assert (a["process_peak_bytes"], a["process_reason"]) == (3 * 2**30, None)
    assert b["process_peak_bytes"] is None
    assert "never listed the worker's process" in b["process_reason"]


def test_other_processes_memory_is_not_the_workers(nvml_stub):
    a, *_ = watched(nvml_stub, own=False, used=3 * 2**30)
    assert a["process_peak_bytes"] is None
    assert "never listed the worker's process" in a["process_reason"]


def test_hidden_process_memory_is_null_and_the_devices_growth_stands_in(nvml_stub, tmp_path):
    a, b, *_ = watched(nvml_stub, hidden=1, memory=tmp_path / "memory")
    assert a["process_peak_bytes"] is None
    assert a["process_reason"] == "the driver hides the memory of single processes"
    assert a["device_peak_bytes"] == 300 * 2**20
    assert b["device_peak_bytes"] == 100 * 2**20


def test_growth_counts_from_a_device_that_held_nothing(nvml_stub, tmp_path):
    a, b, *_ = watched(nvml_stub, before=0, left=0, memory=tmp_path / "memory")
    assert (a["device_peak_bytes"], b["device_peak_bytes"]) == (400 * 2**20, 100 * 2**20)


def test_memory_that_came_back_is_nothing_left(nvml_stub, tmp_path):
    a, *_ = watched(nvml_stub, memory=tmp_path / "memory")
    assert a["left_bytes"] == 0


def test_a_little_that_the_driver_keeps_counts_as_back_and_is_recorded(nvml_stub, tmp_path):
    a, *_ = watched(nvml_stub, left=110, memory=tmp_path / "memory")
    assert a["left_bytes"] == 10 * 2**20


@pytest.mark.parametrize(("stub", "source"), [({}, "counter"), ({"no_energy": 1}, "power")])
def test_energy_is_that_of_the_contenders_own_turns(nvml_stub, stub, source):
    """The stub's card takes 100 W, by its counter and by its power."""
    a, _, gpu, turns_s = watched(nvml_stub, turn_s=0.2, **stub)
    assert a["energy_source"] == source
    assert gpu["energy_j"] == pytest.approx(100 * turns_s, rel=0.05)
    assert gpu["power_w"] == pytest.approx(100)


def test_clocks_use_and_heat_are_recorded_with_the_cost_of_asking(nvml_stub):
    a, _, gpu, _ = watched(nvml_stub)
    assert (gpu["sm_hz"], gpu["memory_hz"]) == (1.98e9, 2.6e9)
    assert (gpu["temperature_c"], gpu["utilisation"]) == (50, pytest.approx(0.4))
    assert gpu["throttled_by"] is None
    assert a["samples"] > 6
    assert 0 < a["sample_s"] < 0.1
    assert (a["name"], a["uuid"], a["ended_because"]) == ("Stub GPU 0", "GPU-stub-0", None)


def test_what_keeps_the_clocks_down_is_named_and_idling_is_not(nvml_stub):
    *_, gpu, _ = watched(nvml_stub, throttle=0x1 | 0x4 | 0x40)
    assert gpu["throttled_by"] == "power cap, heat (hardware)"


def test_without_permission_what_is_not_told_is_null(nvml_stub, tmp_path):
    a, _, gpu, _ = watched(nvml_stub, denied=1, memory=tmp_path / "memory")
    assert a["process_peak_bytes"] is None
    assert a["process_reason"]
    assert (gpu["power_w"], gpu["energy_j"], a["energy_source"]) == (None, None, None)
    assert gpu["sm_hz"] == 1.98e9
    assert a["device_peak_bytes"] == 300 * 2**20


def test_a_slice_of_a_gpu_tells_its_memory_and_no_more(nvml_stub, tmp_path):
    a, _, gpu, _ = watched(nvml_stub, uuid="MIG-stub", mig=1, memory=tmp_path / "memory")
    assert a["device_peak_bytes"] == 300 * 2**20
    assert a["process_peak_bytes"] is None
    assert a["ended_because"] is None
    assert set(gpu.values()) == {None}


def test_a_gpu_that_is_lost_in_the_middle_ends_the_sampling_with_the_reason(nvml_stub, tmp_path):
    """Looked at when it is made and at the edges of turns alone: it is lost as the first one ends."""
    a, b, gpu, _ = watched(nvml_stub, lost_after=2, used=5, every_s=60, memory=tmp_path / "memory")
    assert a["ended_because"] == b["ended_because"] == "GPU is lost"
    assert a["process_peak_bytes"] == 5
    assert gpu["energy_j"] is None


@pytest.mark.parametrize("stub", [{"fail": 18}, {"uuid": "GPU-stub-7"}])
def test_a_device_that_cannot_be_watched_ends_with_the_reason_and_raises_nothing(nvml_stub, stub):
    a, _, gpu, _ = watched(nvml_stub, **stub)
    assert a["ended_because"]
    assert a["samples"] == 0
    assert set(gpu.values()) == {None}


def test_of_a_turn_too_short_for_the_sensors_no_energy_power_or_use_is_told(nvml_stub):
    *_, gpu, turns_s = watched(nvml_stub, told_from_s=TOLD_FROM_S)
    assert turns_s < TOLD_FROM_S
    assert {name for name, value in gpu.items() if value is None} == {
        "energy_j", "utilisation", "power_w", "throttled_by",
    }  # fmt: skip
