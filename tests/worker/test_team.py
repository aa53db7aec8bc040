"""Several workers do the work of one, whatever their shares; what they do otherwise is found."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import psutil
import pytest

from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.errors import WorkerDied, WorkerFailed
from harness.settings.presets import FRAMEWORKS
from harness.work import recipe
from harness.work.listings import PYTORCH
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec


def said_by(module, compile_cache, *arguments, **variables):
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=environment(framework=PYTORCH, device="cpu", threads=1, compile_cache=compile_cache) | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [0, 1, 2, 64, 65])
def test_shares_are_the_batch_in_its_order_and_as_large_as_each_other_but_for_one(rows, workers):
    batch = np.arange(rows)
    shares = [recipe.share(batch, rank, workers) for rank in range(workers)]
    assert np.array_equal(np.concatenate(shares), batch)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_worker_draws_its_dropout_from_a_seed_of_its_own_and_the_first_from_the_workloads():
    seeds = [recipe.seed_of(Workload(seed=5), rank) for rank in range(4)]
    assert seeds[0] == 5
    assert len(set(seeds)) == 4


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_two_workers_lead_where_one_leads_by_given_masks_with_uneven_and_empty_shares(
    framework, synthetic_root, compile_cache, tmp_path
):
    """Adam, dropout, a last batch of one sample, of which one of two workers has nothing; in float64."""
    led, told = {}, {}
    for workers in (1, 2):
        path = tmp_path / f"{workers}.npz"
        told[workers] = said_by("tests.worker.teams", compile_cache, framework, workers, synthetic_root, path)
        with np.load(path) as found:
            led[workers] = dict(found)
    assert told[1] == told[2] == {"steps": 5, "samples": 261, "of all": 10}
    for name, one in led[1].items():
        assert np.abs(led[2][name] - one).max() < 1e-12, name
    assert np.abs(led[1]["weights hidden_bias"]).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_proof_of_two_workers_holds(framework, synthetic_root, compile_cache):
    told = said_by("tests.worker.proving_teams", compile_cache, framework, synthetic_root)
    assert told["failed"] == []
    assert told["largest"] < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("unexchanged", "workers 0 and 1 have weights that differ"),
        ("averaged", "steps in fp64"),
        ("alike", "two workers are to draw the same"),
        ("failing", "worker 1 of 2: RuntimeError: this worker has had enough"),
    ],
)
def test_workers_that_do_not_work_together_are_found(fault, found, synthetic_root, compile_cache):
    told = said_by(
        "tests.worker.proving_teams",
        compile_cache,
        PYTORCH,
        synthetic_root,
        EVENMATCH_ADAPTER_PYTORCH="tests.worker.alone_together",
        EVENMATCH_FAULT=fault,
    )
    assert found in told.get("raised", "") or found in told.get("failed", ())


@pytest.fixture
def begun(synthetic_root, compile_cache, tmp_path):
    """A worker of PyTorch that is the first of two and ready for a round, and the process of the other."""
    case = Case(
        workload=Workload(dataset=Dataset.SYNTHETIC, train_samples=640),
        device="cpu",
        mode=Mode.LOOP,
        workers=2,
    )
    spec = TrialSpec(framework=PYTORCH, case=case, threads=1, data_root=str(synthetic_root))
    conditions = environment(framework=PYTORCH, device="cpu", threads=1, compile_cache=compile_cache)
    with WorkerProcess(conditions, tmp_path / "log") as worker:
        worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec))
        (other,) = psutil.Process(worker.pid).children()
        yield worker, other


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_trial_of_all_with_its_rank(begun):
    worker, other = begun
    other.kill()
    with pytest.raises(WorkerFailed, match="worker 1 of 2 ended"):
        worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=640)


@pytest.mark.slow
def test_no_worker_outlives_the_first(begun):
    worker, other = begun
    psutil.Process(worker.pid).kill()
    with pytest.raises(WorkerDied):
        worker.ask(Do.TRAIN, timeout_s=60, epoch=0, first=0, last=640)
    _, alive = psutil.wait_procs([other], timeout=30)
    assert not alive
