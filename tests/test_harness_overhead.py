"""What the harness adds to the loop: the command line, the judgement, and two sides that do the same work."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.harness_overhead.__main__ import WAYS, parse
from benchmarks.harness_overhead.bare_process import SCRIPTS, BareProcess
from benchmarks.harness_overhead.overhead import Within, log_ratio, overheads
from benchmarks.harness_overhead.replicate import rounds_in
from harness.errors import BadOption, FrameworkMissing, WorkerDied
from harness.frameworks import registry

ROOT = Path(__file__).parents[1]

needs_jax = pytest.mark.skipif(
    not registry.is_installed(registry.record("jax")), reason="JAX is not installed here"
)


def frame(*, slower, replicates=8, rounds=12, noise=0.002, framework="pytorch", way="loop"):
    """Rounds in which the harness takes `slower` longer, a little more or less in each replicate."""
    return pd.DataFrame(
        [
            {
                "framework": framework,
                "way": way,
                "batch_size": 64,
                "replicate": replicate,
                "round": number,
                "samples": 6400,
                "bare_s": 0.25,
                "harness_s": 0.25 * (1 + slower + noise * (-1) ** replicate),
                "bare_cpu_s": 0.25,
                "harness_cpu_s": 0.25 * (1 + noise * (-1) ** replicate),
                "bare_loss": 0.3,
                "harness_loss": 0.3,
            }
            for replicate in range(replicates)
            for number in range(rounds)
        ]
    )


def named(asked):
    return [(framework, way.id) for framework, way in asked.contenders]


def test_by_default_both_frameworks_train_in_their_usual_loop_and_their_fastest_way():
    asked = parse([])
    assert named(asked) == [
        ("tensorflow", "loop"), ("tensorflow", "graph"), ("pytorch", "loop"), ("pytorch", "loop-fused"),
    ]  # fmt: skip
    assert asked.settings.batch_size == (64, 1024)
    assert asked.settings.replicates == 8
    assert asked.seconds == 3


def test_every_script_is_of_a_framework_that_can_be_asked_for():
    assert set(SCRIPTS) == set(WAYS) <= {one.name for one in registry.records(absent=True)}


def test_a_framework_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setattr(registry, "is_installed", lambda one: one.name != "jax")
    with pytest.raises(FrameworkMissing, match="jax: not installed for this Python; use `make setup"):
        parse(["--framework", "jax"])


def test_what_is_asked_for_is_taken(tmp_path):
    file = tmp_path / "rounds.csv"
    asked = parse(["--framework", "pytorch", "--batch-size", "32", "--seconds", "0.5", "--output", str(file)])
    assert (named(asked), asked.settings.batch_size) == (
        [("pytorch", "loop"), ("pytorch", "loop-fused")],
        (32,),
    )
    assert (asked.seconds, asked.output) == (0.5, file)


def test_one_way_alone_can_be_asked_for():
    assert named(parse(["--way", "loop-fused"])) == [("pytorch", "loop-fused")]
    with pytest.raises(BadOption, match="WAY=graph: not allowed; use a way of the framework"):
        parse(["--framework", "pytorch", "--way", "graph"])


def test_a_value_that_bench_refuses_is_refused_in_its_words():
    with pytest.raises(BadOption, match="BATCH=0: not allowed"):
        parse(["--batch-size", "0"])


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "nan", "soon"])
def test_seconds_that_cannot_be_measured_for_are_refused(seconds):
    with pytest.raises(BadOption, match=f"SECONDS={seconds}: not allowed; use a number of seconds above 0"):
        parse(["--seconds", seconds])


@pytest.mark.parametrize(("seconds", "count"), [(0.01, 2), (1, 4), (3, 12), (3.2, 12), (3.3, 14)])
def test_each_side_goes_first_in_half_of_the_rounds(seconds, count):
    assert rounds_in(seconds) == count


def test_a_slower_harness_has_a_speed_ratio_below_one():
    (found,) = overheads(frame(slower=0.05))
    assert found.wall.estimate == pytest.approx(1 / 1.05, abs=1e-4)
    assert found.cpu.estimate == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("slower", "noise", "within"),
    [
        (0.002, 0.002, Within.YES),
        (-0.002, 0.002, Within.YES),
        (0.05, 0.002, Within.NO),
        (-0.05, 0.002, Within.NO),
        (0.002, 0.05, Within.NOT_SHOWN),
        (0.01, 0.002, Within.NOT_SHOWN),
    ],
)
def test_the_whole_interval_has_to_be_within_the_margin_or_outside_it(slower, noise, within):
    (found,) = overheads(frame(slower=slower, noise=noise))
    assert found.within is within


def test_one_replicate_shows_nothing():
    (found,) = overheads(frame(slower=0, replicates=1))
    assert found.within is Within.NOT_SHOWN


def test_each_framework_and_way_has_a_row_of_its_own():
    asked = [("tensorflow", "loop"), ("tensorflow", "graph"), ("pytorch", "loop")]
    rounds = pd.concat([frame(slower=0, framework=name, way=way) for name, way in asked])
    assert [(one.framework, one.way) for one in overheads(rounds)] == asked


@pytest.mark.parametrize("side", ["bare_s", "harness_s"])
def test_the_warm_up_of_either_side_is_dropped_from_both(side):
    rounds = frame(slower=0, noise=0, replicates=1, rounds=9)
    rounds.loc[:1, side] *= 3
    # Of the seven rounds kept, most are even; of all nine, most would not be.
    rounds.loc[2:4, side] *= 1.02
    assert log_ratio(rounds) == pytest.approx(0)


def test_the_largest_difference_of_the_losses_is_told():
    rounds = frame(slower=0)
    rounds.loc[5, "harness_loss"] *= 1.25
    (found,) = overheads(rounds)
    assert found.loss_gap == pytest.approx(0.2)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
def test_a_bare_script_imports_nothing_of_the_harness(script):
    tree = ast.parse(script.read_text(encoding="utf-8"))
    named = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    named |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in named if name.partition(".")[0] in {"harness", "benchmarks"}}


def test_a_script_that_ends_early_is_told_with_its_last_words(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint('ready', flush=True)\ninput()\nsys.exit('out of luck')\n")
    monkeypatch.setitem(SCRIPTS, "pytorch", script)
    with BareProcess(
        "pytorch",
        tmp_path,
        batch_size=1,
        threads=1,
        way="loop",
        environment=os.environ,
        log_path=tmp_path / "log",
    ) as bare:
        bare.wait()
        for _ in range(2):
            with pytest.raises(WorkerDied, match="the bare script ended; its log says: out of luck"):
                bare.train(0, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "way"),
    [
        ("pytorch", "loop"),
        ("pytorch", "loop-fused"),
        ("tensorflow", "graph"),
        *(pytest.param("jax", way, marks=needs_jax) for way in ("loop", "graph")),
    ],
)
def test_script_and_worker_train_the_same_to_the_last_bit(tmp_path, synthetic_root, framework, way):
    file = tmp_path / "rounds.csv"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.harness_overhead", "--framework", framework, "--way", way,
         "--batch-size", "1024", "--replicates", "1", "--seconds", "1", "--dataset", "synthetic",
         "--output", str(file)],
        capture_output=True, text=True, cwd=ROOT, check=False,
        env=os.environ | {"XDG_CACHE_HOME": str(synthetic_root.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert framework in done.stdout
    rounds = pd.read_csv(file)
    assert len(rounds) == rounds_in(1)
    assert rounds["first"].value_counts().to_dict() == {"bare": 2, "harness": 2}
    # Equal weights, samples, order and dropout draws: a thread's sums come out the same, bit for bit.
    assert rounds["bare_loss"].tolist() == rounds["harness_loss"].tolist()
    assert rounds["bare_loss"].is_monotonic_decreasing
    assert (rounds[["bare_s", "harness_s"]] > 0).all(axis=None)
