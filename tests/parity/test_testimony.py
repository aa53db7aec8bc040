"""What a proof runs: a small subset, masks for both sides, epochs that end in a partial batch."""

from __future__ import annotations

import numpy as np
import pytest

from harness.parity import testimony
from harness.workload import Case, Mode, Precision, TrialSpec, Workload


def spec(**work):
    case = Case(workload=Workload(**work), device="cpu", mode=Mode.LOOP)
    return TrialSpec(framework="pytorch", case=case, threads=1, data_root="somewhere")


@pytest.mark.parametrize("batch_size", [2, 64, 256, 1024, 4096])
def test_a_proof_takes_twenty_steps_across_epochs_that_end_in_a_partial_batch(batch_size):
    proof = testimony.proof_spec(spec(batch_size=batch_size), Precision.FP64)
    work = proof.case.workload
    assert proof.matched
    assert work.precision is Precision.FP64
    assert work.train_samples % batch_size
    assert work.epochs >= 2
    assert work.steps_per_epoch * work.epochs >= 20


def test_a_proof_never_asks_for_more_samples_than_the_case_has():
    proof = testimony.proof_spec(spec(batch_size=512, train_samples=600), Precision.FP32)
    assert proof.case.workload.train_samples == 600


def test_masks_drop_at_the_rate_keep_the_mean_and_differ_between_epochs():
    work = Workload(eval_batch_size=10_000)
    first, again, second = (testimony.mask(work, epoch) for epoch in (0, 0, 1))
    assert first.shape == (10_000, 128)
    assert set(np.unique(first)) == {np.float32(0), np.float32(1.25)}
    assert first.mean() == pytest.approx(1, abs=0.005)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_without_dropout_every_unit_is_kept_as_it_is():
    assert np.all(testimony.mask(Workload(dropout_rate=0.0), 0) == 1)
