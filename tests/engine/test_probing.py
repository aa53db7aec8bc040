"""What is asked of a framework before anything is measured."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from harness.engine import probing
from harness.errors import DeviceUnavailable, FrameworkMissing
from harness.frameworks import registry
from harness.measure import nvml
from harness.measure.nvml import Gpu, NvmlProbe
from harness.settings.presets import FRAMEWORKS

(COMPILING,) = registry.record("pytorch").abilities
LOG = registry.record("tensorflow").log


def test_frameworks_that_are_not_installed_are_named_with_what_installs_them(monkeypatch):
    monkeypatch.setattr(registry, "is_installed", lambda framework: framework.name != "pytorch")
    said = "pytorch: not installed for this Python; use `make setup`"
    with pytest.raises(FrameworkMissing, match=f"^{said}$"):
        registry.require_installed(("tensorflow", "pytorch"))


@pytest.mark.slow
def test_a_compiler_that_is_not_there_is_found_out_by_using_it(monkeypatch):
    made = probing.environment
    monkeypatch.setattr(probing, "environment", lambda **of: made(**of) | {"CXX": "/nonexistent"})
    answer = probing.tries("pytorch", COMPILING, "cpu")
    assert not answer.usable
    assert "/nonexistent" in answer.said


@pytest.mark.slow
def test_a_step_that_is_compiled_names_its_compiler(monkeypatch, compile_cache):
    made = probing.environment
    monkeypatch.setattr(probing, "environment", lambda **of: made(**of | {"compile_cache": compile_cache}))
    answer = probing.tries("pytorch", COMPILING, "cpu")
    if not answer.usable:
        pytest.skip(f"nothing can be compiled here: {answer.said}")
    assert answer.said.startswith("/")


@pytest.mark.slow
def test_a_compiler_that_hangs_is_given_up_and_ended(tmp_path, monkeypatch):
    hanging = tmp_path / "c++"
    pid = tmp_path / "pid"
    hanging.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 600\n")
    hanging.chmod(0o755)
    made = probing.environment
    monkeypatch.setattr(probing, "environment", lambda **of: made(**of) | {"CXX": str(hanging)})
    monkeypatch.setattr(probing, "_TIMEOUT_S", 20.0)
    answer = probing.tries("pytorch", COMPILING, "cpu")
    assert (answer.usable, answer.said) == (False, "it was not done within 20 s")
    until_s = time.monotonic() + 5  # the system's own first process may take a moment to bury it
    while pid.exists() and Path("/proc", pid.read_text().strip()).exists():
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.parametrize("device", ["cuda", "GPU-0"])
def test_a_gpu_for_one_process_only_is_refused_before_a_framework_is_asked(monkeypatch, device):
    gpu = Gpu(index=0, name="Card", uuid="GPU-0", total_bytes=1, unshared="EXCLUSIVE_PROCESS")
    seen = NvmlProbe(driver_version="580.00", devices=(gpu,), reason=None)
    monkeypatch.setattr(nvml, "probe", lambda: seen)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(probing, "ask", lambda *_: pytest.fail("a framework was asked"))
    with pytest.raises(DeviceUnavailable, match=rf"DEVICE={device}: Card \(GPU-0\) .* EXCLUSIVE_PROCESS"):
        probing.require_device(FRAMEWORKS, device)


def test_a_slice_that_is_not_visible_is_refused_with_the_way_to_make_it_so(monkeypatch):
    gpu = Gpu(index=0, name="Card", uuid="GPU-0", total_bytes=1)
    seen = NvmlProbe(driver_version="580.00", devices=(gpu,), reason=None)
    monkeypatch.setattr(nvml, "probe", lambda: seen)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(DeviceUnavailable, match="use CUDA_VISIBLE_DEVICES=MIG-1 DEVICE=cuda for a slice"):
        probing.require_device(FRAMEWORKS, "MIG-1")


# A compiler for which Python's headers are not installed, and a folder in which its only name is cc.
WITHOUT_HEADERS = """#!/bin/bash
kept=()
for one in "$@"; do [[ $one == -I* ]] || kept+=("$one"); done
exec {compiler} "${{kept[@]}}"
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("a compiler", "Failed to find C compiler"),
        ("any name but cc", "Failed to find C compiler"),
        ("Python.h", "fatal error: Python.h: No such file or directory"),
    ],
)
def test_what_triton_lacks_to_start_a_kernel_is_told_in_its_own_words(
    monkeypatch, tmp_path, missing, sentence
):
    given = {"PATH": str(tmp_path)}
    if missing == "any name but cc":
        (tmp_path / "cc").symlink_to(shutil.which("gcc"))
    if missing == "Python.h":
        compiler = tmp_path / "compiler"
        compiler.write_text(WITHOUT_HEADERS.format(compiler=shutil.which("gcc")))
        compiler.chmod(0o755)
        given = {"CC": str(compiler)}
    made = probing.environment
    monkeypatch.setattr(probing, "environment", lambda **of: made(**of) | given)
    answer = probing.tries("pytorch", COMPILING, "cuda:0")
    assert not answer.usable
    assert sentence in answer.said
    assert "\n" not in answer.said


