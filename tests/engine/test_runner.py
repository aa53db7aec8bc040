"""A run with scripted workers: who runs when, what is kept, and what a failure leaves."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from harness.analysis.statistics import MIN_REPLICATES
from harness.engine import runner
from harness.engine.fitting import Estimates
from harness.engine.known import FEWEST_TURNS, MOST_TURNS
from harness.engine.stopping import EXTRA
from harness.measure import host
from harness.settings import config
from harness.settings.grid import SEEDS, plan
from harness.store.reader import read
from harness.store.writer import Store
from harness.work.records import Certification, Phase, Role
from harness.work.workload import Case, Mode, Workload

pytestmark = pytest.mark.slow


class Silent:
    def __init__(self):
        self.failed = []
        self.short = []

    def match_began(self, match, *, spent_s, left_s):
        pass

    def turn_done(self, match, *, done, rounds):
        pass

    def trial_done(self, trial):
        if trial.failure:
            self.failed.append(trial)

    def judged(self, match, so_far):
        pass

    def falls_short(self, need, budget_s):
        self.short.append((need, budget_s))


@pytest.fixture
def run(tmp_path, synthetic_root, fork_servers, forked_matches, monkeypatch):
    """Measure a small plan; scripts are given by framework.

    Where contenders can be certified all are when it begins, or those of the batch sizes that are given.
    """

    def measure(
        scripts=None,
        observer=None,
        *,
        roles=frozenset({Role.COMPARISON}),
        prove=None,
        proven=None,
        earlier=None,
        estimates=None,
        unfit=(),
        **given,
    ):
        for framework in ("TENSORFLOW", "PYTORCH"):
            monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework}", "harness.frameworks.scripted")
            script = (scripts or {}).get(framework.lower(), {})
            monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework}", json.dumps(script))
        options = {"batch_size": "500", "train_samples": "1000", "replicates": "1", "dataset": "synthetic"}
        settings = config.resolve(options | given, {}, tmp_path)
        store = Store(tmp_path / "results")
        store.prepare()
        trials = []

        def save(match):
            store.save_match(match)
            if match[0].role in roles:
                trials.extend(match)

        planned = plan(settings)
        held = {
            (one.case.id, one.framework): Certification(
                id=f"{one.framework}-{one.case.workload.batch_size}", holds=True
            )
            for one in planned.contenders()
            if proven is None or one.case.workload.batch_size in proven
        }
        outcome = runner.measure(
            replace(planned, unfit=unfit),
            run_id="run",
            data_root=synthetic_root,
            logs=store.logs,
            certificates=held if prove else {},
            servers=fork_servers,
            save=save,
            observer=observer or Silent(),
            prove=prove,
            earlier=earlier,
            estimates=estimates,
        )
        return outcome, trials

    return measure


def test_the_rounds_of_a_match_take_turns_and_never_overlap(run):
    _, trials = run()
    rounds = sorted(
        (one.started_s, one.started_s + one.wall_s, trial.framework, one.phase, one.epoch)
        for trial in trials
        for one in trial.rounds
    )
    for (_, end_s, *_), (start_s, *_) in pairwise(rounds):
        assert end_s <= start_s
    for wanted in Phase:
        names = [name for _, _, name, phase, _ in rounds if phase is wanted]
        assert len(names) >= 10
        turns = [set(names[first : first + 2]) for first in range(0, len(names), 2)]
        assert turns == [{"tensorflow", "pytorch"}] * len(turns)


def test_a_match_takes_as_many_turns_as_it_is_worth_whatever_the_epochs_and_then_evaluates(run):
    script = {"epoch_s": 0.2}
    _, trials = run({"tensorflow": script, "pytorch": script}, epochs="1", batch_size="50", round_s="0.03")
    for trial in trials:
        train = [one for one in trial.rounds if one.phase is Phase.TRAIN]
        evaluate = [one for one in trial.rounds if one.phase is Phase.EVALUATE]
        assert FEWEST_TURNS <= len(train) <= MOST_TURNS
        assert {one.samples for one in train} == {200}
        assert train[-1].epoch > 1
        assert len(evaluate) == 5
        assert min(one.started_s for one in evaluate) > max(one.started_s for one in train)
        assert not trial.whole


def test_a_case_that_does_not_fit_is_a_row_of_each_framework_with_the_reason(run):
    large = Case(workload=Workload(hidden=(16_384,) * 8), device="cpu", mode=Mode.LOOP)
    outcome, trials = run(unfit=((large, "it needs all the memory there is"),))
    left_out = [one for one in trials if one.case == large]
    assert [one.framework for one in left_out] == ["tensorflow", "pytorch"]
    assert {(one.failure.kind, one.failure.reason) for one in left_out} == {
        ("too large", "it needs all the memory there is")
    }
    assert outcome.trials_failed == 2
    assert all(one.failure is None for one in trials if one.case != large)


def test_a_case_for_whose_first_match_there_is_no_time_is_a_row_that_says_so(run):
    """By the estimate a match of the second network takes longer than the budget; the seed has it second."""
    _, trials = run(hidden="128,4096", budget_s="30", seed="1", estimates=Estimates(flop_per_s=1e10))
    kinds = {(one.case.workload.hidden, one.failure and one.failure.kind) for one in trials}
    assert kinds == {((128,), None), ((4096,), "skipped")}
    (reason,) = {one.failure.reason for one in trials if one.failure}
    assert reason == "too little of the budget of 30 s was left for it"


def proving(asked, failed=None, lasts_s=0.0):
    """Certificates that hold, but for PyTorch's at batch 250 if one is given; who is asked for is noted."""

    def prove(contenders):
        time.sleep(lasts_s)
        asked.append([(one.framework, one.case.workload.batch_size) for one in contenders])
        return {
            (one.case.id, one.framework): failed
            if failed and (one.framework, one.case.workload.batch_size) == ("pytorch", 250)
            else Certification(id=f"{one.framework}-{one.case.workload.batch_size}", holds=True)
            for one in contenders
        }

    return prove


