"""CUDA's libraries are told from others, with the folder that they came from."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.measure import libraries
from harness.measure.libraries import cudas

LINE = "7f00-7f10 r-xp 00000000 08:01 42                         "


@pytest.fixture
def told(tmp_path):
    def of(*paths):
        maps = tmp_path / "maps"
        maps.write_text("".join(f"{LINE}{path}\n" for path in paths) + "7f20-7f30 rw-p 00000000 00:00 0\n")
        return cudas(maps)

    return of


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05",
        "/opt/my libraries/libcudart.so.12",
        "/w/nvidia/cublas/lib/libcublasLt.so.12",
        "/w/nvidia/cu13/lib/libcudnn_engines_precompiled.so.9",
        "/w/nvidia/cusolver/lib/libcusolver.so.11",
        "/w/torch/lib/libcudart-a1b2c3.so.13.0.96",
        "/w/nvidia/nccl/lib/libnccl.so.2",
        "/usr/lib/libnvidia-ml.so.1",
    ],
)
def test_a_library_of_cuda_is_told_with_its_folder(told, path):
    assert told(path, path) == [path]


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/libc.so.6",
        "/w/torch/lib/libtorch_cuda.so",
        "/w/torch/lib/libc10_cuda.so",
        "/home/cuda/libm.so.6",
        "[stack]",
    ],
)
def test_other_files_are_not(told, path):
    assert told(path) == []


def test_a_system_that_lists_nothing_has_none(tmp_path):
    assert cudas(tmp_path / "none") == []


def test_packages_of_both_cudas_in_one_environment_are_named(monkeypatch):
    names = ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13", "nvidia-cublas", "nvidia-cufft-cu12", "torch")
    monkeypatch.setattr(libraries, "distributions", lambda: [SimpleNamespace(name=name) for name in names])
    assert libraries.overwritten() == ["nvidia-cudnn"]
