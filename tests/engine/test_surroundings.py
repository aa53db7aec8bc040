"""A worker's surroundings are made: the shell's variables, folders and files do not reach it unasked."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import psutil
import pytest

import harness
from harness.engine import process
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment, visible_devices
from harness.errors import WorkerFailed
from harness.frameworks.tensorflow import cuda
from harness.measure.variables import recorded
from harness.settings.presets import FRAMEWORKS
from harness.work.listings import PYTORCH, TENSORFLOW
from harness.worker.protocol import Do
from tests.engine.harmful_variables import HARMFUL

SHADOWS = ("random.py", "numpy.py", "sitecustomize.py", "usercustomize.py")


def test_under_every_harmful_variable_at_once_a_worker_gets_the_environment_of_a_clean_shell(
    monkeypatch, tmp_path
):
    def made():
        return environment(framework="tensorflow", device="cpu", threads=1, compile_cache=tmp_path), recorded(
            os.environ, threads=1
        )

    for name in HARMFUL:
        monkeypatch.delenv(name, raising=False)
    clean = made()
    for name, value in HARMFUL.items():
        monkeypatch.setenv(name, value)
    assert len(HARMFUL) >= 60
    assert made() == clean


def test_both_sides_get_the_same_threads_and_a_hidden_gpu_on_the_cpu(tmp_path):
    conditions = environment(framework="tensorflow", device="cpu", threads=3, compile_cache=tmp_path)
    assert conditions["OMP_NUM_THREADS"] == conditions["MKL_NUM_THREADS"] == "3"
    assert conditions["CUDA_VISIBLE_DEVICES"] == ""


def test_what_is_compiled_in_a_run_is_kept_for_that_run_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_CACHE_PATH", "/home/me/.nv/ComputeCache")
    first, second = (
        environment(framework="pytorch", device="cpu", threads=1, compile_cache=tmp_path / name)
        for name in ("first", "second")
    )
    for name in ("CUDA_CACHE_PATH", "TORCHINDUCTOR_CACHE_DIR"):
        assert first[name].startswith(str(tmp_path / "first"))
        assert second[name].startswith(str(tmp_path / "second"))


@pytest.fixture
def own_cuda(tmp_path, monkeypatch):
    """The environment of a worker where TensorFlow's CUDA libraries are installed."""
    libraries = tmp_path / "tensorflow-cuda" / "nvidia" / "cusolver" / "lib"
    libraries.mkdir(parents=True)
    monkeypatch.setattr(cuda, "FOLDER", tmp_path / "tensorflow-cuda")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/driver")

    def made(framework, device):
        return environment(framework=framework, device=device, threads=1, compile_cache=tmp_path)

    return libraries, made


def test_tensorflows_cuda_libraries_reach_its_own_workers_on_a_gpu_alone(own_cuda):
    libraries, made = own_cuda
    searched = {
        (framework, device): made(framework, device)["LD_LIBRARY_PATH"]
        for framework in FRAMEWORKS
        for device in ("cpu", "cuda", "GPU-8f2c")
    }
    assert {path for (_, device), path in searched.items() if device == "cpu"} == {"/driver"}
    assert {path for (framework, _), path in searched.items() if framework == PYTORCH} == {"/driver"}
    assert searched[TENSORFLOW, "cuda"] == searched[TENSORFLOW, "GPU-8f2c"] == f"{libraries}:/driver"


def test_on_a_gpu_the_sides_differ_in_where_cuda_lies_and_in_nothing_else(own_cuda):
    _, made = own_cuda
    tensorflow, pytorch = made(TENSORFLOW, "cuda"), made(PYTORCH, "cuda")
    differing = {name for name in tensorflow | pytorch if tensorflow.get(name) != pytorch.get(name)}
    assert differing == {"LD_LIBRARY_PATH", "XLA_FLAGS"}


