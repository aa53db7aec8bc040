"""Who sits in which match of mode `best`."""

from __future__ import annotations

from harness.settings import config
from harness.settings.grid import plan
from harness.settings.lineup import EVERY, SLOW_SITTINGS, Lineup, pilot
from harness.work.records import Role


def ways(tmp_path):
    best = plan(config.resolve({"mode": "best", "batch_size": "64"}, {}, tmp_path))
    return {f"{one.framework} {one.case.way.id}": one for one in best.ways(best.cases[0])}


def lineup(tmp_path):
    of = ways(tmp_path)
    return Lineup(
        usual=(of["tensorflow loop"], of["pytorch loop"]),
        chosen=(of["tensorflow graph"], of["pytorch loop-fused"]),
        others=(of["pytorch loop-foreach"],),
        slow=(of["tensorflow compiled"],),
    )


def named(contenders):
    return [f"{one.framework} {one.case.way.id}" for one in contenders]


def test_loops_and_chosen_ways_sit_in_every_match_first_and_in_every_part_of_it(tmp_path):
    for replicate in range(9):
        match = lineup(tmp_path).match(replicate)
        assert named(match.contenders)[:4] == [
            "tensorflow loop",
            "pytorch loop",
            "tensorflow graph",
            "pytorch loop-fused",
        ]
        assert match.chosen == (2, 3)
        assert match.role is Role.WAYS
        assert match.shared == (4 if replicate % EVERY == 0 else 3)


def test_other_ways_sit_in_the_first_of_every_few_replicates_and_slow_ones_seldom(tmp_path):
    seated = [named(lineup(tmp_path).match(replicate).contenders) for replicate in range(12)]
    others = [number for number, names in enumerate(seated) if "pytorch loop-foreach" in names]
    slow = [number for number, names in enumerate(seated) if "tensorflow compiled" in names]
    assert others == [0, 3, 6, 9]
    assert slow == others[:SLOW_SITTINGS]


def test_a_contender_that_is_loop_and_chosen_sits_once(tmp_path):
    of = ways(tmp_path)
    loops = (of["tensorflow loop"], of["pytorch loop"])
    match = Lineup(usual=loops, chosen=(of["tensorflow graph"], of["pytorch loop"])).match(1)
    assert named(match.contenders) == ["tensorflow loop", "pytorch loop", "tensorflow graph"]
    assert match.chosen == (2, 1)


def test_two_loops_that_are_the_fastest_meet_in_a_match_of_two(tmp_path):
    of = ways(tmp_path)
    loops = (of["tensorflow loop"], of["pytorch loop"])
    match = Lineup(usual=loops, chosen=loops).match(1)
    assert (match.contenders, match.chosen, match.role) == (loops, (0, 1), Role.WAYS)


def test_a_pilot_holds_all_ways_counts_by_itself_and_repeats_nothing(tmp_path):
    match = pilot(tuple(ways(tmp_path).values()), usual=2)
    assert (match.role, match.shared, match.repeated) == (Role.PILOT, 2, False)
    assert match.kind == "mnist-cpu-loop-fp32-b64-e1-pilot"
    assert match.kind != lineup(tmp_path).match(0).kind == "mnist-cpu-loop-fp32-b64-e1-ways"