class Beginning(Silent):
    """Notes by whom what was begun, and how often anybody had been proven by then."""

    def __init__(self, asked):
        super().__init__()
        self.begun = []
        self._asked = asked

    def match_began(self, match, *, spent_s, left_s):
        self.begun.append((match.role, match.case.workload.batch_size, len(self._asked)))


FIRST_OF_THREE = {
    "batch_size": "500,250,125", "replicates": "7", "epochs": "1", "round_s": "0.01", "at_best": "no",
}  # fmt: skip


def test_cases_after_the_first_are_proven_at_once_when_the_first_has_its_verdict(run):
    asked = []
    observer = Beginning(asked)
    _, trials = run(observer=observer, prove=proving(asked), proven=(500,), **FIRST_OF_THREE)
    assert asked == [[(name, size) for size in (250, 125) for name in ("tensorflow", "pytorch")]]
    first = observer.begun[:MIN_REPLICATES]
    assert first == [(Role.COMPARISON, 500, 0)] * MIN_REPLICATES
    assert {proofs for *_, proofs in observer.begun[MIN_REPLICATES:]} == {1}
    under = {(one.framework, one.case.workload.batch_size, one.certificate.id) for one in trials}
    assert under == {
        (name, size, f"{name}-{size}") for name in ("tensorflow", "pytorch") for size in (500, 250, 125)
    }


def test_a_case_whose_certificate_fails_on_the_way_is_not_measured_and_the_others_are(run):
    asked = []
    failed = Certification(id="f", holds=False)
    observer = Beginning(asked)
    outcome, trials = run(observer=observer, prove=proving(asked, failed), proven=(500,), **FIRST_OF_THREE)
    assert Counter(one.case.workload.batch_size for one in trials) == {500: 14, 125: 14}
    assert {size for _, size, _ in observer.begun} == {500, 125}
    assert outcome.trials_failed == 0
    assert "of 2 cases known" in outcome.stopped_because


def test_one_that_lacked_memory_for_its_proof_on_the_way_is_tried_once(run):
    failed = Certification(id="f", holds=False, lacked_memory=True)
    _, trials = run(prove=proving([], failed), proven=(500,), **FIRST_OF_THREE)
    assert Counter(one.case.workload.batch_size for one in trials) == {500: 14, 250: 2, 125: 14}


