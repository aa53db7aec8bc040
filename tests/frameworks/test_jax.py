"""JAX in real workers, in each of its ways: skipped where it is not installed, which is the usual."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engine.forking import ForkServers
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.errors import OutOfMemory, WrongDevice
from harness.frameworks import registry
from harness.work.recipe import digest, initial_weights
from harness.work.workload import Case, Dataset, Mode, Precision, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not registry.is_installed(registry.record("jax")),
        reason="JAX is not installed here: `make setup FRAMEWORKS=jax`",
    ),
]

ROOT = Path(__file__).parents[2]
MODES = (Mode.LOOP, Mode.EAGER, Mode.GRAPH)

# 1000 = 7 * 128 + 104: every epoch ends in a partial batch.
WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=128, train_samples=1000, epochs=2, seed=5)


def spec_of(mode, data_root, *, device="cpu", work=WORK, threads=1, **more):
    case = Case(workload=work, device=device, mode=mode)
    return TrialSpec(framework="jax", case=case, threads=threads, data_root=str(data_root), **more)


@pytest.fixture
def started(small_root, lasting_worker):
    """A function that starts a trial in a worker that others have used: the worker, and what it answered."""

    def start(mode, **of):
        worker = lasting_worker("jax")
        return worker, worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec_of(mode, small_root, **of)))

    return start


def trained(worker, epoch=0, first=0, last=1000):
    return worker.ask(Do.TRAIN, timeout_s=300, epoch=epoch, first=first, last=last)


def asked_alone(code, *arguments):
    """What a Python of its own prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("mode", MODES)
def test_a_whole_trial_learns_counts_and_stays_the_program_that_is_proven(started, mode):
    worker, began = started(mode)
    weights = initial_weights(WORK)
    assert began["digests"]["weights_sha256"] == digest(*weights.named().values())
    assert all(began["startup"][part] > 0 for part in ("import_s", "data_s", "build_s", "first_step_s"))
    first, second = (trained(worker, epoch) for epoch in (0, 1))
    assert (first["steps"], first["samples"]) == (8, 1000)
    assert second["loss"] < first["loss"]
    score = worker.ask(Do.EVALUATE, timeout_s=300, passes=2)
    assert score["accuracy"] > 0.5
    for size in (1, 128):
        assert worker.ask(Do.PREDICT, timeout_s=300, batch_size=size)["calls"] >= 10
    assert worker.ask(Do.BLOCK, timeout_s=300, least_s=0.05)["samples"] % 1000 == 0
    # Who watches it asks once more, here, for settings, optimiser and steps.
    worker.ask(Do.FINISH, timeout_s=300)


@pytest.mark.parametrize("mode", [Mode.LOOP, Mode.GRAPH])
def test_an_epoch_in_parts_learns_what_the_whole_epoch_does(started, mode):
    worker, _ = started(mode)
    trained(worker)
    whole = worker.ask(Do.EVALUATE, timeout_s=300, passes=1)
    worker.ask(Do.FINISH, timeout_s=300)
    worker, _ = started(mode)
    for first, last in ((0, 384), (384, 640), (640, 1000)):
        trained(worker, first=first, last=last)
    parts = worker.ask(Do.EVALUATE, timeout_s=300, passes=1)
    assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-5)


def test_work_is_planted_where_nobody_gets_in_between_the_steps(started):
    slowed, _ = started(Mode.GRAPH, planted_share=0.5)
    for epoch in range(2):
        reply = trained(slowed, epoch)
        assert (reply["steps"], reply["samples"]) == (8, 1000)
    slowed.ask(Do.FINISH, timeout_s=300)


def test_all_three_ways_draw_and_learn_the_same(started):
    losses = []
    for mode in MODES:
        worker, _ = started(mode)
        losses.append(trained(worker)["loss"])
        worker.ask(Do.FINISH, timeout_s=300)
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


