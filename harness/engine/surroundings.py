"""A worker's surroundings are made, not inherited: its environment, the same for both sides.

But for one thing: on a GPU, TensorFlow is told where its own CUDA libraries lie.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DeviceUnavailable
from harness.measure import nvml, tensorflow_cuda
from harness.measure.variables import COMPILE_CACHE, KERAS_HOME, VISIBLE, bearing, fixed, inherited
from harness.work.workload import TENSORFLOW


def environment(
    *, framework: str, device: str, threads: int, compile_cache: Path, passed: Sequence[str] = ()
) -> dict[str, str]:
    """Environment of a worker: what is allowed or `passed` of the user's own, and every setting fixed."""
    # A cache of its own for each run: compile time does not depend on what ran before it.
    cache = compile_cache.absolute()
    let_in = inherited(os.environ, passed)
    uses_own_cuda = framework == TENSORFLOW and device != "cpu"
    return {
        **let_in,
        **fixed(threads),
        **(tensorflow_cuda.variables(let_in) if uses_own_cuda else {}),
        # CUDA and NVML number devices differently, a UUID is one to both; what is hidden cannot be used.
        VISIBLE: visible_devices(device, os.environ.get(VISIBLE)),
        COMPILE_CACHE: str(cache),
        # Keras reads number format and backend from keras.json in its home.
        KERAS_HOME: str(cache / "keras"),
    }


def lasting(*, framework: str, device: str, threads: int, passed: Sequence[str] = ()) -> dict[str, str]:
    """What of a worker's environment outlasts a run and may bear on one: on this a certificate depends."""
    nowhere = Path(os.sep)
    made = environment(
        framework=framework, device=device, threads=threads, compile_cache=nowhere, passed=passed
    )
    return bearing(made)


def visible_devices(device: str, already: str | None) -> str:
    """`CUDA_VISIBLE_DEVICES` that leaves a worker its own device, within what the user left visible.

    By UUID; by place where NVML cannot say it, so that the framework can say in its own words what is wrong.
    """
    if device == "cpu":
        return ""
    try:
        return nvml.gpu_of(device).uuid
    except DeviceUnavailable:
        return _by_place(device, already)


def _by_place(device: str, already: str | None) -> str:
    if not device.startswith("cuda"):
        return device  # A UUID stands for itself.
    index = int(device.partition(":")[2] or 0)
    if already is None:
        return str(index)
    return already.split(",")[index].strip() if index < len(already.split(",")) else ""
