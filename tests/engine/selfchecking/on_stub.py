"""Run one step on the stub of the management library, in this process: `on_stub.py STEP FOLDER ROOT`.

Prints the outcome as JSON. `PLANTED` names what is changed in this process beforehand.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pynvml

from harness.engine.selfchecking import clocks, speed
from harness.engine.selfchecking.running import STEPS, check
from harness.engine.selfchecking.workers import CheckConditions
from harness.measure import nvml
from harness.settings.presets import FRAMEWORKS


class Watcher:
    def step_began(self, step, limit_s): ...

    def step_done(self, checked): ...


def slow_calls():
    asked = pynvml.nvmlDeviceGetMemoryInfo

    def slow(handle):
        time.sleep(0.05)
        return asked(handle)

    pynvml.nvmlDeviceGetMemoryInfo = slow


def half_a_counter():
    asked = pynvml.nvmlDeviceGetTotalEnergyConsumption
    pynvml.nvmlDeviceGetTotalEnergyConsumption = lambda handle: asked(handle) // 2


def no_counter():
    def untold(handle):
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    pynvml.nvmlDeviceGetTotalEnergyConsumption = untold


def a_sampler_that_shows():
    flag = Path(os.environ["EVENMATCH_FAULT"].partition("=")[2])

    class Shown(speed.GpuSampler):
        def begin(self, name):
            flag.touch()
            super().begin(name)

        def stop(self):
            flag.unlink(missing_ok=True)
            super().stop()

    speed.GpuSampler = Shown


PLANTS = {one.__name__: one for one in (slow_calls, half_a_counter, no_counter, a_sampler_that_shows)}

if __name__ == "__main__":
    name, folder, root = sys.argv[1:]
    planted = os.environ.get("PLANTED")
    if planted:
        PLANTS[planted]()
    clocks._ENERGY_S = 2.5  # of less, a turn tells no energy
    if not planted:
        speed.PAUSE_BOUND = 0.4  # a test's machine may be busy
    # As in `test_steps.brief`.
    speed._ROUND_S, speed.PAUSES_S = 0.05, (0.0, 0.005, 0.05, 0.25)
    # What a round of this process costs is another test's subject.
    speed._watch = lambda workers: {}
    conditions = CheckConditions(
        device="cuda:0",
        gpu=nvml.gpu_of("cuda:0"),
        gpu_reason=None,
        frameworks=FRAMEWORKS[1:],
        threads=1,
        data_root=Path(root),
        folder=Path(folder),
        compile_cache=Path(folder) / "compiled",
    )
    (checked,) = check([one for one in STEPS if one.name == name], conditions, Watcher(), budget_s=600)
    sys.stdout.write(json.dumps(asdict(checked.outcome)))
