"""Machines that are not as one wishes: what doctor says of each, and what is measured there all the same."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest

from tests.measure.stub_nvml import said

LOOK = """
import dataclasses, json, os, time
from pathlib import Path
from harness.measure import doctor, host, nvml
from harness.measure.gpu import GpuSampler
from harness.measure.samples import summarised
host.counts_own_processes = lambda: {container}
check = doctor._nvml()
left = nvml.visible(os.environ.get("CUDA_VISIBLE_DEVICES"), nvml.probe().devices)
gpu = left[0]
began_s = time.monotonic()
sampler = GpuSampler(gpu, every_s=0.005)
pid = os.getpid()
os.environ["NVML_STUB_PID"] = str(pid)
sampler.follow("a", pid)
sampler.begin("a")
time.sleep(0.05)
turn = sampler.end()
Path(os.environ["NVML_STUB_MEMORY"]).write_text("{left}")
sampler.stop()
print(json.dumps(dict(
    check=dataclasses.asdict(check), refusal=gpu.refusal, use=dataclasses.asdict(sampler.use("a")),
    round=dataclasses.asdict(summarised([turn], told_from_s=0)), took_s=time.monotonic() - began_s)))
"""

ALL_OF_A_ROUND = {"energy_j", "utilisation", "sm_hz", "memory_hz", "temperature_c", "power_w"}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a stub is told, what doctor then says, and which figures of a round are null."""

    stub: dict
    doctor: str
    state: str = "warn"
    visible: str | None = None
    refusal: str | None = None
    null: set = field(default_factory=set)
    process: str | int = 5
    container: bool = False


# What NVML answers for one device of two: no permission, an interrupt that does not come, lost, in need of a
# reset, an operating system's refusal, a corrupted infoROM, an unknown error.
ONE_BROKEN = {
    f"one GPU of two answers {code}": Machine(
        stub={"out": 1, "out_with": code}, doctor="driver 580.00: Stub GPU 0; GPU 1 cannot be used: "
    )
    for code in (4, 10, 11, 14, 15, 16, 17, 999)
}

MACHINES = ONE_BROKEN | {
    "nothing odd": Machine(stub={}, doctor="driver 580.00: Stub GPU 0, Stub GPU 1", state="ok"),
    "exclusive compute mode": Machine(
        stub={"compute": 3},
        doctor="Stub GPU 0 (GPU-stub-0) is in compute mode EXCLUSIVE_PROCESS, and two workers use it at once",
        refusal="`nvidia-smi -i GPU-stub-0 -c DEFAULT`, as root, lets them",
    ),
    "compute is prohibited": Machine(
        stub={"compute": 2}, doctor="is in compute mode PROHIBITED", refusal="-c DEFAULT"
    ),
    "an odd name": Machine(
        stub={"name": os.fsdecode(b"GeForce\xae")}, doctor="GeForce\N{REPLACEMENT CHARACTER} 0", state="ok"
    ),
    "a MIG slice that calls every question invalid": Machine(
        stub={"mig": 1, "refuses": "all", "refuses_with": 2},
        visible="MIG-stub",
        doctor="driver 580.00",
        state="ok",
        null=ALL_OF_A_ROUND,
        process="NVML never listed the worker's process",
    ),
    "a MIG slice that answers unknown error to one question": Machine(
        stub={"refuses": "Temperature", "refuses_with": 999},
        doctor="driver 580.00",
        state="ok",
        null={"temperature_c"},
    ),
    "a container in which NVML lists the host's processes": Machine(
        stub={"stranger": 2**22 - 7},
        doctor="driver 580.00",
        state="ok",
        container=True,
        process="NVML numbers processes as the host does",
    ),
    "a container whose worker has the number of a process that was there before": Machine(
        stub={"pid": "itself"},
        doctor="driver 580.00",
        state="ok",
        process="NVML numbers processes as the host does",
    ),
    "another process that is here, too": Machine(
        stub={"stranger": 1}, doctor="driver 580.00", state="ok", container=True
    ),
    "a desktop": Machine(stub={"screen": 1}, doctor="Stub GPU 0 draws a screen; Stub GPU 1 draws a screen"),
}


@pytest.mark.parametrize("name", MACHINES)
def test_an_odd_machine_gets_its_sentence_or_its_null_and_no_traceback(nvml_stub, tmp_path, name):
    machine = MACHINES[name]
    memory = tmp_path / "memory"
    memory.write_text(str(2**30))
    code = LOOK.format(container=machine.container, left=2**31 if "screen" in machine.stub else 2**30)
    if machine.stub.get("pid") == "itself":
        code = code.replace("sampler = ", 'os.environ["NVML_STUB_PID"] = str(os.getpid())\nsampler = ', 1)
    stub = {name: value for name, value in machine.stub.items() if name != "pid"}
    seen = said(code, nvml_stub, machine.visible, used=5, memory=memory, **stub)
    assert machine.doctor in seen["check"]["said"]
    assert seen["check"]["state"] == machine.state
    assert (machine.refusal or "") in (seen["refusal"] or "")
    assert (seen["refusal"] is None) == (machine.refusal is None)
    assert {name for name in ALL_OF_A_ROUND if seen["round"][name] is None} == machine.null
    assert seen["use"]["ended_because"] is None
    told = seen["use"]["process_peak_bytes"] or seen["use"]["process_reason"]
    assert told == machine.process or str(told).startswith(str(machine.process))
    if "screen" in machine.stub:
        # Memory that a desktop has taken meanwhile is not waited for as a worker's is.
        assert seen["use"]["left_bytes"] == 2**30
        assert seen["took_s"] < 5
