"""What a run left out when it began it leaves out when it goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.engine.proving import identify
from harness.errors import NotResumable
from harness.sessions.bench import planned_matches
from harness.sessions.proven import identities
from harness.sessions.resuming import Unfinished, as_begun, require_same
from harness.settings import config
from harness.settings.grid import plan
from harness.store.earlier import Measured
from harness.store.writer import Store
from harness.work.records import TOO_LARGE, Certification, Failure
from tests.store.test_writer import trial


@pytest.fixture
def begun_run(tmp_path):
    """The plan of a run of two cases, where it stores what it measures, and how it is found again."""
    settings = replace(config.resolve({"batch_size": "64,512"}, {}, tmp_path), results=tmp_path / "results")
    store = Store(settings.results)
    store.prepare()
    store.save_run({"run_id": "r1", "status": "interrupted", "certificate_ids": []})

    def unfinished():
        return Unfinished(run={"run_id": "r1"}, settings=settings, measured=Measured(store.folder, "r1"))

    return plan(settings), store, unfinished


def test_a_case_that_did_not_fit_is_left_out_with_its_reason_whatever_fits_by_now(begun_run):
    planned, store, unfinished = begun_run
    small, large = planned.cases
    why = "two workers of it need about 99 GiB"
    left = Failure(kind=TOO_LARGE, reason=why)
    store.save_match([replace(trial(failure=left), case=large, match_id=f"r1-{large.id}-r0")])
    store.save_match([replace(trial(), case=small, match_id=f"r1-{small.id}-r0", trial_id="r1-other")])
    begun = as_begun(unfinished(), planned)
    assert begun.cases == (small,)
    assert begun.unfit == ((large, why),)


def test_a_trial_of_another_certificate_is_refused_and_one_of_this_or_of_none_goes_on(begun_run):
    planned, store, unfinished = begun_run
    small, large = planned.cases
    store.save_plan("r1", planned_matches(planned))
    here = identify(small, "pytorch", planned.settings.threads)
    same = replace(trial(), case=small, certificate=Certification(id=here, holds=True))
    store.save_match([replace(same, match_id="r1-m0", trial_id="r1-0")])
    # A case that has not come to its proof, and a control, which has none.
    store.save_match([replace(trial(), case=small, match_id="r1-m1", trial_id="r1-1")])
    run = unfinished()
    require_same(run, identities(planned), planned_matches(planned))
    other = replace(same, case=large, certificate=Certification(id="another", holds=True))
    store.save_match([replace(other, match_id="r1-m2", trial_id="r1-2")])
    with pytest.raises(NotResumable, match=f"the certificate of pytorch for {large.id} is another"):
        require_same(run, identities(planned), planned_matches(planned))
