"""Training, evaluation and start-up, the frameworks side by side in one group a case."""

from __future__ import annotations

from itertools import count

from benchmarks.conftest import CLOCK
from harness.engine.protocol import Do

EVALUATIONS = 10
STARTS = 2


def test_train(benchmark, open_trial, case, framework):
    """One round an epoch; training changes its state, so no round is run twice or calibrated."""
    benchmark._timer = CLOCK
    benchmark.group = f"train {case.id}"
    trial, epochs, samples = open_trial(), count(), case.workload.train_samples
    rounds = []
    benchmark.pedantic(
        lambda: rounds.append(trial.timed(Do.TRAIN, epoch=next(epochs), first=0, last=samples)),
        rounds=case.workload.epochs,
    )
    score = trial.ask(Do.EVALUATE, passes=1)
    _describe(benchmark, case, framework, trial, rounds[-1]["samples"])
    benchmark.extra_info |= {
        "accuracy": score["accuracy"],
        "host_peak_bytes": trial.ask(Do.FINISH)["host_peak_bytes"],
    }


def test_evaluate(benchmark, open_trial, case, framework):
    """One round a pass over the test set."""
    benchmark._timer = CLOCK
    benchmark.group = f"evaluate {case.id}"
    trial = open_trial()
    rounds = []
    benchmark.pedantic(lambda: rounds.append(trial.timed(Do.EVALUATE, passes=1)), rounds=EVALUATIONS)
    _describe(benchmark, case, framework, trial, rounds[-1]["samples"])


def test_start(benchmark, open_trial, case, framework):
    """One round a fresh process: import, data, build and first steps."""
    benchmark._timer = CLOCK
    benchmark.group = f"start {case.id}"
    started = []

    def start():
        started.append(open_trial())
        CLOCK.add(sum(started[-1].started["startup"].values()))

    benchmark.pedantic(start, rounds=STARTS)
    _describe(benchmark, case, framework, started[-1], samples=None)
    benchmark.extra_info |= started[-1].started["startup"]


def _describe(benchmark, case, framework, trial, samples):
    benchmark.extra_info |= {
        "case_id": case.id,
        "framework": framework,
        "framework_version": trial.started["effective"]["version"],
    }
    if samples is not None and benchmark.stats is not None:
        benchmark.extra_info["samples_per_s"] = samples / benchmark.stats.stats.median
