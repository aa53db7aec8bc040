"""Who leads where, along the arithmetic of a step."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.regions import deciding, regions
from harness.analysis.regions import standings as along
from harness.analysis.statistics import Verdict

A, B, C = "tensorflow", "pytorch", "jax"


def judged(*cases):
    """Cases, each (flop, {(one, other): verdict})."""
    return pd.DataFrame(
        [
            {
                "case_id": f"case-{number}", "step_flop": float(flop), "speed_of": one, "speed_over": other,
                "verdict": verdict,
            }
            for number, (flop, verdicts) in enumerate(cases)
            for (one, other), verdict in verdicts.items()
        ]
    )  # fmt: skip


def standings(rows):
    return along(rows, "step_flop")


def two(flop, verdict):
    return flop, {(A, B): verdict}


def spans(found):
    return [(one.leaders, one.least, one.most, len(one.case_ids)) for one in found]


def test_cases_next_to_each_other_with_the_same_answer_are_one_region():
    large, small = two(1e9, f"{B} faster"), [two(1e6, f"{A} faster"), two(5e6, f"{A} faster")]
    found = standings(judged(two(1e8, Verdict.EQUIVALENT), large, *small))
    assert spans(regions(found)) == [((A,), 1e6, 5e6, 2), ((A, B), 1e8, 1e8, 1), ((B,), 1e9, 1e9, 1)]


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, None])
def test_a_case_without_a_verdict_belongs_to_no_region_and_ends_none(verdict):
    found = standings(judged(two(1e6, f"{A} faster"), two(2e6, verdict), two(3e6, f"{A} faster")))
    assert spans(regions(found)) == [((A,), 1e6, 3e6, 2)]


def test_where_the_same_side_leads_in_two_places_arithmetic_decides_not():
    found = standings(judged(two(1e6, f"{A} faster"), two(2e6, f"{B} faster"), two(3e6, f"{A} faster")))
    assert regions(found) is None


def test_where_cases_of_the_same_arithmetic_have_other_leaders_it_decides_not_either():
    found = standings(judged(two(1e6, f"{A} faster"), two(1e6, f"{B} faster")))
    assert regions(found) is None


@pytest.mark.parametrize(
    ("verdicts", "leaders"),
    [
        ({(A, B): f"{A} faster", (A, C): f"{A} faster", (B, C): Verdict.INCONCLUSIVE}, (A,)),
        ({(A, B): f"{A} faster", (A, C): Verdict.EQUIVALENT, (B, C): f"{C} faster"}, (A, C)),
        ({(A, B): f"{A} faster", (A, C): Verdict.INCONCLUSIVE, (B, C): f"{C} faster"}, None),
        ({(A, B): Verdict.EQUIVALENT, (A, C): Verdict.EQUIVALENT, (B, C): Verdict.EQUIVALENT}, (A, B, C)),
        ({(A, B): f"{B} faster", (A, C): Verdict.EQUIVALENT, (B, C): f"{B} faster"}, (B,)),
        # What is shown of two is said; that the third is behind one of them says nothing of the other.
        ({(A, B): Verdict.EQUIVALENT, (A, C): f"{A} faster", (B, C): Verdict.INCONCLUSIVE}, (A, B)),
    ],
)
def test_of_three_those_lead_whom_none_is_called_faster_than_if_they_are_equivalent(verdicts, leaders):
    assert [one.leaders for one in standings(judged((1e6, verdicts)))] == (
        [] if leaders is None else [leaders]
    )


def test_of_cases_with_the_arithmetic_at_which_the_answer_changes_each_belongs_to_its_side():
    cases = two(1e6, f"{A} faster"), two(2e6, f"{B} faster"), two(2e6, f"{A} faster"), two(3e6, f"{B} faster")
    assert spans(regions(standings(judged(*cases)))) == [((A,), 1e6, 2e6, 2), ((B,), 2e6, 3e6, 2)]


def test_nothing_is_known_of_no_case():
    assert regions(standings(judged(two(1e6, None)))) == []


def estimated(*pairs):
    """One case's rows, each ((one, other), ratio, verdict)."""
    return pd.DataFrame(
        [
            {
                "case_id": "case",
                "speed_of": one,
                "speed_over": other,
                "speed_ratio": ratio,
                "verdict": verdict,
            }
            for (one, other), ratio, verdict in pairs
        ]
    )


@pytest.mark.parametrize(
    ("verdicts", "kept", "verdict"),
    [
        # The leader, and who comes closest to it.
        ((f"{A} faster", f"{A} faster", f"{C} faster"), (A, C), f"{A} faster"),
        # Two that lead together; how far they are ahead of the third matters less.
        ((f"{A} faster", Verdict.EQUIVALENT, f"{C} faster"), (A, C), Verdict.EQUIVALENT),
        # The third by the estimates may be the first.
        ((f"{A} faster", Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE), (A, C), Verdict.INCONCLUSIVE),
    ],
)
def test_of_three_the_row_of_a_case_that_decides_is_of_the_leader_and_the_next(verdicts, kept, verdict):
    ratios = zip(((A, B), (A, C), (B, C)), (1.5, 1.1, 0.75), verdicts, strict=True)
    (row,) = deciding(estimated(*ratios)).to_dict("records")
    assert (row["speed_of"], row["speed_over"]) == kept
    assert row["verdict"] == verdict


def test_of_two_every_row_decides():
    rows = judged(two(1e6, f"{A} faster"), two(2e6, None))
    pd.testing.assert_frame_equal(deciding(rows), rows)


def test_a_case_without_a_certificate_or_a_ratio_keeps_a_row():
    unproven = estimated(((A, B), 1.5, None), ((A, C), 1.1, None), ((B, C), 0.75, None))
    assert deciding(unproven)["verdict"].isna().all()
    unmeasured = estimated(*((pair, float("nan"), Verdict.INCONCLUSIVE) for pair in ((A, B), (A, C), (B, C))))
    assert list(deciding(unmeasured)["verdict"]) == [Verdict.INCONCLUSIVE]