def test_proofs_on_the_way_take_nothing_of_the_budget(run):
    unspent_s = []

    class Clocked(Silent):
        def match_began(self, match, *, spent_s, left_s):
            unspent_s.append(time.monotonic() - spent_s)

    run(observer=Clocked(), prove=proving([], lasts_s=0.5), proven=(500,), **FIRST_OF_THREE)
    grown_s = [after - before for before, after in pairwise(unspent_s)]
    assert 0.5 <= grown_s.pop(MIN_REPLICATES - 1) < 1.0
    assert max(map(abs, grown_s)) < 0.1


def test_what_is_learned_is_seen_in_whole_trainings_of_their_own(run):
    script = {"epoch_s": 0.004}
    _, trials = run(
        {"tensorflow": script, "pytorch": script}, epochs="3", replicates="2", roles={Role.LEARNING}
    )
    assert [(one.replicate, one.framework) for one in trials] == [
        (seed, framework) for seed in (0, 1) for framework in ("tensorflow", "pytorch")
    ]
    for trial in trials:
        train = [one for one in trial.rounds if one.phase is Phase.TRAIN]
        assert [(one.epoch, one.samples) for one in train] == [(1, 1000), (2, 1000), (3, 1000)]
        assert [one.epoch for one in trial.rounds if one.phase is Phase.EVALUATE] == [1, 2, 3]
        assert trial.whole


def test_both_learn_at_the_same_time_where_there_are_cores_for_it(run):
    script = {"train_s": 0.2}
    _, trials = run({"tensorflow": script, "pytorch": script}, epochs="3", roles={Role.LEARNING}, threads="1")
    one, other = ([(r.started_s, r.started_s + r.wall_s) for r in trial.rounds] for trial in trials)
    overlaps = [start < other[-1][1] and end > other[0][0] for start, end in one]
    # On a busy machine the one may be through long before the other.
    assert any(overlaps) == (host.usable_cores() > 1)


def test_seeds_are_no_more_than_replicates_and_come_when_a_verdict_may_be_called():
    planned = plan(config.resolve({"batch_size": "64,512", "replicates": "8"}, {}, Path()))
    roles = [match.role for match in planned.matches(MIN_REPLICATES)]
    assert roles.count(Role.LEARNING) == 2 * SEEDS
    first = roles.index(Role.LEARNING)
    assert roles[:first].count(Role.COMPARISON) == 2 * MIN_REPLICATES
    seed = [Role.LEARNING, Role.LEARNING, Role.CONTROL]
    assert roles[first : first + 3 * SEEDS + 1] == [*seed, Role.CONTROL, *seed * (SEEDS - 1)]
    few = plan(config.resolve({"replicates": "1"}, {}, Path()))
    assert [match.role for match in few.matches(MIN_REPLICATES)].count(Role.LEARNING) == 2


def test_predictions_are_timed_at_one_sample_and_at_the_cases_batch(run):
    _, trials = run({"pytorch": {"predict_s": 0.002}}, epochs="1")
    for trial in trials:
        assert [one.batch_size for one in trial.latencies] == [1, 500]
        assert all(one.p50_s <= one.p95_s <= one.p99_s for one in trial.latencies)
    slow, quick = (next(t for t in trials if t.framework == name) for name in ("pytorch", "tensorflow"))
    assert slow.latencies[0].p50_s > quick.latencies[0].p50_s


def test_every_other_replicate_brings_a_control_of_one_framework_against_itself(run):
    _, trials = run(epochs="1", replicates="4", roles={Role.CONTROL})
    assert [(one.replicate, one.framework, one.seat) for one in trials] == [
        (0, "tensorflow", 0),
        (0, "tensorflow", 1),
        (1, "pytorch", 0),
        (1, "pytorch", 1),
    ]
    assert len({one.trial_id for one in trials}) == 4
    assert all(one.certificate is None for one in trials)


def test_a_run_stops_when_every_case_is_precise_enough(run):
    script = {"train_s": 0.02}
    outcome, trials = run(
        {"tensorflow": script, "pytorch": script}, epochs="2", replicates="50", within="50%"
    )
    assert len(trials) == 2 * (MIN_REPLICATES + EXTRA)
    assert outcome.stopped_because == "every case is known within 50 %"