def test_where_tensorflow_finds_no_gpu_the_end_of_its_log_is_quoted(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "2026-11-28 09:00:00.123456: I external/local_xla/xla/tsl/cuda/cudart_stub.cc:31] first\n"
        "I0000 00:00:1795964083.9 2245 dso_loader.cc:1] Successfully opened dynamic library libcudnn.so.9\n"
        "W0000 00:00:1764320400.123456    4242 gpu_device.cc:2365] Cannot dlopen some GPU libraries.\n\n"
        "2026-11-28 09:00:00.123456: W tensorflow/core/gpu.cc:2365] Skipping registering GPU devices...\n"
        "Traceback (most recent call last):\n  harness.errors.DeviceUnavailable: it registered no GPU\n"
    )
    assert probing._quoted(log, LOG, "") == (
        " (its log ends: first | Cannot dlopen some GPU libraries. | Skipping registering GPU devices...)"
    )
    log.write_text("")
    assert probing._quoted(log, LOG, "") == ""
    assert probing._quoted(tmp_path / "none", LOG, "") == ""


def test_libraries_that_tensorflow_could_not_open_are_named_from_its_log(tmp_path):
    """Which are loaded in the end does not tell: a library that was found may have brought one along."""
    log = tmp_path / "log"
    log.write_text(
        "I0000 00:00:1795964083.996305    2245 dso_loader.cc:133] Successfully opened dynamic library "
        "libcudart.so.12\n"
        "I0000 00:00:1795964083.996422    2245 dso_loader.cc:144] Could not load dynamic library "
        "'libcublas.so.12'; dlerror: libcublas.so.12: cannot open shared object file\n"
        "2026-11-29 09:00:00.123456: I xla/tsl/platform/dso_loader.cc:144] Could not load dynamic library "
        "'libcublasLt.so.12'; dlerror: libcublasLt.so.12: cannot open shared object file\n"
        "W0000 00:00:1764320400.123456    4242 gpu_device.cc:2365] Cannot dlopen some GPU libraries.\n"
    )
    assert probing._quoted(log, LOG, "") == (
        ", for it cannot open libcublas.so.12, libcublasLt.so.12 "
        "(`make setup DEVICE=cuda` installs CUDA's for it)"
    )
    log.write_text(
        "I0000 00:00:1795964083.996422    2245 dso_loader.cc:144] Could not load dynamic library "
        "'libcuda.so.1'; dlerror: libcuda.so.1: cannot open shared object file\n"
    )
    assert probing._quoted(log, LOG, "it registered no GPU, for there is no driver (libcuda.so.1)") == ""
