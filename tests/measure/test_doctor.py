"""What the doctor says when something is missing, and that it says what that disables."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from harness.frameworks import registry
from harness.measure import doctor, host, libraries, nvml

(COMPILING,) = registry.record("pytorch").abilities
COMPILED = doctor.Probed(said="/usr/bin/g++", usable=True)


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Finds by name on a machine with everything; a test takes one thing away first."""
    gpu = nvml.Gpu(index=0, name="Stub GPU", uuid="GPU-0", total_bytes=8 * 2**30)
    probe = nvml.NvmlProbe(driver_version="580.00", devices=(gpu,), reason=None)
    governor = tmp_path / "governor"
    governor.write_text("performance\n")
    monkeypatch.setattr(doctor, "version", lambda name: "1.0")
    monkeypatch.setattr(nvml, "probe", lambda: probe)
    monkeypatch.setattr(host, "busy_share", lambda: 0.01)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(host, "processor_times", lambda: {"user": 10.0, "idle": 990.0, "steal": 0.0})
    monkeypatch.setattr(doctor, "_GOVERNOR", governor)

    def find(results=tmp_path / "results", probes=None, compiled=None, kept_out=()):
        tried = {"cpu": COMPILED} if compiled is None else compiled
        abilities = [(COMPILING, device, answer) for device, answer in tried.items()]
        found = doctor.checks(results, registry.records(), probes or {}, abilities, kept_out)
        return {check.name: check for check in found}

    return find


def test_a_machine_with_everything_has_nothing_to_complain_of(found):
    checks = found()
    assert {check.state for check in checks.values()} == {"ok"}
    assert {check.disables for check in checks.values()} == {None}
    assert checks["nvml"].said == "driver 580.00: Stub GPU"


@pytest.mark.parametrize("package", ["tensorflow", "torch", "torchvision"])
def test_a_package_that_is_not_installed_is_missing(found, monkeypatch, package):
    def version(name):
        if name == package:
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    missing = [check for check in found().values() if check.state != "ok"]
    assert [(check.name, check.state, check.said) for check in missing] == [
        (package, "missing", "not installed; `make setup` installs it")
    ]
    assert missing[0].disables


def test_cuda_libraries_that_overwrite_each_other_are_a_warning(found, monkeypatch):
    assert "cuda libraries" not in found()
    monkeypatch.setattr(libraries, "overwritten", lambda: ["nvidia-cudnn", "nvidia-nccl"])
    check = found()["cuda libraries"]
    assert check.state == "warn"
    assert check.said.startswith("nvidia-cudnn, nvidia-nccl: there twice, for CUDA 12 and 13")


def test_without_nvml_its_own_words_are_given_and_cuda_is_off(found, monkeypatch):
    absent = nvml.NvmlProbe(driver_version=None, devices=(), reason="Driver Not Loaded")
    monkeypatch.setattr(nvml, "probe", lambda: absent)
    check = found()["nvml"]
    assert (check.state, check.said) == ("missing", "Driver Not Loaded")
    assert "DEVICE=cuda" in check.disables


def test_a_gpu_that_cannot_be_used_is_named_beside_those_that_can(found, monkeypatch):
    seen = nvml.probe()
    broken = replace(seen, out_of_reach=("GPU 1 cannot be used: Unknown Error",))
    monkeypatch.setattr(nvml, "probe", lambda: broken)
    check = found()["nvml"]
    assert (check.state, check.said) == (
        "warn",
        "driver 580.00: Stub GPU; GPU 1 cannot be used: Unknown Error",
    )


def test_a_program_that_is_not_there_says_what_it_disables(found, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    check = found()["npm"]
    assert (check.state, check.said) == ("missing", "not on PATH")
    assert "mirrors" in check.disables


def test_what_came_of_compiling_a_step_is_passed_on(found):
    assert found()["torch.compile on cpu"].said == "a step was compiled with /usr/bin/g++"
    refused = doctor.Probed(said="Failed to find C compiler", usable=False)
    check = found(compiled={"cpu": COMPILED, "cuda": refused})["torch.compile on cuda"]
    assert (check.state, check.said) == ("missing", "Failed to find C compiler")
    assert check.disables == "mode compiled in PyTorch with DEVICE=cuda"


def test_without_pytorch_nothing_is_said_of_its_compiler(found):
    assert not any(name.startswith("torch.compile") for name in found(compiled={}))


def test_what_a_framework_said_of_a_device_is_passed_on(found):
    checks = found(
        probes={
            "pytorch on cpu": doctor.Probed(said="PyTorch on the CPU", usable=True),
            "pytorch on cuda": doctor.Probed(said="Found no NVIDIA driver", usable=False),
        }
    )
    assert checks["pytorch on cpu"].state == "ok"
    refused = checks["pytorch on cuda"]
    assert (refused.state, refused.said, refused.disables) == (
        "missing",
        "Found no NVIDIA driver",
        "DEVICE=cuda",
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["TF_XLA_FLAGS"],
            "TF_XLA_FLAGS is set here and does not reach workers; --pass-env TF_XLA_FLAGS lets it in",
        ),
        (
            ["KMP_AFFINITY", "XLA_FLAGS"],
            (
                "KMP_AFFINITY, XLA_FLAGS are set here and do not reach workers; "
                "--pass-env KMP_AFFINITY,XLA_FLAGS lets them in"
            ),
        ),
    ],
)
def test_variables_that_do_not_reach_a_worker_are_named_with_the_way_in(found, names, said):
    check = found(kept_out=names)["environment"]
    assert (check.state, check.said) == ("warn", said)


def test_a_results_folder_that_is_a_file_cannot_hold_a_run(found, tmp_path):
    (tmp_path / "results").write_text("")
    check = found()["results"]
    assert check.state == "missing"
    assert str(tmp_path / "results") in check.said
    assert check.disables == "every run"


def test_a_results_folder_that_is_not_there_yet_is_neither_missing_nor_made(found, tmp_path):
    assert found()["results"].state == "ok"
    assert not (tmp_path / "results").exists()


def test_a_full_disk_is_a_warning(found, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    assert found()["results"].state == "warn"


def test_a_busy_machine_is_a_warning_that_says_how_busy(found, monkeypatch):
    monkeypatch.setattr(host, "busy_share", lambda: 0.42)
    check = found()["quiet machine"]
    assert check.state == "warn"
    assert "42%" in check.said


def test_time_that_went_to_other_virtual_machines_is_a_warning(found, monkeypatch):
    monkeypatch.setattr(host, "processor_times", lambda: {"user": 10.0, "idle": 960.0, "steal": 30.0})
    check = found()["steal time"]
    assert check.state == "warn"
    assert "3.00%" in check.said


def test_a_system_that_reports_no_steal_time_is_not_suspected(found, monkeypatch):
    monkeypatch.setattr(host, "processor_times", lambda: {"user": 10.0, "idle": 990.0})
    assert found()["steal time"].said == "this system does not report it"


def test_a_governor_that_saves_power_is_a_warning(found, tmp_path):
    (tmp_path / "governor").write_text("powersave\n")
    assert found()["cpu governor"].state == "warn"


def test_without_a_governor_there_is_nothing_to_say(found, tmp_path):
    (tmp_path / "governor").unlink()
    assert "cpu governor" not in found()
