"""Every step passes where its subject is right, and fails with a fault planted in it. No GPU is needed."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import psutil
import pytest

from harness.engine.selfchecking import clocks, memory, proofs, running, speed
from harness.engine.selfchecking.outcome import Outcome, Reading, State
from harness.engine.selfchecking.running import STEPS, Step, check
from harness.engine.selfchecking.workers import CheckConditions
from harness.errors import WorkerFailed, WorkerSilent
from harness.measure.disturbance import Watch
from harness.parity.certificate import Finding
from harness.settings.presets import FRAMEWORKS
from harness.work.workload import Mode, Precision
from tests.processes import command

ACTING = "tests.engine.selfchecking.acting"
BY_NAME = {step.name: step for step in STEPS}


class Watcher:
    def step_began(self, step, limit_s): ...

    def step_done(self, checked): ...


@pytest.fixture
def conditions(tmp_path, synthetic_root, compile_cache):
    (tmp_path / "logs").mkdir()
    return CheckConditions(
        device="cpu",
        gpu=None,
        gpu_reason=None,
        frameworks=FRAMEWORKS,
        threads=1,
        data_root=synthetic_root,
        folder=tmp_path,
        compile_cache=compile_cache,
    )


@pytest.fixture
def acting(monkeypatch):
    """Acting frameworks with a fault, or without."""

    def plant(fault=""):
        for framework in FRAMEWORKS:
            monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework.upper()}", ACTING)
        monkeypatch.setenv("EVENMATCH_FAULT", fault)

    return plant


def found(conditions, *names, budget_s=600.0):
    steps = [BY_NAME[name] for name in names]
    return [one.outcome for one in check(steps, conditions, Watcher(), budget_s=budget_s)]


@pytest.fixture
def brief(monkeypatch):
    """Half as long rounds and pauses: those of scripted frameworks are slept through to the millisecond."""
    monkeypatch.setattr(speed, "_ROUND_S", 0.05)
    monkeypatch.setattr(speed, "PAUSES_S", (0.0, 0.005, 0.05, 0.25))


def one_framework(conditions):
    return replace(conditions, frameworks=("pytorch",))


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("name", ["installed", "memory", "shortage", "ways", "pauses", "paired"])
def test_a_step_passes_where_nothing_is_wrong(conditions, acting, monkeypatch, name):
    # A test's machine may be busy, and how well a quiet one is resolved is not this test's subject.
    monkeypatch.setattr(speed, "PAUSE_BOUND", 0.4)
    monkeypatch.setattr(speed, "PARTNER_BOUND", 0.4)
    acting()
    (outcome,) = found(conditions, name)
    assert outcome.state is State.PASSED, outcome
    assert outcome.readings


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("installed", "cannot use the device", "scripted not to use cpu"),
        ("clocks", "the clock runs fast", "beyond what the parent waited"),
        ("memory", "holds half", "resident memory says 512 MiB of 1 GiB"),
        ("memory", "does not give back", "given back and taken again says 2048 MiB"),
        ("shortage", "gets what there is not", "got more memory than there is"),
        ("shortage", "says it in other words", "told as 'raised', not as out of memory"),
        ("shortage", "leaves a process", "1 of its processes outlived it"),
        ("ways", "another loss", "differ by 0.1 at most"),
        ("pauses", "tires in a pause", "a pause of 250 ms changes a round's time by +"),
        ("paired", "minds its partner", "pytorch: a partner changes a round's time by +"),
    ],
)
def test_a_fault_in_a_steps_subject_makes_it_fail(conditions, acting, name, fault, said):
    acting(fault)
    (outcome,) = found(one_framework(conditions), name)
    assert outcome.state is State.FAILED, outcome
    assert said in outcome.sentence


def _a_round(monkeypatch):
    """Arithmetic that takes the same time however busy the machine is."""
    monkeypatch.setattr(speed, "_arithmetic", lambda: time.sleep(0.02))


@pytest.mark.slow
def test_watching_that_costs_little_passes(conditions, monkeypatch):
    _a_round(monkeypatch)
    monkeypatch.setattr(speed, "WATCHING_BOUND", 0.4)
    assert [one.state for one in found(conditions, "watching")] == [State.PASSED]


@pytest.mark.slow
def test_a_watch_that_costs_a_fifth_of_a_round_makes_its_step_fail(conditions, monkeypatch):
    class Slow(Watch):
        def begin(self):
            time.sleep(0.004)
            super().begin()

    _a_round(monkeypatch)
    monkeypatch.setattr(speed, "Watch", Slow)
    (outcome,) = found(conditions, "watching")
    assert outcome.state is State.FAILED, outcome
    assert "the watch changes a round's time by +" in outcome.sentence


@pytest.mark.parametrize(
    ("faulty", "state", "said"),
    [
        (lambda timing: timing, State.PASSED, "agree"),
        (lambda timing: replace(timing, wall_s=1.02 * timing.wall_s), State.FAILED, "the clock runs +"),
        (lambda timing: replace(timing, wall_s=0.98 * timing.wall_s), State.FAILED, "the clock runs -"),
        (
            lambda timing: replace(timing, cpu_s=1.02 * timing.wall_s),
            State.FAILED,
            "1.020 s of processor time",
        ),
        (lambda timing: replace(timing, cpu_s=0.5 * timing.wall_s), State.COULD_NOT, "50 % of it at most"),
    ],
)
def test_the_hosts_clocks_are_held_against_each_other(monkeypatch, faulty, state, said):
    def timed(work, synchronise):
        began_s = time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
        work()
        wall_s = time.clock_gettime(time.CLOCK_MONOTONIC_RAW) - began_s
        return faulty(clocks.Timing(started_s=began_s, wall_s=wall_s, cpu_s=0.99 * wall_s))

    monkeypatch.setattr(clocks, "timed", timed)
    monkeypatch.setattr(clocks, "_SLICE_S", 0.01)
    outcome = clocks.hosts_clocks()
    assert outcome.state is state, outcome
    assert said in outcome.sentence


def test_whoever_takes_the_processor_at_the_edges_of_a_slice_makes_no_clock_wrong(monkeypatch):
    def timed(work, synchronise):
        time.sleep(0.002)
        timing = truly(work, synchronise)
        time.sleep(0.002)
        return replace(timing, cpu_s=0.99 * timing.wall_s)

    truly = clocks.timed
    monkeypatch.setattr(clocks, "timed", timed)
    monkeypatch.setattr(clocks, "_SLICE_S", 0.01)
    outcome = clocks.hosts_clocks()
    assert outcome.state is State.PASSED, outcome


def finding(share, *, holds=True):
    return Finding(check="steps in fp32", quantity="loss", expected="1", found="1", difference=share * 1e-5,
                   bound=1e-5, meaning="largest relative difference", holds=holds)  # fmt: skip


@pytest.fixture
def proven(conditions, acting, monkeypatch):
    """What a step says, and how many differences it keeps, where every way of a framework gives an answer."""
    acting()
    told = proofs.proving.findings
    both = [(Mode.LOOP, Precision.FP32), (Mode.COMPILED, Precision.FP32)]
    monkeypatch.setattr(proofs, "certifiable", lambda *_: both)
    monkeypatch.setattr(proofs.proving, "findings", lambda one: one if isinstance(one, tuple) else told(one))

    def prove(name, answer):
        monkeypatch.setattr(proofs.proving, "testimony", lambda *_, **__: answer)
        (outcome,) = found(one_framework(conditions), name)
        (file,) = conditions.folder.glob(f"{name}*.csv")
        return outcome, len(file.read_text().splitlines()) - 1

    return prove


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        ((finding(0.25), finding(0.5)), State.PASSED, "the largest difference is 50 % of its bound"),
        ((finding(0.25), finding(3.0, holds=False)), State.FAILED, "loss: 1, reference 1 (largest relative"),
        (WorkerFailed("ValueError: no"), State.FAILED, "testimony: ValueError: no"),
        (WorkerSilent("no answer to prove within 1 s"), State.COULD_NOT, "no time was left for"),
    ],
)
def test_certificates_are_told_by_what_comes_closest_to_its_bound(proven, answer, state, said):
    for name in ("certificates", "compiled"):
        outcome, rows = proven(name, answer)
        assert outcome.state is state, outcome
        assert said in outcome.sentence
        assert rows == (
            0 if isinstance(answer, WorkerSilent) else len(answer) if isinstance(answer, tuple) else 1
        )


@pytest.mark.slow
def test_a_real_framework_with_a_fault_makes_the_certificates_fail(conditions, monkeypatch):
    monkeypatch.setattr(
        proofs, "certifiable", lambda *_: [(Mode.LOOP, Precision.FP32), (Mode.EAGER, Precision.FP32)]
    )
    monkeypatch.setenv("EVENMATCH_ADAPTER_PYTORCH", "tests.parity.faulty_torch")
    monkeypatch.setenv("EVENMATCH_FAULT", "batch order shifted by one sample")
    (outcome,) = found(one_framework(conditions), "certificates")
    assert outcome.state is State.FAILED
    assert outcome.sentence.startswith("pytorch loop fp32: ")
    assert outcome.sentence.endswith("; and 1 more")


@pytest.mark.slow
def test_one_worker_testifies_to_all_ways_of_a_real_framework(conditions, monkeypatch):
    wanted = [(Mode.LOOP, Precision.BF16), (Mode.EAGER, Precision.FP32), (Mode.LOOP, Precision.FP64)]
    monkeypatch.setattr(proofs, "certifiable", lambda *_: wanted)
    (outcome,) = found(one_framework(conditions), "certificates")
    assert outcome.state is State.PASSED, outcome
    assert len(list((conditions.folder / "logs").iterdir())) == 1
    assert [reading.what.partition(":")[0] for reading in outcome.readings] == [
        f"pytorch {mode} {precision}" for mode, precision in wanted
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["driver", "events", "energy"])
def test_without_a_gpu_a_gpus_step_says_so(conditions, name):
    (outcome,) = found(conditions, name)
    assert outcome == Outcome(state=State.COULD_NOT, sentence="could not: no GPU")


def test_too_little_memory_for_a_gib_is_no_failure(conditions, monkeypatch):
    monkeypatch.setattr(memory.host, "memory_bytes", lambda: 2 * 2**30)
    (outcome,) = found(conditions, "memory")
    assert outcome.sentence == "could not: 2.0 GiB of memory are free; 3 are needed"


def step(name, run, limit_s=60.0):
    return Step(name=name, title=name, limit_s=limit_s, run=run)


def fine(_conditions, _workers):
    return Outcome(state=State.PASSED, sentence="fine", readings=(Reading(what="a", value=1.0),))


def test_a_step_that_raises_or_hangs_does_not_stop_the_others(conditions, monkeypatch):
    def raises(_conditions, _workers):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(running, "_GRACE_S", 0.1)
    monkeypatch.setattr(running.host, "load_1min", lambda: 0.0)
    monkeypatch.setattr(running, "_LEAST_S", 0.0)
    steps = [step("raises", raises), step("hangs", lambda *_: time.sleep(3), 0.2), step("fine", fine)]
    outcomes = [one.outcome for one in check(steps, conditions, Watcher(), budget_s=60)]
    assert [one.sentence for one in outcomes] == [
        "ZeroDivisionError: by nothing",
        "it did not end within 0 s",
        "fine",
    ]
    assert "ZeroDivisionError" in (conditions.folder / "logs" / "raises-traceback.log").read_text()


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_with_its_step_and_nothing_is_left_of_it(
    conditions, acting, monkeypatch
):
    for framework in FRAMEWORKS:
        monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework.upper()}", "harness.frameworks.scripted")
        monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework.upper()}", '{"events": {"start": "hang"}}')
    monkeypatch.setattr(running.host, "load_1min", lambda: 0.0)
    steps = [replace(BY_NAME["memory"], limit_s=8.0), step("fine", fine)]
    checked = list(check(steps, conditions, Watcher(), budget_s=600))
    silent, after = (one.outcome for one in checked)
    assert silent.state is State.FAILED
    assert re.fullmatch(r"no answer to start within [5-8](\.\d)? s; its log says: nothing", silent.sentence)
    assert after.sentence == "fine"
    assert not [one for one in psutil.Process().children() if "harness.worker" in command(one)]


def test_where_others_have_the_processors_silence_is_no_failure(conditions, monkeypatch):
    def silent(_conditions, _workers):
        raise WorkerSilent("no answer to train within 60 s")

    monkeypatch.setattr(running.host, "load_1min", lambda: 9.0)
    monkeypatch.setattr(running.host, "usable_cores", lambda: 2)
    (checked,) = check([step("late", silent)], conditions, Watcher(), budget_s=60)
    assert checked.outcome.state is State.COULD_NOT
    assert checked.outcome.sentence.endswith("within 60 s, on a machine with 9 processes for 2 cores")


def test_when_the_whole_time_is_over_the_rest_is_not_begun(conditions):
    (checked,) = check([step("late", fine)], conditions, Watcher(), budget_s=1)
    assert checked.outcome.sentence == "could not: the 1 s of the whole were over"


def test_every_step_has_a_name_of_its_own_and_a_limit():
    assert len(BY_NAME) == len(STEPS)
    assert all(0 < one.limit_s <= 300 for one in STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["memory", "shortage", "ways"])
def test_real_frameworks_pass(conditions, name):
    (outcome,) = found(conditions, name)
    assert outcome.state is State.PASSED, outcome
