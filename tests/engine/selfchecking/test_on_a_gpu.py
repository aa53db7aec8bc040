"""The steps of a GPU, on a stub for its driver and with an acting framework: right, and with faults."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.engine.selfchecking import visible
from harness.measure import gpu, samples
from tests.measure.stub_nvml import ROOT, settings

SMI = """\
#!/bin/sh
case "$*" in
  *memory.used*) echo $(( $(cat "$NVML_STUB_MEMORY") / 1048576 / ${SMI_TELLS_A:-1} )) ;;
  *) echo "what nvidia-smi says" ;;
esac
"""


@pytest.fixture
def found(tmp_path, nvml_stub, synthetic_root):
    """The outcome of a step; `planted` in this process, `fault` in the worker."""
    (tmp_path / "logs").mkdir()
    memory = tmp_path / "memory"
    memory.write_text(str(2**30))
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(SMI)
    program.chmod(0o755)

    def run(step, *, planted="", fault="", **environment):
        given = settings(nvml_stub, memory=memory, pid="children", hidden=1) | environment | {
            "EVENMATCH_ADAPTER_PYTORCH": "tests.engine.selfchecking.acting",
            "EVENMATCH_SCRIPT_DEVICE": str(memory),
            "EVENMATCH_FAULT": fault,
            "PLANTED": planted,
        }  # fmt: skip
        given["PATH"] = f"{program.parent}:{given['PATH']}"
        script = str(Path(__file__).with_name("on_stub.py"))
        done = subprocess.run(
            [sys.executable, script, step, str(tmp_path), synthetic_root],
            capture_output=True,
            text=True,
            check=True,
            env=given,
            cwd=ROOT,
        )
        return json.loads(done.stdout)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("installed", "acting on cuda:0"),
        ("events", "pytorch: the device's clock tells "),
        ("memory", "1 GiB, as told by the allocator, the device, by NVML, the device, by nvidia-smi"),
        ("shortage", "told as out of memory, all came back, and the next worker trained"),
        ("energy", "the counter tells 1.0"),
        ("ways", "losses of the same steps in graph and loop differ by 0 at most"),
        ("pauses", "changes a round's time by"),
    ],
)
def test_a_step_passes_where_nothing_is_wrong(found, step, said):
    outcome = found(step)
    assert outcome["state"] == "pass", outcome
    assert said in outcome["sentence"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "planted", "said"),
    [
        ("driver", {"planted": "slow_calls"}, "the driver's answers take 5"),
        ("driver", {"NVML_STUB_LOST_AFTER": "3"}, "NVML: "),
        ("events", {"fault": "events run fast"}, "takes 1.0"),
        ("memory", {"fault": "the allocator tells half"}, "the allocator says 512 MiB of 1 GiB"),
        ("memory", {"fault": "holds half"}, "the device, by NVML says 512 MiB of 1 GiB"),
        ("memory", {"SMI_TELLS_A": "2"}, "the device, by nvidia-smi says 512 MiB of 1 GiB"),
        ("shortage", {"fault": "keeps memory"}, "1024 MiB of the device did not come back"),
        ("energy", {"planted": "half_a_counter"}, "the counter tells 0.5"),
        ("ways", {"fault": "another loss"}, "in graph and loop differ by 0.1 at most"),
    ],
)
def test_a_fault_in_a_steps_subject_makes_it_fail(found, step, planted, said):
    outcome = found(step, **planted)
    assert outcome["state"] == "fail", outcome
    assert said in outcome["sentence"]


@pytest.mark.slow
def test_a_sampler_that_slows_training_makes_its_step_fail(found, tmp_path):
    outcome = found("watching", planted="a_sampler_that_shows", fault=f"minds the sampler={tmp_path}/sampled")
    assert outcome["state"] == "fail", outcome
    assert "the sampler changes a round's time by +" in outcome["sentence"]


@pytest.mark.slow
def test_a_card_without_a_counter_has_nothing_to_compare(found):
    outcome = found("energy", planted="no_counter")
    assert outcome["sentence"] == "could not: the card does not tell both its energy and its power"


@pytest.mark.slow
def test_each_of_the_drivers_answers_has_its_price(found):
    readings = {one["what"]: one for one in found("driver", NVML_STUB_NO_ENERGY="1")["readings"]}
    assert readings["TotalEnergyConsumption"]["value"] == "not told"
    assert readings["MemoryInfo"]["unit"] == "ms"
    assert len(readings) == len(visible.QUESTIONS) + 2


def test_what_is_priced_is_what_the_sampler_asks():
    names = {
        node.attr
        for module in (gpu, samples)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Attribute)
    }
    asked = {name for name in names if name.startswith("nvmlDeviceGet")}
    assert asked == {name for name, _ in visible.QUESTIONS}
