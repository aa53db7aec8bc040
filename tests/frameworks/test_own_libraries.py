"""Where TensorFlow's own CUDA libraries lie, and how it is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.frameworks.tensorflow import cuda

MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the wheels lay into a folder: libraries, a compiler without any, and who they are."""
    place = tmp_path / "tensorflow-cuda"
    for name in ("cublas/lib", "cusolver/lib", "cuda_nvcc/bin"):
        (place / "nvidia" / name).mkdir(parents=True)
    about = place / "nvidia_cublas_cu12-12.9.3.13.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: nvidia-cublas-cu12\nVersion: 12.9.3.13\n")
    monkeypatch.setattr(cuda, "FOLDER", place)
    return place


def test_every_folder_of_libraries_is_searched_before_the_users(folder):
    told = cuda.variables({"LD_LIBRARY_PATH": "/driver"})
    nvidia = folder / "nvidia"
    assert told["LD_LIBRARY_PATH"] == f"{nvidia}/cublas/lib:{nvidia}/cusolver/lib:/driver"


def test_without_a_path_of_the_users_no_entry_is_empty_which_would_be_the_working_folder(folder):
    assert "" not in cuda.variables({})["LD_LIBRARY_PATH"].split(":")


def test_xla_compiles_with_the_folders_compiler_and_the_users_flags_come_last(folder):
    ours = f'--xla_gpu_cuda_data_dir="{folder}/nvidia/cuda_nvcc"'
    assert cuda.variables({})["XLA_FLAGS"] == ours
    told = cuda.variables({"XLA_FLAGS": "--xla_gpu_autotune_level=0"})
    assert told["XLA_FLAGS"] == f"{ours} --xla_gpu_autotune_level=0"


def test_without_the_folder_nothing_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(cuda, "FOLDER", tmp_path / "none")
    assert cuda.variables({"LD_LIBRARY_PATH": "/driver"}) == {}
    assert cuda.installed() == {}


def test_versions_of_what_lies_there_are_known(folder):
    assert cuda.installed() == {"nvidia-cublas-cu12": "12.9.3.13"}


def test_the_folder_is_the_one_that_make_fills():
    (named,) = re.findall(r"^TENSORFLOW_CUDA := \$\(VENV\)/(.*)$", MAKEFILE.read_text(), flags=re.MULTILINE)
    assert named == cuda.FOLDER.name
