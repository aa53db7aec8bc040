"""What drawing the page costs as rounds grow: `python -m benchmarks.report_scaling 10000 100000 1000000`.

Results are invented (and say so), in the real schema and layout: ten cases, trials of 500 rounds. Each
page is drawn by `harness report` in a fresh process; time and peak memory are that process's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Final

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from harness.parity.certificate import Certificate, Finding
from harness.settings.presets import FRAMEWORKS
from harness.store import certificates
from harness.store.schema import ROUNDS, RUNS, SCHEMA_VERSION, TRIALS
from harness.store.writer import Store
from harness.work.contender import Contender
from harness.work.records import Role, Status
from harness.work.workload import Case, Mode, Workload, shape

RUN_ID: Final = "20260101T000000-0000"
ROUNDS_A_TRIAL: Final = 500
EPOCHS: Final = 50
CASES: Final = [
    Case(workload=Workload(batch_size=batch_size, epochs=EPOCHS), device="cpu", mode=mode)
    for batch_size, mode in product((32, 64, 128, 512, 1024), (Mode.LOOP, Mode.COMPILED))
]

EQUAL: Final = Finding(
    check="optimiser", quantity="kind", expected="Adam", found="Adam", difference=None,
    bound=None, meaning="invented", holds=True,
)  # fmt: skip


def main() -> None:
    out = Console(highlight=False)
    for total in map(int, sys.argv[1:] or ("10000", "100000", "1000000")):
        with tempfile.TemporaryDirectory(prefix="evenmatch-scaling-") as folder:
            rounds = invent(Path(folder) / "results", total)
            wall_s, peak_bytes, page_bytes = draw(Path(folder))
        out.print(
            f"{rounds:>9,} rounds: {wall_s:6.1f} s, {peak_bytes / 2**20:6.0f} MiB, "
            f"page {page_bytes / 2**10:.0f} KiB"
        )


def invent(results: Path, total: int) -> int:
    """Write about `total` rounds as a run would have; returns how many they are."""
    for name in ("trials", "rounds", "runs", "certificates"):
        (results / name).mkdir(parents=True)
    for case, framework in product(CASES, FRAMEWORKS):
        certificates.save(
            results,
            Certificate(
                id=f"{case.id}-{framework}", case=case, framework=framework, findings=(EQUAL,), wall_s=1.0
            ),
        )
    replicates = max(1, round(total / (len(CASES) * len(FRAMEWORKS) * ROUNDS_A_TRIAL)))
    numbers = np.random.default_rng(0)
    for case, replicate, seat in product(CASES, range(replicates), range(len(FRAMEWORKS))):
        _invent_trial(results, case, replicate, seat, numbers)
    run = {
        "schema_version": SCHEMA_VERSION, "run_id": RUN_ID, "status": "finished", "synthetic": True,
        "started_at": datetime(2026, 1, 1, tzinfo=UTC), "finished_at": datetime(2026, 1, 2, tzinfo=UTC),
        "wall_s": 86400.0, "command": "harness bench", "preset": "thorough", "hostname": "invented",
        "cpu_model": "none", "threads": 1, "cpu_usable": 1,
        "certificate_ids": [f"{case.id}-{name}" for case in CASES for name in FRAMEWORKS],
        "config_json": "{}", "environment_json": "{}", "packages_json": "{}",
        "stopped_because": "it was invented", "gpu_names": [], "gpu_reason": "none",
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([run], schema=RUNS), results / "runs" / f"{RUN_ID}.parquet")
    Store(results).gather(RUN_ID)
    return len(CASES) * replicates * len(FRAMEWORKS) * ROUNDS_A_TRIAL


def _invent_trial(results: Path, case: Case, replicate: int, seat: int, numbers: np.random.Generator) -> None:
    contender = Contender(framework=FRAMEWORKS[seat], case=case)
    match_id = f"{RUN_ID}-{case.id}-r{replicate}"
    identity: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION, "run_id": RUN_ID, "match_id": match_id,
        "trial_id": f"{match_id}-{seat}-{contender.framework}", "role": Role.COMPARISON.value, "seat": seat,
        "contender": contender.id, "case_id": case.id, "framework": contender.framework,
        "planted_share": 0.0, "device": "cpu", "mode": case.mode.value,
        "precision": "fp32", "dataset": "mnist", "synthetic": True, "batch_size": case.workload.batch_size,
        "hidden": shape(case.workload.hidden),
        "workers": case.workers,
        "epochs": EPOCHS, "replicate": replicate, "seed": replicate,
    }  # fmt: skip
    epochs = np.arange(1, ROUNDS_A_TRIAL + 1) * EPOCHS // ROUNDS_A_TRIAL + 1
    # A tenth of the rounds are evaluations: one an epoch.
    evaluate = np.arange(ROUNDS_A_TRIAL) % (ROUNDS_A_TRIAL // EPOCHS) == ROUNDS_A_TRIAL // EPOCHS - 1
    wall_s = numbers.lognormal(-1.6, 0.02, ROUNDS_A_TRIAL)
    columns: dict[str, Any] = {name: [value] * ROUNDS_A_TRIAL for name, value in identity.items()} | {
        "phase": np.where(evaluate, "evaluate", "train"),
        "round_index": np.where(evaluate, np.cumsum(evaluate), np.cumsum(~evaluate)) - 1,
        "epoch": np.minimum(epochs, EPOCHS), "place": np.zeros(ROUNDS_A_TRIAL, dtype=np.int8),
        "samples": np.full(ROUNDS_A_TRIAL, 6400), "steps": np.full(ROUNDS_A_TRIAL, 100),
        "started_s": np.cumsum(2 * wall_s), "wall_s": wall_s, "cpu_s": wall_s, "idle_cpu_s": 0 * wall_s,
        "samples_per_s": 6400 / wall_s, "loss": 0.3 + 0 * wall_s,
        "accuracy": pa.array(0.97 + 0.001 * numbers.standard_normal(ROUNDS_A_TRIAL), mask=~evaluate),
        "warm_up": np.arange(ROUNDS_A_TRIAL) < 5, "steal_s": 0 * wall_s, "others_cpu_s": 0 * wall_s,
    }  # fmt: skip
    table = pa.table(
        {
            field.name: pa.array(columns[field.name], type=field.type)
            if not isinstance(columns.get(field.name), pa.Array)
            else columns[field.name].cast(field.type)
            for field in ROUNDS
            if field.name in columns
        }
    )
    for field in ROUNDS:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(ROUNDS_A_TRIAL, field.type))
    name = f"{identity['trial_id']}.parquet"
    pq.write_table(table.select(ROUNDS.names), results / "rounds" / name)
    trial = identity | {
        "train_samples": 60_000, "test_samples": 10_000, "eval_batch_size": 1000, "threads": 1,
        "status": Status.OK.value, "wall_s": float(wall_s.sum()), "train_s": float(wall_s.sum()),
        "train_samples_per_s": 30_000.0, "eval_samples_per_s": 90_000.0, "final_accuracy": 0.97,
        "import_s": 2.0, "data_s": 0.1, "build_s": 0.1, "first_step_s": 0.3, "startup_s": 2.5,
        "host_peak_bytes": 500 * 2**20, "gpu_peak_reason": "the device is a CPU", "effective_json": "{}",
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([trial], schema=TRIALS), results / "trials" / name)


def draw(folder: Path) -> tuple[float, int, int]:
    """Seconds, peak resident bytes and page size of one `harness report`."""
    command = [
        sys.executable,
        "-m",
        "harness",
        "report",
        "all",
        "--results",
        "results",
        "--reports",
        "reports",
    ]
    root = str(Path(__file__).parents[1])
    began_s = time.monotonic()
    with psutil.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": root}, stdout=DEVNULL) as process:
        peak_bytes = 0
        while process.poll() is None:
            try:
                peak_bytes = max(peak_bytes, process.memory_info().rss)
            except psutil.Error:
                break
            time.sleep(0.02)
    wall_s = time.monotonic() - began_s
    if process.returncode:
        sys.exit(process.returncode)
    return wall_s, peak_bytes, (folder / "reports" / "summary.html").stat().st_size


if __name__ == "__main__":
    main()
