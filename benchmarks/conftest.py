"""The same measurements for people who live in pytest: `pytest benchmarks/ --benchmark-json=FILE`.

Seconds are the worker's own: the fixture's clock is moved by what the worker measured, so neither the
pipe nor the parent is inside them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import cache, config, mnist
from harness.engine.conditions import environment
from harness.engine.probing import require_device, require_frameworks
from harness.engine.process import WorkerProcess
from harness.engine.protocol import Do, Message, dump_spec
from harness.errors import UsageError
from harness.plan import plan
from harness.workload import FRAMEWORKS, Case, TrialSpec

_TIMEOUT_S = 600.0

# Option of pytest: (setting, default, help). The names are those of `harness bench`.
_OPTIONS = {
    "--device": ("device", "cpu", "cpu, cuda or cuda:N"),
    "--batch-size": ("batch_size", "64,512", "training batch sizes"),
    "--mode": ("mode", "loop", "loop, eager, compiled, idiomatic"),
    "--epochs": ("epochs", "3", "training epochs, one round each"),
    "--dataset": ("dataset", "mnist", "mnist, fashion-mnist or synthetic"),
    "--train-samples": ("train_samples", "60000", "train on the first N samples only"),
    "--threads": ("threads", "auto", "threads of each framework"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "TensorFlow against PyTorch")
    for option, (name, default, text) in _OPTIONS.items():
        group.addoption(option, dest=f"harness_{name}", default=default, help=f"{text} (default: {default})")


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("dsession"):
        raise pytest.UsageError("benchmarks cannot run under xdist: two measurements at once spoil both")
    _settings(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("benchmark"):
        for item in items:
            item.add_marker(pytest.mark.skip(reason="pytest-benchmark is switched off"))


def _settings(options: pytest.Config) -> config.Settings:
    given = {name: options.getoption(f"harness_{name}") for name, _, _ in _OPTIONS.values()}
    try:
        return config.resolve(given, {}, Path())
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = plan(_settings(metafunc.config)).cases
        metafunc.parametrize("case", cases, ids=[case.id for case in cases])
        metafunc.parametrize("framework", FRAMEWORKS)


class WorkerClock:
    """A clock that stands still but for the seconds that a worker has measured."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        return self._now_s

    def add(self, wall_s: float) -> None:
        self._now_s += wall_s


CLOCK = WorkerClock()


@pytest.fixture(scope="session")
def data_root(request: pytest.FixtureRequest) -> str:
    settings = _settings(request.config)
    require_frameworks()
    for device in settings.device:
        require_device(device)
    return str(mnist.locate(settings.dataset, data_dir=settings.data_dir, cache=cache.cache_folder()).root)


class Trial:
    """A fresh worker that has started, and what it said then."""

    def __init__(self, worker: WorkerProcess, spec: TrialSpec) -> None:
        self._worker = worker
        self.started: Message = self.ask(Do.START, spec=dump_spec(spec))

    def ask(self, do: Do, **details: object) -> Message:
        return self._worker.ask(do, timeout_s=_TIMEOUT_S, **details)

    def timed(self, do: Do, **details: object) -> Message:
        """Ask for a round and move the clock by its seconds."""
        reply = self.ask(do, **details)
        CLOCK.add(reply["wall_s"])
        return reply


@pytest.fixture
def open_trial(
    request: pytest.FixtureRequest, case: Case, framework: str, data_root: str
) -> Iterator[object]:
    """A function that starts a fresh worker for this test's case; every worker is ended with the test."""
    threads = _settings(request.config).threads
    workers: list[WorkerProcess] = []
    with tempfile.TemporaryDirectory(prefix="evenmatch-", ignore_cleanup_errors=True) as folder:

        def start() -> Trial:
            place = Path(folder)
            conditions = environment(device=case.device, threads=threads, compile_cache=place / "compiled")
            workers.append(WorkerProcess(conditions, place / f"{len(workers)}.log"))
            spec = TrialSpec(framework=framework, case=case, threads=threads, data_root=data_root)
            return Trial(workers[-1], spec)

        yield start
        for worker in workers:
            worker.kill()
            worker.close()
