"""What several rooms' tests stand on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.data import mnist
from harness.work.workload import Dataset

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory):
    """A data root in torchvision's layout, made without any network."""
    cache = tmp_path_factory.mktemp("cache")
    return mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=cache).root


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