def test_what_is_passed_by_name_reaches_a_worker(monkeypatch, tmp_path):
    monkeypatch.setenv("LD_PRELOAD", "/lib/libtcmalloc.so")
    conditions = environment(
        framework="tensorflow", device="cpu", threads=1, compile_cache=tmp_path, passed=("LD_PRELOAD",)
    )
    assert conditions["LD_PRELOAD"] == "/lib/libtcmalloc.so"


@pytest.mark.parametrize(
    ("device", "already", "visible"),
    [
        ("cuda", None, "0"),
        ("cuda:1", None, "1"),
        ("cuda:1", "3,5", "5"),
        ("cuda:2", "3,5", ""),
        ("cpu", "3", ""),
    ],
)
def test_a_worker_sees_its_own_gpu_within_what_the_user_left_visible(device, already, visible):
    assert visible_devices(device, already) == visible


@pytest.fixture
def said(tmp_path, monkeypatch):
    """A function that starts a scripted worker and gives what it says of the CPU."""
    monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", "harness.frameworks.scripted")

    def ask(**surroundings):
        conditions = environment(
            framework="tensorflow", device="cpu", threads=1, compile_cache=tmp_path, **surroundings
        )
        with WorkerProcess(conditions, tmp_path / "worker.log") as worker:
            return worker.ask(Do.PROBE, timeout_s=60, framework="tensorflow", device="cpu")["said"]

    return ask


def shadow(folder):
    """Fill a folder with modules that stand before everybody's where it is on the path."""
    for name in SHADOWS:
        (folder / name).write_text("raise ImportError('not the module that was meant')\n")


@pytest.mark.slow
def test_neither_the_working_folder_nor_the_users_python_path_is_a_workers(said, tmp_path, monkeypatch):
    shadow(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert said() == "scripted on cpu"


@pytest.mark.slow
def test_a_package_that_lies_beside_a_file_random_py_is_started_all_the_same(said, tmp_path, monkeypatch):
    package = Path(harness.__file__).parent
    shutil.copytree(package, tmp_path / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    shadow(tmp_path)
    isolated = tmp_path / "harness" / "worker" / "isolated.py"
    monkeypatch.setattr(process, "ISOLATED", ("-P", "-s", str(isolated)))
    assert said() == "scripted on cpu"


@pytest.mark.slow
def test_an_adapter_in_a_folder_of_the_users_takes_a_python_path_that_is_passed(said, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def probe(device):\n    return f'mine on {device}'\n")
    monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", "mine")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WorkerFailed, match="No module named 'mine'"):
        said()
    assert said(passed=("PYTHONPATH",)) == "mine on cpu"


@pytest.mark.slow
def test_a_worker_works_in_a_folder_of_its_own_which_is_gone_afterwards(tmp_path):
    conditions = environment(framework="tensorflow", device="cpu", threads=1, compile_cache=tmp_path)
    with WorkerProcess(conditions, tmp_path / "worker.log") as worker:
        folder = Path(psutil.Process(worker.pid).cwd())
        assert folder.name.startswith("evenmatch-held-worker-")
        assert list(folder.iterdir()) == []
    assert not folder.exists()


@pytest.mark.slow
def test_what_keras_json_in_the_users_home_says_does_not_reach_a_worker(tmp_path, monkeypatch):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps({"floatx": "float16", "backend": "torch"}))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "asking.py").write_text(
        "import keras\n\n\n"
        "def probe(device):\n    return f'{keras.config.floatx()}, {keras.backend.backend()}'\n"
    )
    monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", "asking")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    conditions = environment(
        framework="tensorflow",
        device="cpu",
        threads=1,
        compile_cache=tmp_path / "run",
        passed=("PYTHONPATH",),
    )
    with WorkerProcess(conditions, tmp_path / "worker.log") as worker:
        told = worker.ask(Do.PROBE, timeout_s=120, framework="tensorflow", device="cpu")
    assert told["said"] == "float32, tensorflow"
