"""From a plan and its proofs to a run, with scripted workers: what is kept, and what the run says of it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from harness.engine.proving import MEMORY
from harness.sessions import bench
from harness.settings import config
from harness.settings.grid import plan
from harness.store.writer import Store
from tests.engine.test_runner import Silent

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path, synthetic_root, monkeypatch):
    """Measure one case whose proof ran out of memory."""
    monkeypatch.chdir(tmp_path)

    def measure(script=None):
        for framework in ("TENSORFLOW", "PYTORCH"):
            monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework}", "harness.frameworks.scripted")
            monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework}", json.dumps(script or {}))
        asked = {"batch_size": "500", "train_samples": "1000", "epochs": "1", "replicates": "3"}
        settings = config.resolve(asked | {"dataset": "synthetic"}, {}, tmp_path)
        Store(settings.results).prepare()
        planned = plan(settings)
        proof = {"certificate_id": "c", "holds": False, "failed_check": MEMORY, "reason": "said so"}
        proofs = pd.DataFrame([{"case_id": case.id} | proof for case in planned.cases])
        return bench.bench(planned, synthetic_root, proofs, command="harness bench", observer=Silent())

    return measure


def test_a_case_that_is_too_large_to_be_proven_but_not_to_be_trained_is_tried_once_and_uncertified(run):
    done = run()
    assert list(done.frames.trials["status"]) == ["ok", "ok"]
    assert not done.frames.trials["certified"].any()
    assert done.uncertified == tuple(done.frames.trials["case_id"].unique())


def test_a_case_that_is_too_large_for_both_is_a_failure_and_nothing_else(run):
    done = run({"events": {"start": "memory"}})
    assert set(done.frames.trials["failure_kind"]) == {"out of memory"}
    assert done.uncertified == ()
