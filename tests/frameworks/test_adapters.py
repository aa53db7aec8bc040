"""The real frameworks, in real workers, doing a small trial in every mode."""

from __future__ import annotations

import pytest

from harness.engine.conditions import environment
from harness.engine.process import WorkerProcess
from harness.engine.protocol import Do, dump_spec
from harness.recipe import digest, initial_weights
from harness.workload import FRAMEWORKS, Case, Dataset, Mode, TrialSpec, Workload

pytestmark = pytest.mark.slow

# 1000 = 7 * 128 + 104: every epoch ends in a partial batch.
WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=128, train_samples=1000, epochs=2, seed=5)


@pytest.fixture(scope="module")
def trials(synthetic_root, tmp_path_factory):
    """Answers of a whole trial, kept by framework and mode."""
    folder = tmp_path_factory.mktemp("trials")
    kept = {}

    def run(framework, mode):
        if (framework, mode) not in kept:
            kept[framework, mode] = list(answers(framework, mode))
        return kept[framework, mode]

    def answers(framework, mode):
        case = Case(workload=WORK, device="cpu", mode=mode)
        spec = TrialSpec(framework=framework, case=case, threads=1, data_root=str(synthetic_root))
        conditions = environment(device="cpu", threads=1, compile_cache=folder / "compiled")
        with WorkerProcess(conditions, folder / f"{framework}-{mode}.log") as worker:
            yield worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec))
            for epoch in range(WORK.epochs):
                yield worker.ask(Do.TRAIN, timeout_s=300, epoch=epoch)
                yield worker.ask(Do.EVALUATE, timeout_s=300)
            yield worker.ask(Do.FINISH, timeout_s=60)

    return run


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_trial_learns_and_reports_itself(trials, framework, mode):
    started, first, _, second, score, finished = trials(framework, mode)
    assert second["loss"] < first["loss"]
    assert score["accuracy"] > 0.5
    assert (first["samples"], first["steps"]) == (1000, 8)
    assert started["parameter_count"] == 101_770
    assert all(started["startup"][part] > 0 for part in ("import_s", "data_s", "build_s", "first_step_s"))
    assert finished["host_peak_bytes"] > 100 * 2**20


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_warming_up_leaves_the_recipes_weights(trials, framework, mode):
    started = trials(framework, mode)[0]
    assert started["digests"]["weights_sha256"] == digest(*initial_weights(WORK).named().values())


@pytest.mark.parametrize("mode", list(Mode))
def test_both_frameworks_had_the_same_data_weights_and_order(trials, mode):
    sides = [trials(framework, mode) for framework in FRAMEWORKS]
    digests = [side[0]["digests"] | side[-1]["digests"] for side in sides]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("mode", list(Mode))
def test_both_frameworks_learn_alike(trials, mode):
    first, second = (trials(framework, mode)[-2] for framework in FRAMEWORKS)
    assert first["loss"] == pytest.approx(second["loss"], rel=0.15)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_effective_settings_are_what_was_asked(trials, framework):
    effective = trials(framework, Mode.LOOP)[0]["effective"]
    assert effective["threads"] == "1"
    assert effective["precision"] == "float32"
    assert "cpu" in effective["device"].lower()


@pytest.mark.parametrize("mode", [Mode.EAGER, Mode.COMPILED, Mode.IDIOMATIC])
def test_each_mode_runs_the_step_its_own_way(trials, mode):
    steps = {trials(framework, one)[0]["effective"]["step"] for framework in FRAMEWORKS for one in (mode,)}
    expected = {
        Mode.EAGER: {"eager"},
        Mode.COMPILED: {"tf.function(jit_compile=True)", "torch.compile"},
        Mode.IDIOMATIC: {"fit (tf.function)", "eager"},
    }
    assert steps == expected[mode]