@pytest.mark.parametrize(
    ("precision", "dtype", "compute", "x64"),
    [
        (Precision.FP32, "float32", "float32", "False"),
        (Precision.FP64, "float64", "float64", "True"),
        (Precision.BF16, "float32", "bfloat16", "False"),
    ],
)
def test_the_effective_settings_are_what_was_asked(started, precision, dtype, compute, x64):
    effective = started(Mode.LOOP, work=replace(WORK, precision=precision))[1]["effective"]
    assert (effective["precision"], effective["compute"], effective["x64"]) == (dtype, compute, x64)
    assert (effective["tf32"], effective["matmul_precision"]) == ("False", "highest")
    assert (effective["threads"], effective["async_dispatch"]) == ("1", "False")
    assert effective["denormals"] == "flushed"
    assert "cpu" in effective["device"].lower()


@pytest.mark.parametrize(
    ("mode", "step"),
    [(Mode.LOOP, "jit"), (Mode.EAGER, "eager"), (Mode.GRAPH, "jit (a loop over the epoch)")],
)
def test_each_mode_runs_the_step_its_own_way(started, mode, step):
    assert started(mode)[1]["effective"]["step"] == step


def test_without_a_gpu_it_does_not_fall_back_in_silence(small_root, tmp_path):
    conditions = environment(framework="jax", device="cpu", threads=1, compile_cache=tmp_path / "compiled")
    spec = dump_spec(spec_of(Mode.LOOP, small_root, device="cuda:0"))
    with (
        WorkerProcess(conditions, tmp_path / "log") as worker,
        pytest.raises(WrongDevice, match=r"DeviceUnavailable: JAX .*CUDA"),
    ):
        worker.ask(Do.START, timeout_s=300, spec=spec)


def test_what_jax_says_of_memory_that_ran_out_is_told_as_that(synthetic_root, tmp_path, monkeypatch):
    monkeypatch.setenv("EVENMATCH_ADAPTER_JAX", "tests.frameworks.greedy_jax")
    conditions = environment(framework="jax", device="cpu", threads=1, compile_cache=tmp_path / "compiled")
    with WorkerProcess(conditions, tmp_path / "log") as worker:
        worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec_of(Mode.LOOP, synthetic_root)))
        with pytest.raises(OutOfMemory, match="RESOURCE_EXHAUSTED"):
            trained(worker)


def test_a_forked_worker_computes_what_a_fresh_one_does(synthetic_root, tmp_path):
    conditions = environment(framework="jax", device="cpu", threads=1, compile_cache=tmp_path / "compiled")
    spec = dump_spec(spec_of(Mode.LOOP, synthetic_root))
    losses = []
    with ForkServers() as servers:
        forked = [servers.worker("jax", "cpu", conditions, tmp_path / f"{number}.log") for number in range(2)]
        for opened in (*forked, WorkerProcess(conditions, tmp_path / "fresh.log")):
            with opened as worker:
                worker.ask(Do.START, timeout_s=300, spec=spec)
                losses.append(trained(worker)["loss"])
                worker.ask(Do.FINISH, timeout_s=300)
    assert losses == [losses[0]] * 3


def test_nothing_is_computed_and_no_thread_begun_by_its_import():
    """A process that has imported it is forked from."""
    code = (
        "import os, sys, json; os.environ['OMP_NUM_THREADS'] = '1';"
        "import harness.frameworks.jax.adapter; from jax._src import xla_bridge;"
        "json.dump([len(os.listdir('/proc/self/task')), xla_bridge.backends_are_initialized()], sys.stdout)"
    )
    if not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list threads")
    assert asked_alone(code) == [1, False]


WORKED = """
import json, os, sys, time
from harness.frameworks.jax.adapter import open_adapter
from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.reading import read_data

work = Workload(dataset=Dataset.SYNTHETIC, batch_size=512, train_samples=20000)
spec = TrialSpec(framework="jax", case=Case(workload=work, device="cpu", mode=Mode(sys.argv[2])), threads=1,
                 data_root=sys.argv[1])
adapter = open_adapter(spec)
adapter.load(read_data(spec))
adapter.build(recipe.initial_weights(work))
adapter.warm_up(recipe.batch_order(work, 0))
adapter.begin_epoch(recipe.batch_order(work, 0))
wall_s, cpu_s = time.perf_counter(), time.process_time()
adapter.train_epoch()
adapter.synchronise()
taken_s = [time.process_time() - cpu_s, time.perf_counter() - wall_s]
cores = {frozenset(os.sched_getaffinity(int(one))) for one in os.listdir("/proc/self/task")}
json.dump([*taken_s, sorted(map(len, cores)), len(cores)], sys.stdout)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not list threads")
@pytest.mark.parametrize("mode", [Mode.LOOP, Mode.GRAPH])
def test_with_one_thread_it_keeps_one_core_busy_and_no_second(synthetic_root, mode):
    cpu_s, wall_s, sizes, different = asked_alone(WORKED, synthetic_root, mode)
    assert (sizes, different) == ([1], 1)
    assert cpu_s < 1.05 * wall_s + 0.01


def test_no_shape_is_compiled_after_warming_up(synthetic_root):
    code = """
