"""Cases are named by what tells them apart, and read in one order everywhere."""

from __future__ import annotations

from harness.report.sentences.cases import cases, labelled
from harness.work.workload import Dataset, Mode


def test_a_label_names_only_what_differs(frames):
    assert list(cases(frames(replicates=1).trials)["label"]) == ["batch 64", "batch 512"]


def test_modes_come_in_their_own_order_and_batch_sizes_by_size(frames):
    trials = frames(modes=tuple(reversed(Mode)), batch_sizes=(512, 64), replicates=1).trials
    labels = list(cases(trials)["label"])
    assert labels[:4] == ["loop, batch 64", "loop, batch 512", "eager, batch 64", "eager, batch 512"]


def test_cases_that_differ_in_their_data_keep_names_of_their_own(several_runs):
    trials = several_runs(
        {"batch_sizes": (64,), "replicates": 1},
        {"batch_sizes": (64,), "replicates": 1, "train_samples": 6000},
        {"batch_sizes": (64,), "replicates": 1, "dataset": Dataset.FASHION_MNIST},
    ).trials
    assert list(cases(trials)["label"]) == [
        "Fashion-MNIST, 60,000 training samples, batch 64",
        "MNIST, 6,000 training samples, batch 64",
        "MNIST, 60,000 training samples, batch 64",
    ]


def test_rounds_take_the_names_of_their_cases(frames):
    made = frames(replicates=1)
    rounds = labelled(made.rounds, cases(made.trials))
    assert len(rounds) == len(made.rounds)
    assert list(dict.fromkeys(rounds["label"])) == ["batch 64", "batch 512"]
