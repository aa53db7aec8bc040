"""What a run left out when it began it leaves out when it goes on."""

from __future__ import annotations

from dataclasses import replace

from harness.sessions.resuming import Unfinished, as_begun
from harness.settings import config
from harness.settings.grid import plan
from harness.store.earlier import Measured
from harness.store.writer import Store
from harness.work.records import TOO_LARGE, Failure
from tests.store.test_writer import trial


def test_a_case_that_did_not_fit_is_left_out_with_its_reason_whatever_fits_by_now(tmp_path):
    settings = replace(config.resolve({"batch_size": "64,512"}, {}, tmp_path), results=tmp_path / "results")
    planned = plan(settings)
    small, large = planned.cases
    store = Store(settings.results)
    store.prepare()
    store.save_run({"run_id": "r1", "status": "interrupted"})
    why = "two workers of it need about 99 GiB"
    left = Failure(kind=TOO_LARGE, reason=why)
    store.save_match([replace(trial(failure=left), case=large, match_id=f"r1-{large.id}-r0")])
    store.save_match([replace(trial(), case=small, match_id=f"r1-{small.id}-r0", trial_id="r1-other")])
    run = Unfinished(run={"run_id": "r1"}, settings=settings, measured=Measured(store.folder, "r1"))
    begun = as_begun(run, planned)
    assert begun.cases == (small,)
    assert begun.unfit == ((large, why),)
