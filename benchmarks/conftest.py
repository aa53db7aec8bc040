"""The same measurements for people who live in pytest: `pytest benchmarks/ --benchmark-json=FILE`.

A case is measured once a session, the way `harness bench` does it: proven first, then fresh matches whose
rounds take turns. Each test hands one framework's seconds to pytest-benchmark by moving its clock, so neither
pipe nor parent is inside them. The file also holds the whole run, failures included, for `harness import`.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.data import cache, mnist
from harness.engine.conditions import Conditions
from harness.engine.ending import Outcome
from harness.engine.forking import ForkServers
from harness.engine.known import Known
from harness.engine.playing import run_match
from harness.engine.probing import settle
from harness.engine.proving import ProofConditions, certify
from harness.errors import HarnessError, UsageError
from harness.frameworks import registry
from harness.measure import scratch
from harness.parity.certificate import Certificate
from harness.sessions import rows
from harness.settings import config
from harness.settings.grid import SEEDS, plan
from harness.settings.matches import Match, between
from harness.store.portable import SECTION, pack
from harness.store.writer import Store
from harness.work.contender import Contender
from harness.work.records import Certification, Role, RunStatus, Trial
from harness.work.tally import Tally
from harness.work.workload import Case

# Option of pytest: (setting, default, help). The names are those of `harness bench`.
_OPTIONS = {
    "--frameworks": ("frameworks", "tensorflow,pytorch", "two or more, by the names of their records"),
    "--device": ("device", "cpu", "auto, cpu, cuda, cuda:N or GPU-UUID"),
    "--batch-size": ("batch_size", "64,512", "training batch sizes"),
    "--hidden": ("hidden", "128", "hidden layers of the network, such as 128 or 512x512"),
    "--mode": ("mode", "loop", "loop, eager, compiled, graph, idiomatic"),
    "--precision": ("precision", "fp32", "fp32, tf32, bf16, fp16 or fp64"),
    "--epochs": ("epochs", "5", "training epochs"),
    "--replicates": ("replicates", "5", "fresh matches of a case"),
    "--dataset": ("dataset", "mnist", "mnist, fashion-mnist or synthetic"),
    "--train-samples": ("train_samples", "60000", "train on the first N samples only"),
    "--threads": ("threads", "auto", "threads of each framework"),
    "--round": ("round_s", "0.1", "least seconds of a round"),
    "--pass-env": ("pass_env", "", "variables of the shell that workers get, too"),
    "--data-dir": ("data_dir", "", "folder with the four idx files"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "TensorFlow against PyTorch")
    for option, (name, default, text) in _OPTIONS.items():
        shown = f"{text} (default: {default})" if default else text
        group.addoption(option, dest=f"harness_{name}", default=default, help=shown)
    group.addoption(
        "--allow-mismatch",
        dest="harness_allow_mismatch",
        action="store_const",
        const="yes",
        default="no",
        help="measure cases whose certificate failed too, and mark them",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("dsession"):
        raise pytest.UsageError("benchmarks cannot run under xdist: two measurements at once spoil both")
    try:
        config.stash[_SESSION] = Session(_settings(config))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SESSION in config.stash:
        config.stash[_SESSION].close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("benchmark"):
        for item in items:
            item.add_marker(pytest.mark.skip(reason="pytest-benchmark is switched off"))


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add the run: a failed case has no benchmark, and a benchmark has no certificate."""
    packed = config.stash[_SESSION].packed()
    if packed is not None:
        output_json[SECTION] = packed


def _settings(options: pytest.Config) -> config.Settings:
    names = [*(name for name, _, _ in _OPTIONS.values()), "allow_mismatch"]
    try:
        return config.resolve({name: options.getoption(f"harness_{name}") for name in names}, {}, Path())
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        try:
            planned = plan(_settings(metafunc.config))
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
        if planned.best:
            raise pytest.UsageError("MODE=best: not allowed; use a mode, for a benchmark is of one way")
        metafunc.parametrize("case", planned.cases, ids=[case.id for case in planned.cases])
        metafunc.parametrize("framework", planned.settings.frameworks)


class Silent:
    """Nobody is told: pytest has the terminal."""

    def proofs_begin(self, contenders: int) -> None: ...

    def proof_began(self, contender: Contender) -> None: ...

    def proof_done(self, certificate: Certificate, *, reused: bool) -> None: ...

    def match_began(self, match: Match, *, spent_s: float, left_s: float | None) -> None: ...

    def turn_done(self, match: Match, *, done: int, rounds: int) -> None: ...

    def trial_done(self, trial: Trial) -> None: ...

    def notice(self, text: str) -> None: ...


