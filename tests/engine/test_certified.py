"""Who of a run has a certificate by now: the rest is proven once, when it is needed."""

from __future__ import annotations

import pytest

from harness.engine.certified import Certified
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.matches import between
from harness.work.records import Certification

HOLDS = Certification(id="c", holds=True)
FAILED = Certification(id="c", holds=False)
LACKED_MEMORY = Certification(id="c", holds=False, lacked_memory=True)


@pytest.fixture
def planned(tmp_path):
    """A plan of three batch sizes; what is said of PyTorch's in each."""

    def made(**given):
        return plan(config.resolve({"batch_size": "32,64,128"} | given, {}, tmp_path))

    return made


def key(one):
    return one.case.id, one.framework


def certified(planned, asked, said):
    """The first case is proven; of the others each certificate is what is said, by batch size."""
    first = between(planned.cases[0], 0).contenders

    def prove(contenders):
        asked.append(list(contenders))
        return {
            key(one): said.get(one.case.workload.batch_size, HOLDS) if one.framework == "pytorch" else HOLDS
            for one in contenders
        }

    return Certified(planned, {key(one): HOLDS for one in first}, prove)


def test_a_match_lacks_what_its_contenders_do_and_all_that_lack_it_are_proven_at_once(planned):
    three, asked = planned(), []
    now = certified(three, asked, {})
    assert [now.lacks(between(case, 0)) for case in three.cases] == [False, True, True]
    assert now.prove_rest() == frozenset()
    assert asked == [[one for case in three.cases[1:] for one in between(case, 0).contenders]]
    assert not any(now.lacks(between(case, 0)) for case in three.cases)
    assert set(now.held) == {key(one) for one in three.contenders()}


def test_a_case_of_other_work_is_not_to_be_measured_and_one_that_lacked_memory_is(planned):
    three = planned()
    now = certified(three, [], {64: FAILED, 128: LACKED_MEMORY})
    assert now.prove_rest() == {three.cases[1].id}
    assert [now.is_unproven(case.id) for case in three.cases] == [False, True, True]


def test_where_a_mismatch_is_allowed_nobody_is_refused(planned):
    three = planned(allow_mismatch="yes")
    now = certified(three, [], {64: FAILED, 128: LACKED_MEMORY})
    assert now.prove_rest() == frozenset()
    assert not now.held[three.cases[1].id, "pytorch"].holds
    assert not any(now.is_unproven(case.id) for case in three.cases)


def test_of_others_those_are_told_whose_certificates_do_not_hold_for_whatever_reason(planned):
    three = planned()
    now = certified(three, [], {64: FAILED, 128: LACKED_MEMORY})
    contenders = three.contenders()
    failed = {one for one in contenders if one.framework == "pytorch" and one.case.workload.batch_size > 32}
    assert now.prove(contenders) == failed


def test_nobody_lacks_anything_where_nobody_can_be_proven_nor_do_listings(planned, tmp_path):
    three = planned()
    assert not Certified(three, {}, None).lacks(between(three.cases[0], 0))
    listings = plan(config.resolve({"mode": "article"}, {}, tmp_path))
    assert not Certified(listings, {}, lambda _: {}).lacks(between(listings.cases[0], 0))
