"""What partners cost: the ratio that is told, and a real run of scripted workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmarks.residents import PARTNERS, ROUNDS, by_worker, told
from harness.analysis.residents import beside_others
from harness.store.schema import RESIDENTS

ROOT = Path(__file__).parents[1]


def test_partners_that_take_two_percent_are_told_as_a_speed_below_one_however_a_machine_drifts():
    cost = {0: 1.0, 1: 1.01, 7: 1.02}
    rounds = pd.DataFrame(
        [
            {
                "framework": "pytorch", "batch_size": 64, "replicate": replicate, "partners": partners,
                "turn": turn, "wall_s": cost[partners] * (1 + 0.1 * replicate + turn),
            }
            for replicate in range(5)
            for turn in range(3)
            for partners in PARTNERS
            for _ in range(4)
        ]
    )  # fmt: skip
    one, seven = told(by_worker(rounds))
    assert one.startswith("pytorch, batch 64: speed beside 1 over alone 0.9901")
    assert seven.startswith("pytorch, batch 64: speed beside 7 over alone 0.9804")
    assert seven.endswith("5 replicates")


@pytest.mark.slow
def test_each_number_of_partners_has_its_rounds(synthetic_root, tmp_path):
    scripted = {
        f"EVENMATCH_ADAPTER_{name}": "harness.frameworks.scripted" for name in ("TENSORFLOW", "PYTORCH")
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.residents", "--replicates", "1", "--turns", "2",
         "--batch-size", "512", "--dataset", "synthetic", "--output", tmp_path / "rounds.csv",
         "--results", tmp_path / "results"],
        capture_output=True, text=True, cwd=ROOT, check=False,
        env=os.environ | scripted | {"XDG_CACHE_HOME": str(synthetic_root.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rounds = pd.read_csv(tmp_path / "rounds.csv")
    blocks = rounds.groupby(["framework", "turn", "partners"], sort=False).size()
    assert set(blocks) == {ROUNDS}
    assert sorted(blocks.index) == sorted(
        (framework, turn, partners)
        for framework in ("tensorflow", "pytorch")
        for turn in range(2)
        for partners in PARTNERS
    )
    assert rounds["wall_s"].gt(0).all()
    (kept,) = (tmp_path / "results" / "calibration" / "residents").glob("*.parquet")
    table = pq.read_table(kept)
    assert table.schema.equals(RESIDENTS)
    assert table["turns"].unique().to_pylist() == [2]
    found = beside_others(table.to_pandas())
    assert sorted(zip(found["framework"], found["partners"], strict=True)) == sorted(
        (framework, partners) for framework in ("tensorflow", "pytorch") for partners in PARTNERS[1:]
    )
