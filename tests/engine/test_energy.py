"""Energy is measured when the rounds are done: seconds on end, in balanced turns, of both sides or none."""

from __future__ import annotations

from types import SimpleNamespace

from harness.engine.energy import measure_energy


def sides(failure=None, *, as_printed=False):
    """Two sides that note in one list whose block it was and for how long."""
    blocks = []

    def side(name, failed):
        return SimpleNamespace(
            failure=failed,
            case=SimpleNamespace(as_printed=as_printed),
            train_block=lambda least_s: blocks.append((name, least_s)),
        )

    return {"a": side("a", None), "b": side("b", failure)}, blocks


def test_each_side_goes_first_once_and_trains_longer_than_the_sensors_take_to_settle():
    both, blocks = sides()
    measure_energy(both, "seed")
    order = "".join(name for name, _ in blocks)
    assert order in {"abba", "baab"}
    assert all(least_s > 2 for _, least_s in blocks)


def test_a_side_that_failed_leaves_nothing_to_compare():
    both, blocks = sides(failure="out of memory")
    measure_energy(both, "seed")
    assert blocks == []


def test_a_listing_has_no_epochs_beyond_its_own_to_train_on():
    both, blocks = sides(as_printed=True)
    measure_energy(both, "seed")
    assert blocks == []
