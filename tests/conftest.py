"""What several rooms' tests stand on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

import pytest

from harness.data import mnist
from harness.engine.forking import ForkServers
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.measure import host
from harness.measure.alone import PLACE_VARIABLE
from harness.work.workload import Dataset
from tests.commands import Commands, fork_all_roles

ROOT = Path(__file__).parents[1]

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


# Files that take a minute and more of processor time or of waiting, the longest first.
LONGEST = tuple(
    ROOT / "tests" / name
    for name in (
        "launchers/test_slurm.py",
        "launchers/test_ray.py",
        "parity/test_mutations.py",
        "frameworks/test_adapters.py",
        "test_clean_shell.py",
        "worker/test_watching.py",
        "engine/test_proving.py",
        "test_cuda.py",
        "test_cli.py",
        "engine/selfchecking/test_steps.py",
        "test_selfcheck.py",
        "engine/test_choosing.py",
        "test_benchmarks.py",
        "frameworks/test_plugin.py",
        "faults/test_kills.py",
    )
)


def pytest_xdist_auto_num_workers(config):
    """Two more than there are cores: of a slow test's time more than a third is waiting for sleeping workers.

    Fast tests do not wait, and each process collects all tests before its first.
    """
    waiting = 0 if config.option.markexpr == "not slow" else 2
    return host.usable_cores() + waiting


def pytest_collection_modifyitems(items):
    """Long files first, then those with slow tests: what is left at the end is short, and all end at once."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def place(item):
        return LONGEST.index(item.path) if item.path in LONGEST else len(LONGEST) + (item.path not in slow)

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def _own_lock(tmp_path_factory):
    """Tests of several processes run at once: none waits for another's measurements."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PLACE_VARIABLE, str(tmp_path_factory.mktemp("lock")))
        yield


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory):
    """A data root in torchvision's layout, made without any network."""
    cache = tmp_path_factory.mktemp("cache")
    return mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=cache).root


@pytest.fixture(scope="session")
def compile_cache(tmp_path_factory):
    """Where workers of all of pytest's processes keep what they have compiled: whoever is first compiles it.

    In a folder of its own each worker would have Inductor try out the compiler and build every kernel anew.
    """
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "compiled"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def small_root(tmp_path_factory):
    """A data root with a tenth of the test set, for processes that know of no more (`small_test_set.py`)."""
    root = tmp_path_factory.mktemp("small")
    subprocess.run([sys.executable, "-m", "tests.small_test_set", root], check=True, cwd=ROOT)
    return root


def built(folder, source, name):
    """A folder with a library that stands in for one of the driver's."""
    if COMPILER is None:
        pytest.skip("no C compiler to build the stub library with")
    source = ROOT / "tests" / "measure" / source
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-Wall", "-Werror", "-o", folder / name, source], check=True
    )
    return folder


@pytest.fixture(scope="session")
def fork_servers():
    with ForkServers() as servers:
        yield servers


@pytest.fixture
def forked_matches(monkeypatch):
    """Every match's workers are forked: what scripted frameworks do is the same in a fresh process."""
    fork_all_roles(monkeypatch.setattr)


@pytest.fixture(scope="session")
def commands():
    """Runs `harness` as a shell does, without each command's imports."""
    with closing(Commands()) as forked:
        yield forked


class LastingWorker(WorkerProcess):
    """One that can be asked to start again (`lasting.py`)."""

    module = "tests.lasting"


@pytest.fixture(scope="session")
def lasting_worker(tmp_path_factory, compile_cache):
    """A function that gives a framework's worker, ready to start another trial."""
    folder = tmp_path_factory.mktemp("lasting")
    with ExitStack() as stack:

        @cache
        def worker(framework, *more):
            conditions = environment(
                framework=framework, device="cpu", threads=1, compile_cache=compile_cache
            )
            log = folder / f"{framework}{len(more)}.log"
            beside = {"PYTHONPATH": str(ROOT)}
            return stack.enter_context(LastingWorker(conditions | beside | dict(more), log))

        yield worker


@pytest.fixture(scope="session")
def nvml_stub(tmp_path_factory):
    """A folder for LD_LIBRARY_PATH with a management library that answers as NVML_STUB_… say."""
    return built(tmp_path_factory.mktemp("nvml"), "libnvidia_ml_stub.c", "libnvidia-ml.so.1")


@pytest.fixture(scope="session")
def driver_stub(tmp_path_factory):
    """A folder for LD_LIBRARY_PATH with both libraries of a driver, which answer as …_STUB_… say."""
    folder = built(tmp_path_factory.mktemp("driver"), "libnvidia_ml_stub.c", "libnvidia-ml.so.1")
    return built(folder, "libcuda_stub.c", "libcuda.so.1")
