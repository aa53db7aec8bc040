"""A worker's surroundings are made, not inherited: its environment, the same for both sides.

But for one thing: on a GPU, a framework that has libraries of its own is told where they lie.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DeviceUnavailable
from harness.frameworks import registry
from harness.frameworks.record import Place
from harness.measure import nvml
from harness.measure.variables import VISIBLE, bearing, fixed, folders, inherited


def environment(
    *, framework: str, device: str, threads: int, compile_cache: Path, passed: Sequence[str] = ()
) -> dict[str, str]:
    """Environment of a worker: what is allowed or `passed` of the user's own, and every setting fixed."""
    cache = compile_cache.absolute()
    let_in = inherited(os.environ, passed)
    own = None if Place.of(device) is Place.CPU else registry.libraries(framework)
    return {
        **let_in,
        **fixed(threads),
        **({} if own is None else own.variables(let_in)),
        # CUDA and NVML number devices differently, a UUID is one to both; what is hidden cannot be used.
        VISIBLE: visible_devices(device, os.environ.get(VISIBLE)),
        **{name: str(cache / place) for name, place in folders().items()},
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
