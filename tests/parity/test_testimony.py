"""What a proof runs: a small subset whose epochs end in a partial batch, enough steps, matched arithmetic."""

from __future__ import annotations

import pytest

from harness.parity import testimony
from harness.work.workload import Case, Mode, Precision, TrialSpec, Workload


def spec(**work):
    case = Case(workload=Workload(**work), device="cpu", mode=Mode.LOOP)
    return TrialSpec(framework="pytorch", case=case, threads=1, data_root="somewhere")


@pytest.mark.parametrize("batch_size", [2, 64, 256, 1024])
def test_a_proof_takes_twenty_steps_across_epochs_that_end_in_a_partial_batch(batch_size):
    proof = testimony.proof_spec(spec(batch_size=batch_size), Precision.FP64)
    work = proof.case.workload
    assert proof.matched
    assert work.precision is Precision.FP64
    assert work.train_samples % batch_size
    assert work.epochs >= 2
    assert work.steps_per_epoch * work.epochs >= 20


def test_with_a_very_large_batch_a_proof_still_crosses_epochs_ends():
    work = testimony.proof_spec(spec(batch_size=4096), Precision.FP64).case.workload
    assert (work.epochs, work.steps_per_epoch, work.train_samples % 4096) == (3, 3, 2048)


def test_a_proof_never_asks_for_more_samples_than_the_case_has():
    proof = testimony.proof_spec(spec(batch_size=512, train_samples=600), Precision.FP32)
    assert proof.case.workload.train_samples == 600