def test_a_difference_however_clear_does_not_stop_a_run(run):
    scripts = {"tensorflow": {"train_s": 0.005}, "pytorch": {"train_s": 0.02}}
    outcome, trials = run(scripts, epochs="2", replicates="8", within="0.01%")
    assert len(trials) == 2 * 8
    assert outcome.stopped_because.startswith(
        "every case has its 8 replicates; 0 of 1 case known within 0.01 %: that takes about "
    )


def test_a_run_says_at_its_first_match_that_its_budget_is_too_small_for_verdicts(run):
    observer = Silent()
    _, trials = run(observer=observer, epochs="2", batch_size="500,250", replicates="8", budget_s="1")
    need, budget_s = observer.short[0]
    assert (need.cases, need.within, need.replicates, budget_s) == (2, None, MIN_REPLICATES, 1.0)
    # Of what matches take, five of each case and what stands between them.
    assert need.needs_s > MIN_REPLICATES * 2 * min(trial.wall_s for trial in trials)
    assert len([one for one, _ in observer.short if one.within is None]) == 1


def test_a_run_says_when_it_can_tell_that_its_budget_is_too_small_to_know_as_wanted(run):
    scripts = {"tensorflow": {"train_s": 0.005}, "pytorch": {"train_s": 0.02}}
    observer = Silent()
    # Ten times what the run takes, and less than it would, however steady the machine is.
    run(scripts, observer, epochs="2", replicates="8", within="0.01%", budget_s="60")
    ((need, budget_s),) = observer.short
    assert (need.within, budget_s) == (0.0001, 60.0)
    assert need.replicates > 8
    assert need.needs_s > 60


def test_a_case_that_does_not_fit_is_not_among_those_that_need_time(run):
    observer = Silent()
    scripts = {"tensorflow": {"events": {"start 500": "memory"}}}
    run(scripts, observer, epochs="2", batch_size="500,250", replicates="8", budget_s="0.2")
    assert {need.cases for need, _ in observer.short} == {1}


def test_a_budget_that_will_do_is_not_spoken_of(run):
    observer = Silent()
    run(observer=observer, epochs="1", replicates="5", within="50%", budget_s="600")
    assert observer.short == []


def test_the_observer_hears_a_verdict_after_every_finished_match(run):
    class Listening(Silent):
        heard = ()

        def judged(self, match, so_far):
            self.heard += ((match.role, so_far.interval.replicates),)

    observer = Listening()
    run(observer=observer, epochs="1", replicates="2")
    assert sorted(observer.heard) == [(Role.COMPARISON, 1), (Role.COMPARISON, 2), (Role.CONTROL, 1)]


def test_a_round_lasts_as_long_as_its_work(run):
    _, trials = run({"tensorflow": {"train_s": 0.05}, "pytorch": {"train_s": 0.1}}, epochs="3")
    medians = {
        trial.framework: pd.Series([r.wall_s for r in trial.rounds if r.phase is Phase.TRAIN]).median()
        for trial in trials
    }
    assert medians["pytorch"] / medians["tensorflow"] == pytest.approx(2, rel=0.1)


def test_a_side_that_fails_is_a_row_and_the_other_finishes(run):
    observer = Silent()
    outcome, trials = run({"pytorch": {"events": {"train 2": "raise"}}}, observer, epochs="3")
    sides = {trial.framework: trial for trial in trials}
    # A control, the other side, and what it learns.
    assert (outcome.trials_ok, outcome.trials_failed) == (4, 2)
    assert sides["tensorflow"].failure is None
    assert len(sides["tensorflow"].rounds) > len(sides["pytorch"].rounds)
    assert sides["pytorch"].failure.kind == "raised"
    assert len(sides["pytorch"].rounds) == 1
    assert [(trial.framework, trial.role) for trial in observer.failed] == [
        ("pytorch", Role.COMPARISON),
        ("pytorch", Role.LEARNING),
    ]


