"""The section on several workers: a sentence a case, efficiencies, and what a step takes beyond its share."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, product

import numpy as np
import pytest

from harness.report import figures
from harness.report.exchange import document
from harness.report.pages.evidence import evidence
from harness.report.pages.sections import sections
from harness.report.pages.sections.scaling import scaling
from harness.report.sentences.answer import judge
from harness.report.sentences.scaling import scaled
from harness.settings.presets import FRAMEWORKS
from harness.store.reader import read
from harness.work.records import Certification, Role
from harness.work.workload import Case, Mode, Workload
from tests.report.conftest import RUN, RUN_ID, EndedRun, prove, trial

pytestmark = pytest.mark.slow

# Seconds a round, of one worker and of two.
TOOK = {"tensorflow": (1.0, 0.5), "pytorch": (1.0, 0.8)}


@pytest.fixture
def shown(tmp_path):
    """What the page draws on of a run whose workers took so long, and so in how many matches."""
    calls = count()

    def made(replicates=6):
        store = EndedRun(tmp_path / f"scaled-{next(calls)}")
        store.prepare()
        speeds, seeds = np.random.default_rng(0), np.random.default_rng(1)
        one = Case(workload=Workload(epochs=4), device="cpu", mode=Mode.LOOP)
        cases = (one, replace(one, workers=2))
        ids = [prove(store, case, uncertified=(), framework=name) for case in cases for name in FRAMEWORKS]
        for replicate, role in product(range(replicates), (Role.COMPARISON, Role.SCALING)):
            for seat, (name, case) in enumerate(product(FRAMEWORKS, cases)):
                took = trial(
                    run_id=RUN_ID, case=case, framework=name, replicate=replicate,
                    factor=TOOK[name][case.workers - 1], broken=None, gpu_peak_bytes=None,
                    speeds=speeds, seeds=seeds,
                )  # fmt: skip
                place = case.id if role is Role.COMPARISON else role
                match_id = f"{RUN_ID}-{place}-r{replicate}"
                named = {"match_id": match_id, "trial_id": f"{match_id}-{seat}"}
                held = Certification(id="id", holds=True)
                among = FRAMEWORKS.index(name) if role is Role.COMPARISON else seat
                store.save_match([replace(took, role=role, seat=among, certificate=held, **named)])
        store.save_run(RUN | {"certificate_ids": ids})
        frames = read(store.folder)
        return evidence(frames, judge(frames))

    return made


def test_a_sentence_has_both_frameworks_with_their_intervals(shown, tmp_path):
    section = scaling(shown(), tmp_path)
    (said,) = section.points
    assert said.startswith("2 workers, batch 64: of TensorFlow ")
    assert " times as fast as 1 worker, an efficiency of " in said
    assert "and PyTorch 1.2" in said
    assert section.svg is not None
    assert [row[:4] for row in section.table.rows] == [
        ("2 workers, batch 64", "TensorFlow", "2", "1"),
        ("2 workers, batch 64", "PyTorch", "2", "1"),
    ]


def test_efficiencies_are_those_of_matches_in_which_both_took_turns_and_comparisons_are_none(shown):
    frames = shown().frames
    assert set(frames.trials["role"]) == {Role.COMPARISON}
    told = scaled(frames).set_index("framework")["efficiency"]
    assert told.to_dict() == pytest.approx({"tensorflow": 1.0, "pytorch": 0.625}, rel=0.03)
    (run,) = document([frames])["runs"]
    assert [one["framework"] for one in run["scaling"]] == list(FRAMEWORKS)


def test_one_match_has_marks_without_intervals(shown, tmp_path):
    made = shown(replicates=1)
    (axis,) = figures.efficiencies(scaled(made.frames)).axes
    assert axis.get_xlim()[1] >= 1.05
    assert "(" not in scaling(made, tmp_path).points[0].partition(":")[2]


def test_a_run_of_one_worker_has_no_such_section(frames, tmp_path):
    made = frames()
    names = [section.name for section in sections(evidence(made, judge(made)), tmp_path)]
    assert "scaling" not in names
