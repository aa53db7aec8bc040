"""A device as JAX sees it: whether it can be used, by how many threads, and what lies on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import jax
import jax.numpy as jnp

from harness.errors import DeviceUnavailable
from harness.frameworks.gauge import Gauge
from harness.frameworks.jax.record import RECORD
from harness.work.records import AllocatorUse

# How many threads XLA's pool for a CPU has. It is read when the first device is asked for; of XLA's flags
# none says it, and without either the pool has one for each core.
_POOL_SIZE: Final = "PJRT_NPROC"
# The threads of that pool, by the name that the system has for them.
_POOL: Final = "tf_XLAEigen"

# By which JAX sees a GPU, and what brings it.
_PLUGIN: Final = "jax-cuda13-plugin"
_INSTALL: Final = RECORD.install

_OUT_OF_MEMORY: Final = "RESOURCE_EXHAUSTED"


def open_device(device: str, threads: int) -> jax.Device:
    """The device that JAX is to use, and no other; on a CPU with so many threads.

    Raises:
        DeviceUnavailable: with JAX's own words, when it cannot use the device.
    """
    os.environ[_POOL_SIZE] = str(threads)
    # Inline: a thread that hands out work would be one beside those that were given.
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # noqa: FBT003  (JAX's own signature)
    jax.config.update("jax_platforms", "cpu" if device == "cpu" else "cuda")
    try:
        (found, *_) = jax.devices()
        jnp.zeros(1).block_until_ready()
    except (RuntimeError, AssertionError) as error:
        raise _unavailable(str(error).partition("\n")[0].rstrip(".")) from error
    return found


def _unavailable(said: str) -> DeviceUnavailable:
    try:
        plugin = f"with its plugin for CUDA, {version(_PLUGIN)}"
    except PackageNotFoundError:
        # Of this JAX says nothing at all.
        plugin, said = "without a plugin for CUDA", f"`{_INSTALL} DEVICE=cuda` installs it"
    return DeviceUnavailable(f"JAX {jax.__version__} ({plugin}): {said}")


def probe(device: str) -> str:
    """Say which device JAX would use; on a GPU, once it has run a kernel there.

    Raises:
        DeviceUnavailable: with JAX's own words, when it cannot use the device.
    """
    if device == "cpu":
        return f"JAX {jax.__version__} on the CPU"
    return f"JAX {jax.__version__} on {open_device(device, threads=1).device_kind}"


def pool_threads() -> int:
    """Threads of XLA's pool as the system lists them; where it lists none, as many as it was told of."""
    counted = sum(name.startswith(_POOL) for name in _thread_names())
    return counted or int(os.environ[_POOL_SIZE])


def _thread_names() -> Iterator[str]:
    with suppress(OSError):
        for thread in Path("/proc/self/task").iterdir():
            yield (thread / "comm").read_text(encoding="utf-8", errors="replace")


def dispatches_beside() -> bool:
    """Whether work for a CPU is handed to a thread beside the one that asks for it."""
    return bool(jax.config.values["jax_cpu_enable_async_dispatch"])


def keep_on_one_core() -> None:
    """Keep this process, with the threads that it has, on one of the cores that it may use.

    XLA runs independent parts of a program on its pool and on the thread that asked for it, side by side,
    and nothing makes it do otherwise: with a pool of one it keeps up to two cores busy.
    """
    if not hasattr(os, "sched_getaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    kept = {cores[os.getpid() % len(cores)]}
    for thread in Path("/proc/self/task").iterdir():
        # One may have ended by now.
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), kept)


class GpuGauge(Gauge):
    """A GPU of which JAX tells no peak from a moment on, and offers no clock."""

    def allocated(self) -> AllocatorUse:
        return AllocatorUse(
            peak_in_use_bytes=None,
            peak_reserved_bytes=None,
            reason="JAX counts the peaks of its allocator from the process's start only",
        )


def place(array: jax.Array) -> str:
    """Where an array is, cpu or gpu."""
    (device,) = array.devices()
    return "cpu" if device.platform == "cpu" else "gpu"


def ran_out(error: BaseException) -> bool:
    """Whether an error says that a device's memory ran out; for that there is no type."""
    return isinstance(error, jax.errors.JaxRuntimeError) and _OUT_OF_MEMORY in str(error)
