"""TensorFlow with its own CUDA libraries, as far as a machine without a GPU can show it.

Needs `make setup DEVICE=cuda`, which downloads gigabytes, and is therefore left out unless asked for by its
mark: `.venv/bin/python -m pytest -m cuda -s`, which also prints what was loaded and from where.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

import pytest

from harness.engine import probing
from harness.engine.surroundings import environment
from harness.frameworks.tensorflow import cuda
from harness.work.listings import PYTORCH, TENSORFLOW

ROOT = Path(__file__).parents[2]

# What TensorFlow 2.21 opens to register a GPU, the driver's libraries first.
NEEDED = {
    *("libcuda.so.1", "libnvidia-ml.so.1", "libcudart.so.12", "libcublas.so.12", "libcublasLt.so.12"),
    *("libcufft.so.11", "libcusolver.so.11", "libcusparse.so.12", "libcudnn.so.9"),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.cuda,
    pytest.mark.skipif(not cuda.installed(), reason="`make setup DEVICE=cuda` has not been run"),
]


@pytest.fixture
def loads(driver_stub, monkeypatch, tmp_path):
    """A function that gives how many GPUs a framework sees in a worker's surroundings, and what it loads."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver_stub))

    def run(framework, **changed):
        made = environment(framework=framework, device="cuda", threads=1, compile_cache=tmp_path) | changed
        done = subprocess.run(
            [sys.executable, "-m", "tests.frameworks.loaded_libraries", framework],
            cwd=ROOT, env=made, capture_output=True, text=True, check=True,
        )  # fmt: skip
        told = json.loads(done.stdout.splitlines()[-1])
        return told["gpus"], {Path(path).name: Path(path) for path in told["loaded"]}

    return run


def test_tensorflow_opens_every_library_from_its_own_folder_and_registers_the_gpu(loads, driver_stub):
    gpus, loaded = loads(TENSORFLOW)
    for name, path in loaded.items():
        print(f"{name:24} {path.parent}")  # noqa: T201  (the finding, for who runs this on demand)
    assert gpus == 1
    assert set(loaded) >= NEEDED
    places = {path.parent for path in loaded.values() if not path.is_relative_to(cuda.FOLDER)}
    assert places == {driver_stub}


def test_a_driver_that_takes_its_time_is_waited_for(loads):
    """Without nvidia-persistenced it is loaded anew by each first process that asks."""
    gpus, _ = loads(TENSORFLOW, CUDA_STUB_INIT_S="3")
    assert gpus == 1


def test_xlas_compiler_and_its_library_are_where_xla_is_told(monkeypatch):
    told = cuda.variables({})["XLA_FLAGS"].partition("=")[2].strip('"')
    assert Path(told, "bin", "ptxas").is_file()
    assert Path(told, "nvvm", "libdevice", "libdevice.10.bc").is_file()


def test_pytorch_loads_nothing_of_tensorflows_folder(loads):
    _, loaded = loads(PYTORCH)
    assert "libcudart.so.13" in loaded
    assert not [path for path in loaded.values() if path.is_relative_to(cuda.FOLDER)]


@pytest.fixture
def said(driver_stub, monkeypatch):
    """A function that gives what TensorFlow says of a GPU that it cannot use."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver_stub))
    monkeypatch.setattr(probing, "_TIMEOUT_S", 600.0)  # a busy machine imports for minutes

    def ask(*passed):
        answer = probing.ask(TENSORFLOW, "cuda", passed)
        assert not answer.usable
        return answer.said

    return ask


@pytest.mark.parametrize("missing", ["cusolver", "cublas"])
def test_a_library_that_is_not_found_is_named(said, monkeypatch, missing):
    made = probing.environment

    def without(**of):
        folders = made(**of)["LD_LIBRARY_PATH"].split(":")
        kept = [folder for folder in folders if f"/{missing}/" not in folder]
        return made(**of) | {"LD_LIBRARY_PATH": ":".join(kept)}

    monkeypatch.setattr(probing, "environment", without)
    assert f"it registered no GPU, for it cannot open lib{missing}" in said()


def test_a_driver_too_old_for_tensorflows_cuda_is_called_that(said, monkeypatch):
    monkeypatch.setenv("CUDA_STUB_VERSION", "11040")
    assert "CUDA driver version is insufficient for CUDA runtime version" in said("CUDA_STUB_VERSION")


def nvidia_files():
    """Path and SHA-256 in the wheel's own words, of each file of the packages that PyTorch's CUDA is."""
    for package in distributions(path=[path for path in sys.path if path.endswith("site-packages")]):
        if (package.name or "").startswith(("nvidia-", "torch", "triton")):
            for file in package.files or []:
                if file.hash is not None:
                    yield Path(str(file.locate())), file.hash.value


def test_every_file_that_pytorch_runs_on_is_the_one_of_its_own_wheel():
    files = list(nvidia_files())
    assert any(path.name == "libcudnn.so.9" for path, _ in files)
    assert [path for path, count in Counter(path for path, _ in files).items() if count > 1] == []
    changed = []
    for path, said in files:
        with path.open("rb") as file:
            found = base64.urlsafe_b64encode(hashlib.file_digest(file, "sha256").digest())
        if found.decode().rstrip("=") != said:
            changed.append(path)
    assert changed == []