class Session:
    """What this session has measured: a run in a results folder of its own, begun when a test needs it."""

    def __init__(self, settings: config.Settings) -> None:
        self._settings = settings
        self._open = ExitStack()
        self._servers = self._open.enter_context(ForkServers())
        self._store = Store(self._open.enter_context(scratch.folder("suite")))
        self._trials: dict[str, list[Trial]] = {}
        self._proofs: dict[str, pd.DataFrame] = {}
        self._run: dict[str, Any] | None = None
        self._begin_s = time.monotonic()

    def close(self) -> None:
        self._open.close()

    def proofs(self, case: Case) -> pd.DataFrame:
        """The case's certificates, one a framework, as `certify` has them; made once."""
        if case.id not in self._proofs:
            self._begin()
            conditions = ProofConditions(
                results=self._store.folder,
                data_root=self._data_root,
                logs=self._store.logs,
                threads=self._settings.threads,
                timeout_s=self._settings.timeout_s,
                servers=self._servers,
                passed=self._settings.pass_env,
            )
            contenders = between(case, 0, self._settings.frameworks).contenders
            self._proofs[case.id] = certify(contenders, conditions, Silent())
        return self._proofs[case.id]

    def trials(self, case: Case) -> list[Trial]:
        """All trials of the case, all frameworks', those that learn among them, measured in turns the first
        time they are asked for."""
        if case.id not in self._trials:
            held = {
                (case.id, proof["framework"]): Certification(id=proof["certificate_id"], holds=proof["holds"])
                for proof in self.proofs(case).to_dict("records")
            }
            conditions = Conditions.of(
                self._settings,
                run_id=str(self._run["run_id"]),
                data_root=self._data_root,
                logs=self._store.logs,
                compile_cache=self._store.folder / "compiled",
                certificates=held,
                servers=self._servers,
            )
            known = Known()
            self._trials[case.id] = []
            for match in self._matches(case):
                begin_s = time.monotonic()
                played = run_match(match, conditions, Silent(), known)
                if match.role is Role.COMPARISON:
                    took_s = time.monotonic() - begin_s
                    known.look(match.kind, played, took_s, combinations(match.seats, 2))
                self._store.save_match(played)
                self._trials[case.id] += played
        return self._trials[case.id]

    def _matches(self, case: Case) -> list[Match]:
        """All replicates, and whole trainings beside them; a listing as printed learns in its turns."""
        asked = self._settings
        raced = [between(case, replicate, asked.frameworks) for replicate in range(asked.replicates)]
        seeds = 0 if case.as_printed else min(asked.replicates, SEEDS)
        return [*raced, *(replace(one, learning=True) for one in raced[:seeds])]

    def packed(self) -> dict[str, Any] | None:
        """The run as `harness import` takes it; None where nothing was proven or measured."""
        if self._run is None:
            return None
        tally = Tally()
        for trials in filter(None, self._trials.values()):
            tally.count(trials)
        counted = tally.total()
        outcome = Outcome(
            status=RunStatus.FINISHED,
            trials_ok=counted.ok,
            trials_failed=counted.failed,
            timed_s=counted.timed_s,
            stopped_because="the pytest suite had all its replicates",
        )
        closing = rows.closing_columns(outcome, time.monotonic() - self._begin_s)
        proofs = [str(one) for proofs in self._proofs.values() for one in proofs["certificate_id"]]
        self._store.save_run(self._run | closing | {"certificate_ids": proofs})
        return pack(self._store.folder, str(self._run["run_id"]))

    def _begin(self) -> None:
        if self._run is not None:
            return
        asked = self._settings
        registry.require_installed(asked.frameworks)
        self._settings = replace(
            asked, device=settle(asked.frameworks, asked.device, Silent(), asked.pass_env)
        )
        self._store.prepare()
        self._data_root = mnist.locate(
            self._settings.dataset, data_dir=self._settings.data_dir, cache=cache.cache_folder()
        ).root
        self._run = rows.opening_row(
            self._settings, shlex.join(["pytest", *sys.argv[1:]]), trials_planned=None
        )


_SESSION = pytest.StashKey[Session]()


class WorkerClock:
    """A clock that stands still but for the seconds that a worker has measured."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        return self._now_s

    def add(self, wall_s: float) -> None:
        self._now_s += wall_s


CLOCK = WorkerClock()


@pytest.fixture
def finished_trials(request: pytest.FixtureRequest, case: Case, framework: str) -> Callable[..., list[Trial]]:
    """What a test asks for one framework's finished trials of a case; see `_measured`.

    Asked for in the test, so that a case that cannot be measured is the test's failure, and not an error
    of each fixture around it.
    """
    return partial(_measured, request.config, case, framework)


def _measured(config: pytest.Config, case: Case, framework: str, *, learned: bool = False) -> list[Trial]:
    """Finished trials whose speed counts, or the whole trainings that finished.

    Fails with the reason where a case is not certified or not measured.
    """
    session = config.stash[_SESSION]
    try:
        proofs = session.proofs(case)
        failed = proofs[~proofs["holds"]].to_dict("records")
        if failed and config.getoption("harness_allow_mismatch") == "no":
            first = failed[0]
            pytest.fail(f"certificate failed at {first['failed_check']}: {first['reason']}", pytrace=False)
        of_all = [one for one in session.trials(case) if (one.role is Role.LEARNING) == learned]
        mine = [one for one in of_all if one.framework == framework]
    except HarnessError as error:
        pytest.fail(str(error), pytrace=False)
    if learned:
        return [trial for trial in mine if trial.failure is None]
    failed = [trial.failure for trial in mine if trial.failure is not None]
    if failed:
        pytest.fail(
            f"{len(failed)} of {len(mine)} trials failed, first with: {failed[0].kind}: {failed[0].reason}",
            pytrace=False,
        )
    return mine
