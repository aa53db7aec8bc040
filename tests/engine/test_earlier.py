"""An unfinished run goes on where it was: nothing is measured twice, and it decides what it would have."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from harness.analysis.statistics import MIN_REPLICATES
from harness.engine.earlier import Nothing
from harness.engine.fitting import Estimates
from harness.engine.known import Known
from harness.engine.stopping import Budget
from harness.settings.matches import between
from harness.store.earlier import Measured
from harness.store.tables import read_matches
from harness.work.records import Certification, Phase, Role, Status
from harness.work.workload import Case, Mode, Workload
from tests.engine.test_runner import FIRST_OF_THREE, Silent, proving, run  # noqa: F401  (a fixture)
from tests.store.test_writer import trial

ALL = frozenset(Role)
PLAN = {"replicates": "2", "batch_size": "250,500", "budget_s": "600", "round_s": "0.01", "epochs": "1"}
SLOW = Estimates(flop_per_s=1e10)
SCRIPTS = {"tensorflow": {"epoch_s": 0.004}, "pytorch": {"epoch_s": 0.006}}


class Ending(Silent):
    """Interrupts a run in a match, after so many of its turns."""

    def __init__(self, in_match, after_turns):
        super().__init__()
        self._left = in_match
        self._after_turns = after_turns
        self.begun = []

    def match_began(self, match, *, spent_s, left_s):
        self.begun.append(match.id)

    def turn_done(self, match, *, done, rounds):
        if len(self.begun) == self._left and done == self._after_turns:
            raise KeyboardInterrupt


def stored(tmp_path):
    return read_matches(tmp_path / "results", "run")[0].to_pandas()


@pytest.mark.slow
@pytest.mark.parametrize("in_match", [1, 4])
def test_what_is_missing_is_measured_once_and_what_is_there_is_not(run, tmp_path, in_match):  # noqa: F811
    whole, _ = run(SCRIPTS, roles=ALL, **PLAN)
    wanted = Counter(stored(tmp_path)["match_id"])
    for path in (tmp_path / "results").rglob("*.parquet"):
        path.unlink()

    cut = Ending(in_match, after_turns=2)
    outcome, _ = run(SCRIPTS, cut, roles=ALL, **PLAN)
    assert outcome.status == "interrupted"
    rest = Ending(99, after_turns=0)
    earlier = Measured(tmp_path / "results", "run")
    assert earlier.matches == in_match - 1
    outcome, _ = run(SCRIPTS, rest, roles=ALL, earlier=earlier, **PLAN)
    assert outcome == replace(whole, timed_s=outcome.timed_s)
    assert not set(rest.begun) & set(cut.begun[:-1])
    assert cut.begun[-1] in rest.begun
    found = stored(tmp_path)
    assert Counter(found["match_id"]) == wanted
    assert found["trial_id"].is_unique
    assert found["failure_kind"].isna().all()


@pytest.mark.slow
@pytest.mark.parametrize("in_match", [MIN_REPLICATES, MIN_REPLICATES + 2])
def test_what_was_proven_on_the_way_is_asked_for_again_and_decides_the_same(run, tmp_path, in_match):  # noqa: F811
    given = FIRST_OF_THREE | {"replicates": str(MIN_REPLICATES)}
    failed = Certification(id="f", holds=False)
    whole, _ = run(SCRIPTS, prove=proving([], failed), proven=(500,), **given)
    wanted = Counter(stored(tmp_path)["match_id"])
    for path in (tmp_path / "results").rglob("*.parquet"):
        path.unlink()

    asked = []
    run(SCRIPTS, Ending(in_match, after_turns=2), prove=proving(asked, failed), proven=(500,), **given)
    assert len(asked) == (in_match > MIN_REPLICATES)
    outcome, _ = run(
        SCRIPTS,
        prove=proving(asked := [], failed),
        proven=(500,),
        earlier=Measured(tmp_path / "results", "run"),
        **given,
    )
    assert len(asked) == 1
    assert (outcome.status, outcome.trials_ok, outcome.trials_failed) == ("finished", whole.trials_ok, 0)
    assert outcome.stopped_because.startswith(
        "every case has its 6 replicates; 0 of 2 cases known within 2 %"
    )
    found = stored(tmp_path)
    assert Counter(found["match_id"]) == wanted
    assert set(found["batch_size"]) == {500, 125}


@pytest.mark.slow
def test_a_case_that_lacked_memory_for_its_proof_is_not_tried_again_by_a_run_that_goes_on(run, tmp_path):  # noqa: F811
    given = FIRST_OF_THREE | {"replicates": str(MIN_REPLICATES)}
    lacked = proving([], Certification(id="f", holds=False, lacked_memory=True))
    run(SCRIPTS, Ending(2 * MIN_REPLICATES, after_turns=2), prove=lacked, proven=(500,), **given)
    tried = stored(tmp_path)["match_id"].loc[stored(tmp_path)["batch_size"].eq(250)].unique()
    assert len(tried) == 1
    earlier = Measured(tmp_path / "results", "run")
    run(SCRIPTS, prove=lacked, proven=(500,), earlier=earlier, **given)
    found = stored(tmp_path)
    assert found.loc[found["batch_size"].eq(250), "match_id"].unique() == tried


@pytest.mark.slow
def test_a_case_that_was_refused_is_refused_again_where_no_time_is_left(run, tmp_path):  # noqa: F811
    given = {"batch_size": "500,250", "replicates": str(MIN_REPLICATES), "epochs": "1", "round_s": "0.01"}
    refused = proving([], Certification(id="f", holds=False))
    run(SCRIPTS, Ending(MIN_REPLICATES + 2, after_turns=1), prove=refused, proven=(500,), **given)
    earlier = Measured(tmp_path / "results", "run")
    asked = []
    again = proving(asked, Certification(id="f", holds=False))
    run(SCRIPTS, prove=again, proven=(500,), earlier=earlier, budget_s="0.1", estimates=SLOW, **given)
    assert len(asked) == 1
    assert set(stored(tmp_path)["batch_size"]) == {500}


@pytest.mark.slow
def test_a_case_without_time_for_its_first_match_is_not_proven_and_says_so(run, tmp_path):  # noqa: F811
    asked = []
    given = {"batch_size": "500,250", "replicates": str(MIN_REPLICATES), "epochs": "1", "round_s": "0.01"}
    run(SCRIPTS, prove=proving(asked), proven=(500,), budget_s="0.1", estimates=SLOW, **given)
    assert asked == []
    found = stored(tmp_path)
    assert set(found.loc[found["batch_size"].eq(250), "failure_kind"]) == {"skipped"}


@pytest.mark.slow
def test_all_replicates_of_a_case_have_the_same_rounds_whoever_measured_them(run, tmp_path):  # noqa: F811
    run(SCRIPTS, Ending(2, after_turns=1), roles=ALL, **PLAN)
    # Another pace would cut other rounds, had the first match not settled them.
    slower = {name: {"epoch_s": 10 * script["epoch_s"]} for name, script in SCRIPTS.items()}
    run(slower, roles=ALL, earlier=Measured(tmp_path / "results", "run"), **PLAN)
    rounds = read_matches(tmp_path / "results", "run")[1].to_pandas()
    compared = rounds[(rounds["role"] == Role.COMPARISON) & (rounds["phase"] == Phase.TRAIN)]
    first = compared[compared["batch_size"] == 250]
    assert first["replicate"].nunique() == 2
    assert first.groupby("replicate")["samples"].unique().map(tuple).nunique() == 1


@pytest.mark.slow
def test_a_pilot_is_not_asked_again(run, tmp_path):  # noqa: F811
    asked = {"mode": "best", "replicates": "2", "batch_size": "500", "budget_s": "600", "round_s": "0.01"}
    run(SCRIPTS, Ending(3, after_turns=1), roles=ALL, **asked)
    rest = Ending(99, after_turns=0)
    run(SCRIPTS, rest, roles=ALL, earlier=Measured(tmp_path / "results", "run"), **asked)
    assert not [name for name in rest.begun if "pilot" in name]
    found = stored(tmp_path)
    assert found.loc[found["role"] == Role.WAYS, "chosen"].notna().all()
    assert set(found.loc[found["role"] == Role.WAYS, "replicate"]) == {0, 1}


@pytest.mark.slow
def test_what_was_spent_before_counts(run, tmp_path):  # noqa: F811
    run(SCRIPTS, Ending(2, after_turns=1), roles=ALL, **PLAN)
    earlier = Measured(tmp_path / "results", "run")
    rest = Ending(99, after_turns=0)
    outcome, _ = run(SCRIPTS, rest, earlier=earlier, **PLAN | {"budget_s": str(earlier.spent_s)})
    # But for the first match of each kind, which is measured in any case.
    kinds = [name.rpartition("-r")[0] for name in rest.begun]
    assert len(kinds) == len(set(kinds))
    assert "the time budget" in outcome.stopped_because
    assert (stored(tmp_path)["role"] == Role.COMPARISON).sum() < 8


@pytest.mark.slow
def test_what_is_on_disk_is_counted_also_of_a_match_that_there_is_no_time_to_measure_again(run, tmp_path):  # noqa: F811
    run(SCRIPTS, Ending(5, after_turns=1), roles=ALL, **PLAN)
    cut_short = stored(tmp_path)
    assert cut_short["failure_kind"].notna().any()
    left = Measured(tmp_path / "results", "run")
    rest = Ending(99, after_turns=0)
    outcome, _ = run(SCRIPTS, rest, roles=ALL, earlier=left, **PLAN | {"budget_s": str(left.spent_s)})
    found, rounds = (one.to_pandas() for one in read_matches(tmp_path / "results", "run"))
    assert found["failure_kind"].notna().any()
    assert (outcome.trials_ok, outcome.trials_failed) == (
        (found["status"] == Status.OK).sum(),
        (found["status"] == Status.FAILED).sum(),
    )
    told = rounds.merge(found[["trial_id", "role"]], on="trial_id", suffixes=("", "_of_trial"))
    assert outcome.timed_s == pytest.approx(told.loc[told["role"] != Role.LEARNING, "wall_s"].sum())


@pytest.mark.slow
def test_a_run_that_is_interrupted_before_it_goes_on_has_what_it_had(run, tmp_path):  # noqa: F811
    run(SCRIPTS, Ending(3, after_turns=1), roles=ALL, **PLAN)
    before = stored(tmp_path)
    left = Measured(tmp_path / "results", "run")
    outcome, _ = run(SCRIPTS, Ending(1, after_turns=0), roles=ALL, earlier=left, **PLAN)
    assert outcome.trials_ok >= (before["status"] == Status.OK).sum()
    found = stored(tmp_path)
    assert outcome.trials_ok + outcome.trials_failed == len(found)


def test_a_budget_knows_what_was_spent_before_it_began():
    now_s = [100.0]
    budget = Budget(60.0, lambda: now_s[0], spent_s=25.0)
    now_s[0] = 110.0
    assert (budget.spent_s, budget.left_s) == (35.0, 25.0)


def test_a_run_that_begins_has_nothing():
    assert Nothing().trials(between(Case(workload=Workload(), device="cpu", mode=Mode.LOOP), 0)) == ()


def test_paces_of_earlier_matches_are_settled_by_the_first_in_which_all_have_spoken():
    match = between(Case(workload=Workload(), device="cpu", mode=Mode.LOOP), 0)
    said = [{"train_sample_s": 1e-6, "evaluate_s": 0.1}, {"train_sample_s": 2e-6, "evaluate_s": 0.2}]
    known = Known()
    silent = [replace(trial(), seat=0, pace=said[0]), replace(trial(), seat=1, pace=None)]
    known.recall(match, silent)
    assert known.pace(match, [], all_said=False).epoch_s is None
    known.recall(match, [replace(trial(), seat=seat, pace=said[seat]) for seat in (0, 1)])
    assert known.pace(match, [], all_said=False).epoch_s == pytest.approx(0.06)
    assert known.pace(match, [], all_said=False).evaluate_s == 0.1
