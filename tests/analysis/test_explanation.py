"""What changes add up to: factors that multiply, points that add, and what both leave open."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from harness.analysis.explanation import ASIDE, FRAMEWORK, TOGETHER, TYPED, UNEXPLAINED, explanation
from harness.work.changes import WHOLE
from tests.explained_changes import changes_of


def summed(*walks, **given):
    return explanation(changes_of(*walks, **given)).set_index("name")


WALK = {"framework": (0.8, 0.001), "scaling": (0.9, 0.05), "input pipeline": (0.5, 0.0)}


def test_the_changes_of_a_walk_multiply_to_all_of_them_together():
    rows = summed(WALK, whole=(0.36, 0.051))
    assert rows.loc[TOGETHER, "speed"] == pytest.approx(0.36)
    assert rows.loc[TOGETHER, "accuracy"] == pytest.approx(0.051)
    assert rows.loc[UNEXPLAINED, "speed"] == pytest.approx(1)
    assert rows.loc[UNEXPLAINED, "accuracy"] == pytest.approx(0)


def test_what_the_changes_do_not_reach_is_left_over():
    rows = summed(WALK, whole=(0.3, 0.061))
    assert rows.loc[UNEXPLAINED, "speed"] == pytest.approx(0.3 / 0.36)
    assert rows.loc[UNEXPLAINED, "accuracy"] == pytest.approx(0.01)


def test_the_frameworks_share_stands_apart_from_what_was_typed():
    rows = summed(WALK, whole=(0.36, 0.051))
    assert rows.loc[FRAMEWORK, "speed"] == pytest.approx(0.8)
    assert rows.loc[TYPED, "speed"] == pytest.approx(0.45)
    assert rows["part"].dropna().to_dict() == {
        "framework": FRAMEWORK, "scaling": TYPED, "input pipeline": TYPED,
    }  # fmt: skip


def test_largest_effects_come_first_whichever_way_they_go():
    rows = explanation(changes_of({"metrics": (3.0, 0.0), "scaling": (0.9, 0.0), "output": (0.5, 0.0)}))
    assert list(rows["name"][:3]) == ["metrics", "output", "scaling"]


def test_over_walks_a_change_has_its_geometric_mean_an_interval_and_its_extremes():
    rows = summed({"scaling": (0.8, 0.04)}, {"scaling": (0.9, 0.05)}, {"scaling": (1.0, 0.06)})
    scaling = rows.loc["scaling"]
    assert scaling["speed"] == pytest.approx((0.8 * 0.9) ** (1 / 3))
    assert scaling["speed_low"] < 0.8
    assert scaling["speed_high"] > 1
    assert (scaling["speed_least"], scaling["speed_most"]) == pytest.approx((0.8, 1.0))
    # Student's t with two degrees of freedom: 4.303 standard errors of 0.01 / sqrt(3).
    assert scaling["accuracy_high"] == pytest.approx(0.05 + 4.303 * 0.01 / math.sqrt(3), abs=1e-4)


def test_one_walk_bounds_nothing():
    rows = summed(WALK)
    assert rows[["speed_low", "speed_high", "accuracy_low"]].isna().all(axis=None)


def test_a_walk_that_was_cut_short_counts_where_it_was_measured_and_in_no_sum():
    rows = summed(WALK, {"scaling": (0.8, 0.05)})
    assert rows["walks"].to_dict() == {
        "framework": 1, "scaling": 2, "input pipeline": 1, FRAMEWORK: 1, TYPED: 1, TOGETHER: 1,
        UNEXPLAINED: 1, WHOLE: 2,
    }  # fmt: skip


def test_a_failed_change_is_missing_and_no_zero():
    changes = changes_of(WALK)
    changes.loc[changes["name"] == "scaling", ["train_ratio", "accuracy_after"]] = math.nan
    rows = explanation(changes).set_index("name")
    assert rows.loc["scaling", "walks"] == 0
    assert pd.isna(rows.loc["scaling", "speed"])
    assert pd.isna(rows.loc[TOGETHER, "speed"])
    assert rows.loc["framework", "speed"] == pytest.approx(0.8)


def test_what_stands_beside_the_way_is_in_no_sum_and_comes_last():
    changes = changes_of(WALK | {"fused, pytorch": (2.0, 0.0)})
    changes["aside"] = changes["name"] == "fused, pytorch"
    rows = explanation(changes)
    assert rows.iloc[-1]["part"] == ASIDE
    assert rows.set_index("name").loc[TOGETHER, "speed"] == pytest.approx(0.36)


def test_a_change_is_called_only_as_one_of_all_that_are_asked_about():
    """Alone, its p-value of about 0.01 would call it; of five it may be the one in twenty."""
    close = (0.92, 0.985, 0.94, 0.995, 0.96, 0.95)
    alone = summed(*({"scaling": (one, 0.0)} for one in close))
    assert alone.loc["scaling", "called"] == "slower"
    others = ("metrics", "output", "progress", "first weights")
    among = summed(
        *(
            {"scaling": (one, 0.0), **dict.fromkeys(others, (other, 0.0))}
            for one, other in zip(close, (0.9, 1.1, 1.0, 1.08, 0.92, 1.0), strict=True)
        )
    )
    assert among.loc["scaling", "called"] == "inconclusive"
    assert among.loc["scaling", "speed_high"] == alone.loc["scaling", "speed_high"] < 1


def test_what_a_change_does_is_called_by_its_name_and_a_sum_is_not():
    walks = [
        {"framework": (2.0 + step, 0.0), "scaling": (0.5 + step, 0.0), "progress": (1.0 + step, 0.0)}
        for step in (0.0, 0.01, -0.01, 0.005, -0.005, 0.0)
    ]
    called = summed(*walks)["called"]
    assert called.dropna().to_dict() == {
        "framework": "faster", "scaling": "slower", "progress": "equivalent",
    }  # fmt: skip
    assert summed(*walks[:5])["called"].dropna().eq("inconclusive").all()
