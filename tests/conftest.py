"""What several rooms' tests stand on."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from harness.data import mnist
from harness.engine.surroundings import environment
from harness.work.workload import Dataset
from tests.lasting import LastingWorker

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory):
    """A data root in torchvision's layout, made without any network."""
    cache = tmp_path_factory.mktemp("cache")
    return mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=cache).root


@pytest.fixture(scope="session")
def lasting_worker(tmp_path_factory):
    """A function that gives a framework's worker, ready to start another trial."""
    folder = tmp_path_factory.mktemp("lasting")
    with ExitStack() as stack:

        @cache
        def worker(framework, *more):
            conditions = environment(device="cpu", threads=1, compile_cache=folder / "compiled")
            log = folder / f"{framework}{len(more)}.log"
            beside = {"PYTHONPATH": str(Path(__file__).parents[1])}
            return stack.enter_context(LastingWorker(conditions | beside | dict(more), log))

        yield worker


@pytest.fixture(scope="session")
def nvml_stub(tmp_path_factory):
    """A folder for LD_LIBRARY_PATH with a management library that answers as NVML_STUB_… say."""
    if COMPILER is None:
        pytest.skip("no C compiler to build the stub library with")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).parent / "measure" / "libnvidia_ml_stub.c"
    target = folder / "libnvidia-ml.so.1"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-Wall", "-Werror", "-o", target, source], check=True)
    return folder
