"""A worker's surroundings are made, not inherited: its environment, the same for both sides."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import DeviceUnavailable
from harness.measure import nvml
from harness.measure.variables import (
    COMPILE_CACHE,
    DRIVER_CACHE,
    KERAS_HOME,
    VISIBLE,
    bearing,
    fixed,
    inherited,
)


def environment(
    *, device: str, threads: int, compile_cache: Path, passed: Sequence[str] = ()
) -> dict[str, str]:
    """Environment of a worker: what is allowed or `passed` of the user's own, and every setting fixed."""
    # A cache of its own for each run: compile time does not depend on what ran before it.
    cache = compile_cache.absolute()
    return {
        **inherited(os.environ, passed),
        **fixed(threads),
        # CUDA and NVML number devices differently, a UUID is one to both; what is hidden cannot be used.
        VISIBLE: visible_devices(device, os.environ.get(VISIBLE)),
        COMPILE_CACHE: str(cache),
        DRIVER_CACHE: str(cache / "driver"),
        # Keras reads number format and backend from keras.json in its home.
        KERAS_HOME: str(cache / "keras"),
    }


def lasting(*, device: str, threads: int, passed: Sequence[str] = ()) -> dict[str, str]:
    """What of a worker's environment outlasts a run and may bear on one: on this a certificate depends."""
    return bearing(environment(device=device, threads=threads, compile_cache=Path(os.sep), passed=passed))


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