@pytest.mark.parametrize(
    ("event", "kind"), [("exit", "died"), ("kill", "died"), ("raise", "raised"), ("hang", "timeout")]
)
def test_a_worker_that_never_starts_is_a_row_with_its_reason(run, event, kind):
    _, trials = run({"tensorflow": {"events": {"start": event}}}, epochs="1", timeout_s="5")
    (failed,) = [trial for trial in trials if trial.failure]
    assert failed.framework == "tensorflow"
    assert failed.failure.kind == kind
    assert failed.startup is None
    assert failed.rounds == ()


@pytest.mark.parametrize(
    ("script", "kind"),
    [({"events": {"train 2": "memory"}}, "out of memory"), ({"place": "gpu"}, "wrong device")],
)
def test_a_case_without_memory_or_on_another_device_is_a_row_and_the_grid_goes_on(
    run, tmp_path, script, kind
):
    _, trials = run({"pytorch": script}, epochs="3", batch_size="100,500")
    assert {(one.framework, one.failure and one.failure.kind) for one in trials} == {
        ("tensorflow", None),
        ("pytorch", kind),
    }
    assert len({one.case.id for one in trials}) == 2
    rows = pd.concat([pd.read_parquet(one) for one in (tmp_path / "results" / "trials").glob("*.parquet")])
    failed = rows[rows["status"] == "failed"]
    assert set(failed["failure_kind"]) == {kind}
    assert failed["host_peak_bytes"].gt(10_000_000).all()


def test_a_case_that_does_not_fit_is_tried_once_and_the_others_as_often_as_asked(run):
    scripts = {"pytorch": {"events": {"start 500": "memory"}}}
    outcome, trials = run(scripts, epochs="2", replicates="3", batch_size="100,500")
    assert Counter((one.case.workload.batch_size, one.failure is None) for one in trials) == {
        (100, True): 6,
        (500, True): 1,
        (500, False): 1,
    }
    assert outcome.stopped_because == "every case that fits into memory has its 3 replicates"


def test_a_run_of_which_nothing_fits_says_so(run):
    outcome, trials = run({"pytorch": {"events": {"start": "memory"}}}, epochs="1", replicates="3")
    assert len(trials) == 2
    assert outcome.stopped_because == "every case ran out of memory"


def test_a_contender_that_only_ever_fails_is_set_aside_and_its_case_is_on_record_as_skipped(run):
    scripts = {"pytorch": {"events": {"start 500": "raise"}}}
    outcome, trials = run(scripts, epochs="1", replicates="5", batch_size="100,500")
    assert Counter(
        (one.case.workload.batch_size, one.framework, one.failure and one.failure.kind) for one in trials
    ) == {
        (100, "tensorflow", None): 5,
        (100, "pytorch", None): 5,
        (500, "tensorflow", None): 3,
        (500, "pytorch", "raised"): 3,
        (500, "tensorflow", "skipped"): 1,
        (500, "pytorch", "skipped"): 1,
    }
    (skipped,) = {one.failure.reason for one in trials if one.failure and one.failure.kind == "skipped"}
    assert skipped.startswith(
        "pytorch/synthetic-cpu-loop-fp32-b500-e1-n1000 failed 3 times, never finished, and was"
    )
    assert "scripted to fail" in skipped
    assert outcome.stopped_because.startswith(
        "every case that could be measured has its 5 replicates; pytorch/"
    )
    assert "was set aside (raised: " in outcome.stopped_because


def test_one_that_has_finished_once_may_fail_as_often_as_it_likes(run, monkeypatch):
    class Breaking(Silent):
        def judged(self, match, so_far):
            if match.role is Role.COMPARISON:
                script = {"events": {"start": "raise"}}
                monkeypatch.setenv("EVENMATCH_SCRIPT_PYTORCH", json.dumps(script))

    _, trials = run(observer=Breaking(), epochs="1", replicates="6")
    assert Counter(one.failure and one.failure.kind for one in trials) == {None: 7, "raised": 5}


def test_a_framework_that_fails_at_every_start_does_not_use_up_the_budget(run):
    outcome, trials = run({"tensorflow": {"events": {"start": "exit"}}}, replicates="50", epochs="1")
    assert Counter(one.failure and one.failure.kind for one in trials) == {"died": 3, None: 3, "skipped": 2}
    assert outcome.stopped_because.startswith("no case could be measured; tensorflow/")


