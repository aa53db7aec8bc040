"""What training takes beside time: energy only from blocks that are long enough to be one contender's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.report.pages.evidence import evidence
from harness.report.pages.sections import cost

pytestmark = pytest.mark.slow


def test_energy_is_told_by_the_work_of_its_blocks(shown, tmp_path):
    section = cost.energy(shown(gpu_peak_bytes=2**30, batch_sizes=(64,), replicates=2), tmp_path)
    assert section.svg
    assert {row[-4:] for row in section.table.rows} == {
        ("18.0", "300", "6.00", "counter"),
        ("30.0", "500", "6.00", "counter"),
    }


def test_energy_of_rounds_as_older_files_have_it_is_not_compared(shown, tmp_path):
    now = shown(gpu_peak_bytes=2**30, batch_sizes=(64,), replicates=2)
    trials = now.frames.trials.assign(gpu_energy_samples=None, gpu_energy_s=None)
    section = cost.energy(evidence(replace(now.frames, trials=trials), now.judged), tmp_path)
    assert section.svg is None
    assert section.reason
