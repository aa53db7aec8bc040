"""Training, evaluation and start-up, the frameworks side by side in one group a case."""

from __future__ import annotations

from statistics import mean, median

from benchmarks.conftest import CLOCK
from harness.work.records import Phase


def test_train(benchmark, finished_trials, case):
    """A round is one of the harness's timed rounds, warm-up left out; nothing is run twice."""
    trials = finished_trials()
    rounds = _rounds(trials, Phase.TRAIN)
    # A listing as printed learns as it is timed.
    accuracies = [
        _evaluations(one)[-1].accuracy for one in finished_trials(learned=True) or trials if one.whole
    ]
    _replay(benchmark, f"train {case.id}", [one.wall_s for one in rounds], trials)
    benchmark.extra_info |= {
        "samples_per_s": median(one.samples_per_s for one in rounds),
        "warm_up_rounds": len([one for trial in trials for one in trial.rounds if one.warm_up]),
        "accuracy": mean(accuracies) if accuracies else None,
    }


def test_evaluate(benchmark, finished_trials, case):
    """A round is one or several passes over the test set."""
    trials = finished_trials()
    rounds = _rounds(trials, Phase.EVALUATE)
    _replay(benchmark, f"evaluate {case.id}", [one.wall_s for one in rounds], trials)
    benchmark.extra_info["samples_per_s"] = median(one.samples_per_s for one in rounds)


def test_start(benchmark, finished_trials, case):
    """A round is a process of its own: import, data, build and first steps."""
    trials = finished_trials()
    _replay(benchmark, f"start {case.id}", [trial.startup.total_s for trial in trials], trials)
    for part in ("import_s", "data_s", "build_s", "first_step_s"):
        benchmark.extra_info[part] = median(getattr(trial.startup, part) for trial in trials)


def _replay(benchmark, group, seconds, trials):
    """Have pytest-benchmark time what was timed, once each: a stateful round cannot be run again."""
    benchmark._timer = CLOCK
    benchmark.group = group
    ahead = iter(seconds)
    benchmark.pedantic(lambda: CLOCK.add(next(ahead)), rounds=len(seconds))
    first = trials[0]
    benchmark.extra_info |= {
        "case_id": first.case.id,
        "framework": first.framework,
        "framework_version": first.effective.get("version"),
        "replicates": len(trials),
        "trial_ids": [trial.trial_id for trial in trials],
        "certificate_id": first.certificate.id if first.certificate else None,
        "certified": bool(first.certificate and first.certificate.holds),
        "host_peak_bytes": _largest(trial.host_peak_bytes for trial in trials),
        "gpu_peak_bytes": _largest(trial.gpu.process_peak_bytes for trial in trials if trial.gpu),
    }


def _evaluations(trial):
    return [one for one in trial.rounds if one.phase is Phase.EVALUATE]


def _rounds(trials, phase):
    return [one for trial in trials for one in trial.rounds if one.phase is phase and not one.warm_up]


def _largest(values):
    return max((value for value in values if value is not None), default=None)