def test_memory_that_runs_out_after_a_whole_match_does_not_end_the_case(run, monkeypatch):
    class Tightening(Silent):
        def judged(self, match, so_far):
            if match.role is Role.COMPARISON:
                script = {"events": {"start": "memory"}}
                monkeypatch.setenv("EVENMATCH_SCRIPT_PYTORCH", json.dumps(script))

    _, trials = run(observer=Tightening(), epochs="2", replicates="3")
    assert len(trials) == 6


def test_both_sides_drew_the_same_weights_order_and_data(run):
    _, trials = run(epochs="2")
    first, second = (trial.digests for trial in trials)
    assert first == second
    assert set(first) == {"data_sha256", "weights_sha256", "order_sha256"}


def test_every_trial_is_on_disk_and_read_back_with_its_rounds(run, tmp_path):
    run({"pytorch": {"events": {"train 1": "kill"}}}, epochs="2", replicates="2")
    store = Store(tmp_path / "results")
    store.save_run({"run_id": "run", "status": "finished"})
    frames = read(tmp_path / "results")
    assert len(frames.trials) == 4
    assert set(frames.trials["status"]) == {"ok", "failed"}
    failed = frames.trials[frames.trials["status"] == "failed"]
    assert failed["failure_reason"].str.contains("SIGKILL").all()
    assert frames.trials["final_accuracy"].isna().all()
    assert set(frames.rounds["trial_id"]) == set(
        frames.trials.loc[frames.trials["status"] == "ok", "trial_id"]
    )
    assert len(frames.controls) == 2
    assert set(frames.control_rounds["role"]) == {"control"}
    # The third failure is the last: of the second seed nothing is tried.
    assert Counter(frames.learned["failure_kind"].dropna()) == {"died": 1, "skipped": 2}
    learned = frames.learned[frames.learned["status"] == "ok"]
    assert list(learned["framework"]) == ["tensorflow"]
    assert (learned["final_accuracy"] == 0.97).all()
    assert set(frames.learned_rounds["trial_id"]) == set(learned["trial_id"])


def test_the_budget_ends_a_run_after_each_case_has_been_measured_once(run):
    outcome, trials = run(batch_size="500,1000", replicates="50", budget_s="0.1", epochs="1")
    assert len(trials) == 4
    assert "time budget" in outcome.stopped_because


def test_ctrl_c_keeps_what_was_measured(run):
    class Impatient(Silent):
        def turn_done(self, match, *, done, rounds):
            if done == 2:
                raise KeyboardInterrupt

    outcome, trials = run(observer=Impatient(), replicates="3", roles={Role.COMPARISON, Role.CONTROL})
    assert outcome.status == "interrupted"
    assert [trial.failure.kind for trial in trials] == ["interrupted"] * 2
    assert all(len(trial.rounds) == 2 for trial in trials)


def test_a_run_knows_how_much_of_it_was_rounds_that_tell_a_speed(run):
    roles = {Role.COMPARISON, Role.CONTROL, Role.LEARNING}
    outcome, trials = run({"tensorflow": {"train_s": 0.01}}, epochs="2", roles=roles)
    raced = [one.wall_s for trial in trials for one in trial.rounds if trial.role is not Role.LEARNING]
    assert outcome.timed_s == pytest.approx(sum(raced))


def test_ctrl_c_while_something_is_learned_ends_the_trainings_and_keeps_them(run):
    class Impatient(Silent):
        def turn_done(self, match, *, done, rounds):
            if match.role is Role.LEARNING:
                raise KeyboardInterrupt

    scripts = {"pytorch": {"train_s": 0.1}}
    outcome, trials = run(scripts, Impatient(), epochs="100", roles={Role.LEARNING})
    assert outcome.status == "interrupted"
    assert [trial.failure.kind for trial in trials] == ["interrupted"] * 2
    done, cut_short = trials
    assert done.whole
    assert 0 < len(cut_short.rounds) < 100


def test_the_idle_side_uses_next_to_no_processor_time(run):
    _, trials = run({"tensorflow": {"train_s": 0.3}, "pytorch": {"train_s": 0.3}}, epochs="3")
    idle = [one.idle_cpu_s for trial in trials for one in trial.rounds if one.epoch > 1]
    assert max(idle) < 0.03