import json, sys
from harness.frameworks.jax.adapter import open_adapter
from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.reading import read_data

def compiled(adapter):
    return [getattr(adapter, name)._cache_size() for name in ("_train_step", "_train_all", "_eval_step")
            if hasattr(getattr(adapter, name, None), "_cache_size")]

found = []
work = Workload(dataset=Dataset.SYNTHETIC, batch_size=128, train_samples=1000, eval_batch_size=768)
for mode in (Mode.LOOP, Mode.GRAPH):
    spec = TrialSpec(framework="jax", case=Case(workload=work, device="cpu", mode=mode), threads=1,
                     data_root=sys.argv[1])
    adapter = open_adapter(spec)
    adapter.load(read_data(spec))
    adapter.build(recipe.initial_weights(work))
    order = recipe.batch_order(work, 0)
    adapter.warm_up(order)
    before = compiled(adapter)
    for part in (order, order[:384], order[384:], order[:104], order):
        adapter.begin_epoch(part)
        adapter.train_epoch()
        adapter.put_back(adapter.keep())
        adapter.evaluate(work.eval_steps)
    adapter.reset()
    adapter.train_epoch()
    found.append([before, compiled(adapter)])
json.dump(found, sys.stdout)
"""
    for before, after in asked_alone(code, synthetic_root):
        assert before == after
        assert before


FAULTS = """
import json, sys
import jax, optax
from harness.frameworks.jax import testimony
from harness.frameworks.jax.adapter import open_adapter
from harness.work import recipe
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.reading import read_data

work = Workload(dataset=Dataset.SYNTHETIC, batch_size=128, train_samples=1000)

def witness(mode, adam=None, step=None):
    spec = TrialSpec(framework="jax", case=Case(workload=work, device="cpu", mode=mode), threads=1,
                     data_root=sys.argv[1])
    adapter = open_adapter(spec)
    if adam is not None:
        adapter._adam = lambda: adam
    adapter.load(read_data(spec))
    adapter.build(recipe.initial_weights(work))
    if step is not None:
        adapter._train_step = step(adapter)
    return adapter

def execution(*given, **more):
    adapter = witness(*given, **more)
    adapter.begin_epoch(recipe.batch_order(work, 0)[:128])
    adapter.train_epoch()
    return adapter.settings()["execution"]

def partly(adapter):
    update = adapter.optimizer.update
    adapter.optimizer = adapter.optimizer._replace(update=jax.jit(update))
    return adapter._step

found = {
    "loop op by op": execution(Mode.LOOP, step=lambda one: one._step),
    "loop in part": execution(Mode.LOOP, step=partly),
    "adam": witness(Mode.LOOP).constants()["kind"],
}
others = {
    "adamw": optax.adamw(1e-3),
    "clipped": optax.chain(optax.clip(1.0), optax.adam(1e-3)),
    "amsgrad": optax.amsgrad(1e-3),
    "nesterov": optax.adam(1e-3, nesterov=True),
}
found |= {name: witness(Mode.LOOP, adam=adam).constants()["kind"] for name, adam in others.items()}
json.dump(found, sys.stdout)
"""


def test_another_way_to_run_a_step_and_another_optimiser_are_told_as_what_they_are(synthetic_root):
    found = asked_alone(FAULTS, synthetic_root)
    assert found["loop op by op"] == "eager"
    assert found["loop in part"] == "partly compiled"
    assert found["adam"] == "Adam"
    assert found["adamw"] == "scale_by_adam then add_decayed_weights then scale"
    assert found["clipped"] == "clip then scale_by_adam then scale"
    assert found["amsgrad"] == "scale_by_amsgrad then scale"
    assert found["nesterov"] == "scale_by_adam then scale"
