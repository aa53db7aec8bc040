"""The article's listings: plain programs, and how closely the harness plays them."""

from __future__ import annotations

import ast
import os
import time

import pandas as pd
import pytest

from benchmarks.article.fidelity import fidelities
from benchmarks.article.listing_process import SCRIPTS, ListingProcess
from harness.errors import WorkerDied
from harness.settings.presets import FRAMEWORKS
from harness.work.listings import ADAM, BATCH_SIZES, EVAL_BATCH_SIZES, PYTORCH, TENSORFLOW


def epochs(*, slower=0.0, noise=0.002):
    """Epochs in which the harness takes `slower` longer, a little more or less with each seed."""
    return pd.DataFrame(
        [
            {
                "framework": "pytorch",
                "seed": seed,
                "epoch": epoch,
                "first": "plain",
                "plain_s": 12.0 if epoch == 1 else 6.0,
                "harness_s": 6.0 * (1 + slower + noise * (-1) ** seed),
            }
            for seed in range(6)
            for epoch in range(1, 5)
        ]
    )


LEARNED = pd.DataFrame(
    {
        "framework": "pytorch",
        "seed": range(6),
        "plain_accuracy": [0.97, 0.975] * 3,
        "harness_accuracy": [0.972, 0.974] * 3,
    }
)


@pytest.mark.parametrize(("slower", "faithful"), [(0.0, True), (0.02, True), (0.05, False), (-0.05, False)])
def test_the_mode_is_faithful_within_three_percent(slower, faithful):
    (found,) = fidelities(epochs(slower=slower), LEARNED)
    assert found.speed.estimate == pytest.approx(1 / (1 + slower), rel=1e-3)
    assert found.faithful is faithful
    assert found.plain_samples_per_s == pytest.approx(10_000)
    assert found.plain_accuracy == pytest.approx(0.9725)


def test_one_seed_shows_nothing():
    (found,) = fidelities(epochs()[lambda frame: frame["seed"] == 0], LEARNED)
    assert not found.faithful


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_listing_imports_nothing_of_the_harness_and_only_its_own_framework(framework):
    tree = ast.parse(SCRIPTS[framework].read_text(encoding="utf-8"))
    named = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    named |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in named}
    assert not roots & {"harness", "benchmarks"}
    assert not roots & {TENSORFLOW: {"torch", "torchvision"}, PYTORCH: {"tensorflow", "keras"}}[framework]


def test_what_pytorchs_listing_types_is_what_the_mode_runs():
    text = SCRIPTS[PYTORCH].read_text(encoding="utf-8")
    assert f"batch_size={BATCH_SIZES[PYTORCH]}, shuffle=True" in text
    assert f"batch_size={EVAL_BATCH_SIZES[PYTORCH]})" in text
    assert "optim.Adam(model.parameters())" in text
    assert (ADAM[PYTORCH].beta_1, ADAM[PYTORCH].beta_2, ADAM[PYTORCH].epsilon) == (0.9, 0.999, 1e-8)


@pytest.fixture
def listing(tmp_path, monkeypatch):
    """A function that runs a script in a listing's place."""

    def run(text):
        script = tmp_path / "script.py"
        script.write_text(text)
        monkeypatch.setitem(SCRIPTS, "pytorch", script)
        return ListingProcess("pytorch", tmp_path, seed=0, environment=os.environ, log_path=tmp_path / "log")

    return run


def test_a_listing_waits_for_its_turn_before_each_epoch(listing):
    counting = (
        "import time\n"
        "for epoch in range(1, 4):\n"
        "    print(f'Epoch {epoch}/3', flush=True)\n"
        "    time.sleep(0.05)\n"
        "print('accuracy: 0.9700')\n"
    )
    with listing(counting) as process:
        process.wait()
        time.sleep(0.2)
        # It did not go on by itself meanwhile, or its next epoch would be there at once.
        assert process.epoch() >= 0.05
        assert process.epoch() >= 0.05
        assert process.finish() == 0.97


def test_a_listing_that_ends_early_is_told_with_its_last_words(listing):
    with listing("import sys\nprint('Epoch 1/5', flush=True)\nsys.exit('out of luck')\n") as process:
        process.wait()
        with pytest.raises(WorkerDied, match="the listing ended; its log says: out of luck"):
            process.epoch()
