"""The real frameworks, in real workers, doing a small trial in every mode."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice

import psutil
import pytest

from harness.engine.surroundings import environment
from harness.errors import OutOfMemory, WrongDevice
from harness.settings.presets import FRAMEWORKS
from harness.work.listings import TENSORFLOW, program_of
from harness.work.program import Initial, Update
from harness.work.recipe import digest, initial_weights
from harness.work.workload import Case, Dataset, Mode, Precision, TrialSpec, Workload
from harness.worker import beside
from harness.worker.protocol import Do, dump_spec

pytestmark = pytest.mark.slow

# CUDA graphs take a GPU: on a CPU PyTorch's steps of that mode are run one by one.
UNCAPTURED = {"EVENMATCH_ADAPTER_PYTORCH": "tests.frameworks.uncaptured"}

# The listings of mode `article` do different work, in whole epochs.
ALIKE = [mode for mode in Mode if mode not in {Mode.ARTICLE, Mode.BEST}]

# Mode `best` is no way to execute anything: it asks for the others.
EXECUTED = [*ALIKE, Mode.ARTICLE]

# 1000 = 7 * 128 + 104: every epoch ends in a partial batch.
WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=128, train_samples=1000, epochs=2, seed=5)


def more_of(mode):
    """What a worker of this mode has in its environment beside what all have."""
    return tuple(UNCAPTURED.items()) if mode is Mode.GRAPH else ()


def spec_of(framework, mode, data_root, *, planted_share=0.0, device="cpu", work=WORK):
    return TrialSpec(
        framework=framework,
        case=Case(workload=work, device=device, mode=mode),
        threads=1,
        data_root=str(data_root),
        planted_share=planted_share,
    )


@pytest.fixture(scope="module")
def trials(small_root, lasting_worker):
    """Answers of a whole trial, kept by framework and mode."""
    kept = {}

    def run(framework, mode):
        if (framework, mode) not in kept:
            kept[framework, mode] = list(answers(framework, mode))
        return kept[framework, mode]

    def answers(framework, mode):
        worker = lasting_worker(framework, *more_of(mode))
        yield worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec_of(framework, mode, small_root)))
        for epoch in range(WORK.epochs):
            yield worker.ask(Do.TRAIN, timeout_s=300, epoch=epoch, first=0, last=1000)
            yield worker.ask(Do.EVALUATE, timeout_s=300, passes=1 + epoch)
        yield worker.ask(Do.PREDICT, timeout_s=300, batch_size=1)
        yield worker.ask(Do.PREDICT, timeout_s=300, batch_size=128)
        if mode in ALIKE:
            yield worker.ask(Do.BLOCK, timeout_s=300, least_s=0.05)
        yield worker.ask(Do.FINISH, timeout_s=60)

    return run


@pytest.fixture
def started(small_root, lasting_worker):
    """A function that starts a trial in a worker that others have used: the worker, and what it answered.

    Each framework has one, so a trial is over when the next one of its framework starts.
    """

    def start(framework, mode, **of):
        worker = lasting_worker(framework, *more_of(mode))
        spec = spec_of(framework, mode, small_root, **of)
        return worker, worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec))

    return start


@pytest.fixture
def open_worker(synthetic_root, fork_servers, tmp_path):
    """A function that starts a worker of its own for a trial, its framework imported once for all of them."""
    with ExitStack() as stack:

        def start(framework, mode, **of):
            conditions = environment(
                framework=framework, device="cpu", threads=1, compile_cache=tmp_path / "compiled"
            )
            log = tmp_path / f"{len(list(tmp_path.glob('*.log')))}.log"
            worker = stack.enter_context(fork_servers.worker(framework, "cpu", conditions, log))
            spec = spec_of(framework, mode, synthetic_root, **of)
            worker.ask(Do.START, timeout_s=300, spec=dump_spec(spec))
            return worker

        yield start


@pytest.mark.parametrize("mode", EXECUTED)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_trial_learns_and_reports_itself(trials, framework, mode):
    started, first, _, second, score, *_, finished = trials(framework, mode)
    assert second["loss"] < first["loss"]
    assert score["accuracy"] > 0.5
    assert (first["samples"], first["steps"]) == (1000, 8)
    assert started["parameter_count"] == 101_770
    assert all(started["startup"][part] > 0 for part in ("import_s", "data_s", "build_s", "first_step_s"))
    assert finished["host_peak_bytes"] > 100 * 2**20


@pytest.mark.parametrize("mode", EXECUTED)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_more_passes_are_more_samples_of_the_same_test_set(trials, framework, mode):
    _, _, one, _, two, *_ = trials(framework, mode)
    assert (one["samples"], two["samples"]) == (1000, 2000)
    assert two["accuracy"] >= one["accuracy"] - 0.05


@pytest.mark.parametrize("mode", EXECUTED)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_predictions_are_timed_call_by_call(trials, framework, mode):
    single, batch = trials(framework, mode)[5:7]
    assert (single["batch_size"], batch["batch_size"]) == (1, 128)
    for said in (single, batch):
        # Fewer only where they fill the time that there is: on a busy machine.
        assert said["calls"] >= 10 or said["calls"] * said["p99_s"] > beside._PREDICT_S / 2
        assert 0 < said["p50_s"] <= said["p95_s"] <= said["p99_s"] < 1


@pytest.mark.parametrize("mode", ALIKE)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_training_on_end_is_whole_epochs_for_so_long_and_leaves_a_program_that_is_still_proven(
    trials, framework, mode
):
    *_, block, finished = trials(framework, mode)
    assert block["samples"] >= 1000
    assert block["samples"] % 1000 == 0
    assert block["wall_s"] >= 0.05
    assert finished["digests"]["order_sha256"]


@pytest.mark.parametrize("mode", ALIKE)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_worker_says_how_fast_it_goes(trials, started, framework, mode):
    def told():
        """What it says over what a round took, of one trial after the other."""
        start, first, *_ = trials(framework, mode)
        yield start["pace"]["train_sample_s"] / (first["wall_s"] / 1000)
        while True:
            worker, start = started(framework, mode)
            first = worker.ask(Do.TRAIN, timeout_s=300, epoch=0, first=0, last=1000)
            yield start["pace"]["train_sample_s"] / (first["wall_s"] / 1000)

    # Within a factor of three: this sets the length of rounds, not a result. That of `fit` would be five did
    # the price of a call count as that of its steps. In a busy moment it need not be so the first time.
    assert any(1 / 3 < ratio < 3 for ratio in islice(told(), 3))
    assert trials(framework, mode)[0]["pace"]["evaluate_s"] > 0


@pytest.mark.parametrize("mode", [Mode.LOOP, Mode.EAGER, Mode.GRAPH])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_epoch_in_parts_learns_what_the_whole_epoch_does(trials, started, framework, mode):
    whole = trials(framework, mode)[2]
    worker, _ = started(framework, mode)
    for first, last in ((0, 384), (384, 640), (640, 1000)):
        worker.ask(Do.TRAIN, timeout_s=300, epoch=0, first=first, last=last)
    parts = worker.ask(Do.EVALUATE, timeout_s=300, passes=1)
    assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-5)
    assert parts["accuracy"] == pytest.approx(whole["accuracy"], abs=0.001)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_planted_work_is_the_frameworks_own_and_counts_once(open_worker, framework):
    # A wide layer: what a round takes beside its steps is next to nothing, on a busy machine too.
    work = replace(WORK, hidden=(1024,))
    slowed = open_worker(framework, Mode.LOOP, planted_share=0.75, work=work)
    usual = open_worker(framework, Mode.LOOP, work=work)
    ratios = []
    for epoch in range(9):
        cpu_s = {}
        for worker in (slowed, usual):
            reply = worker.ask(Do.TRAIN, timeout_s=300, epoch=epoch, first=0, last=1000)
            cpu_s[worker] = reply["cpu_s"]
            assert (reply["steps"], reply["samples"]) == (8, 1000)
        ratios.append(cpu_s[slowed] / cpu_s[usual])
    # Six of eight steps once more; on a busy machine a single turn may be anything.
    assert statistics.median(ratios) == pytest.approx(1.75, rel=0.15)
    # Who watches it has found nothing: it is the same program, which has more batches.
    slowed.ask(Do.FINISH, timeout_s=300)


@pytest.mark.parametrize(
    ("framework", "mode"), [("tensorflow", Mode.IDIOMATIC), *((one, Mode.GRAPH) for one in FRAMEWORKS)]
)
def test_work_is_planted_where_nobody_gets_in_between_the_steps(started, framework, mode):
    slowed, _ = started(framework, mode, planted_share=0.5)
    for epoch in range(2):
        reply = slowed.ask(Do.TRAIN, timeout_s=300, epoch=epoch, first=0, last=1000)
        assert (reply["steps"], reply["samples"]) == (8, 1000)
    slowed.ask(Do.FINISH, timeout_s=300)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_without_a_gpu_does_not_fall_back_in_silence(started, framework):
    with pytest.raises(WrongDevice, match="DeviceUnavailable"):
        started(framework, Mode.LOOP, device="cuda:0")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_that_finds_no_memory_says_so_in_words_of_its_own(open_worker, monkeypatch, framework):
    greedy = {"tensorflow": "greedy_tensorflow", "pytorch": "greedy_torch"}[framework]
    monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework.upper()}", f"tests.frameworks.{greedy}")
    worker = open_worker(framework, Mode.LOOP)
    with pytest.raises(OutOfMemory) as failed:
        worker.ask(Do.TRAIN, timeout_s=300, epoch=0, first=0, last=1000)
    assert "MemoryError" not in str(failed.value)
    assert failed.value.facts["host_peak_bytes"] > 100 * 2**20


@pytest.mark.parametrize("mode", [Mode.LOOP, Mode.EAGER, Mode.IDIOMATIC, Mode.GRAPH])
@pytest.mark.parametrize(("precision", "compute"), [("bf16", "bfloat16"), ("fp16", "float16")])
def test_mixed_precision_is_alike_in_both_and_learns(started, mode, precision, compute):
    # A narrow network: processors reckon in 16 bits by detours.
    work = replace(WORK, precision=Precision(precision), hidden=(32,))
    losses = []
    for framework in FRAMEWORKS:
        worker, answer = started(framework, mode, work=work)
        effective = answer["effective"]
        assert (effective["precision"], effective["compute"]) == ("float32", compute)
        assert effective["loss_scale"] == ("32768" if precision == "fp16" else "1")
        losses += [
            worker.ask(Do.TRAIN, timeout_s=300, epoch=epoch, first=0, last=1000)["loss"] for epoch in (0, 1)
        ]
    assert losses[1] < losses[0]
    assert losses[3] < losses[2]
    assert losses[1] == pytest.approx(losses[3], rel=0.15)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_worker_loads_nothing_of_what_the_harness_draws_and_reckons_with(trials, lasting_worker, framework):
    trials(framework, Mode.IDIOMATIC)
    loaded = {one.path for one in psutil.Process(lasting_worker(framework).pid).memory_maps()}
    assert any(f"/{framework.removeprefix('py')}/" in path for path in loaded)
    # torchvision's transforms are of Pillow's images.
    own = {"matplotlib", "pandas", "scipy", *(["PIL"] if framework == TENSORFLOW else [])}
    assert not [path for path in loaded if own & set(path.split("/"))]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_cpu_has_neither_a_clock_nor_an_allocator_of_its_own(trials, framework):
    _, first, *_, finished = trials(framework, Mode.LOOP)
    assert first["device_s"] is None
    assert finished["allocator"] == {
        "peak_in_use_bytes": None,
        "peak_reserved_bytes": None,
        "reason": "the device is a CPU",
    }


@pytest.mark.parametrize("mode", EXECUTED)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_warming_up_leaves_the_recipes_weights(trials, framework, mode):
    started = trials(framework, mode)[0]
    program = program_of(Case(workload=WORK, device="cpu", mode=mode), framework)
    weights = initial_weights(WORK, program.initial if program else Initial.GLOROT)
    assert started["digests"]["weights_sha256"] == digest(*weights.named().values())


@pytest.mark.parametrize("mode", ALIKE)
def test_both_frameworks_had_the_same_data_weights_and_order(trials, mode):
    sides = [trials(framework, mode) for framework in FRAMEWORKS]
    digests = [side[0]["digests"] | side[-1]["digests"] for side in sides]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("mode", ALIKE)
def test_both_frameworks_learn_alike(trials, mode):
    first, second = (trials(framework, mode)[4] for framework in FRAMEWORKS)
    assert first["loss"] == pytest.approx(second["loss"], rel=0.15)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_effective_settings_are_what_was_asked(trials, framework):
    effective = trials(framework, Mode.LOOP)[0]["effective"]
    assert effective["threads"] == "1"
    assert effective["precision"] == "float32"
    assert "cpu" in effective["device"].lower()
    assert effective["denormals"] == "flushed"
    assert "cuda_libraries" not in effective


@pytest.mark.parametrize("mode", [Mode.EAGER, Mode.COMPILED, Mode.IDIOMATIC, Mode.GRAPH])
def test_each_mode_runs_the_step_its_own_way(trials, mode):
    steps = {trials(framework, one)[0]["effective"]["step"] for framework in FRAMEWORKS for one in (mode,)}
    expected = {
        Mode.EAGER: {"eager"},
        Mode.COMPILED: {"tf.function(jit_compile=True)", "torch.compile"},
        Mode.IDIOMATIC: {"fit (tf.function)", "eager"},
        Mode.GRAPH: {"tf.function (a loop over the epoch)", "CUDA graph"},
    }
    assert steps == expected[mode]


@pytest.mark.parametrize(
    ("update", "said"), [(Update.FUSED, "Adam (fused)"), (Update.FOREACH, "Adam (foreach)")]
)
def test_the_adam_that_is_asked_for_is_the_one_that_runs(small_root, lasting_worker, update, said):
    spec = spec_of("pytorch", Mode.LOOP, small_root)
    asked = replace(spec, case=replace(spec.case, update=update))
    answer = lasting_worker("pytorch").ask(Do.START, timeout_s=300, spec=dump_spec(asked))
    assert answer["effective"]["optimizer"] == said
