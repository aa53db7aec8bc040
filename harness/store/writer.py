"""Records become parquet files: typed, one file a trial until its run has ended, moved into place whole."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import NotStored, ResultsUnusable
from harness.store.schema import ATTEMPTS, CHANGES, RESIDENTS, ROUNDS, RUNS, SCHEMA_VERSION, TRIALS
from harness.work.records import AllocatorUse, Attempt, Change, Phase, Round, Startup, Trial
from harness.work.workload import TEST_SAMPLES, Dataset

# A run's row takes a tenth of it.
_ROOM_BYTES: Final = 2**18


class Store:
    """A results folder: `trials/`, `rounds/` and `runs/` of parquet files, and `logs/`.

    `pd.read_parquet` and DuckDB read each folder as one table.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"

    def prepare(self) -> None:
        """Make the folders and prove that files can be written.

        Raises:
            ResultsUnusable: when they cannot.
        """
        try:
            for name in ("trials", "rounds", "runs", "logs"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=self.folder / name):
                    pass
            self._clear_gathered()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ResultsUnusable(
                f"RESULTS={self.folder}: cannot be written ({reason}); use a folder that can"
            ) from error

    @contextmanager
    def room(self) -> Iterator[None]:
        """Hold a little of the disk while the block runs, so that on a full one its end can still be told.

        Raises:
            NotStored: there is not even that.
        """
        try:
            # It has no name: it ends with the process, whatever ends that.
            held = tempfile.TemporaryFile(dir=self.folder / "runs", buffering=0)  # noqa: SIM115  (closed below)
            held.write(os.urandom(_ROOM_BYTES))
        except OSError as error:
            raise NotStored(f"{self.folder}: cannot be written ({error.strerror or error})") from error
        with held:
            yield

    def save_trial(self, trial: Trial) -> None:
        """Write a trial and its rounds; the trial last, so that a trial on disk always has its rounds."""
        name = f"{trial.trial_id}.parquet"
        row, rounds = rows_of(trial)
        write_table(self.folder / "rounds" / name, rounds, ROUNDS)
        write_table(self.folder / "trials" / name, [row], TRIALS)

    def gather(self, run_id: str) -> None:
        """The files of a run that has ended become one a table: thousands of small ones are slow to read.

        Raises:
            NotStored: when the one cannot be written; the many are then still there.
        """
        for name, schema in (("rounds", ROUNDS), ("trials", TRIALS)):
            parts = sorted((self.folder / name).glob(f"{run_id}-*.parquet"))
            if parts:
                table = pa.concat_tables([pq.ParquetFile(part).read().cast(schema) for part in parts])
                place(table, self.folder / name / f"{run_id}.parquet")
        self._clear_gathered()

    def _clear_gathered(self) -> None:
        """Remove the parts of what has been gathered, also where that was cut short."""
        for name, run in product(("rounds", "trials"), (self.folder / "runs").glob("*.parquet")):
            if (self.folder / name / run.name).is_file():
                for part in (self.folder / name).glob(f"{run.stem}-*.parquet"):
                    part.unlink()

    def save_attempts(self, attempts: Sequence[Attempt], where: Mapping[str, Any]) -> None:
        """Write a try of a calibration, with the columns of `where`: machine, versions, threads, length."""
        if not attempts:
            return
        rows = [{"schema_version": SCHEMA_VERSION, **where, **asdict(one)} for one in attempts]
        name = f"{attempts[0].calibration_id}-{attempts[0].number:05d}.parquet"
        write_table(self.folder / "attempts" / name, rows, ATTEMPTS)

    def save_residents(
        self, residents_id: str, rows: Sequence[Mapping[str, Any]], where: Mapping[str, Any]
    ) -> None:
        """Write what workers lose beside others, with the columns of `where`: machine, versions, threads."""
        told = {"schema_version": SCHEMA_VERSION, "residents_id": residents_id, **where}
        write_table(
            self.folder / "residents" / f"{residents_id}.parquet",
            [told | dict(one) for one in rows],
            RESIDENTS,
        )

    def save_change(self, change: Change, where: Mapping[str, Any]) -> None:
        """Write what a change did, with the columns of `where`: machine, versions, threads and data."""
        row = {"schema_version": SCHEMA_VERSION, **where, **asdict(change)}
        name = f"{change.explanation_id}-{change.replicate:03d}-{change.place:02d}.parquet"
        write_table(self.folder / "changes" / name, [row], CHANGES)

    def save_run(self, run: Mapping[str, Any]) -> None:
        """Write the run's row, replacing what was written of it before."""
        row = {"schema_version": SCHEMA_VERSION, **run}
        write_table(self.folder / "runs" / f"{run['run_id']}.parquet", [row], RUNS)


def rows_of(trial: Trial) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A trial's row in the table of trials, and its rounds' rows in that of rounds."""
    identity = _identity(trial)
    return identity | _trial_columns(trial), [identity | _round_columns(one) for one in trial.rounds]


def write_table(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write rows in the schema's columns, whole or not at all.

    Raises:
        NotStored: when the file cannot be written.
    """
    place(pa.Table.from_pylist(rows, schema=schema), path)


def place(table: pa.Table, path: Path) -> None:
    """Write a table at `path`, whole or not at all.

    Raises:
        NotStored: when the file cannot be written.
    """
    table = table.replace_schema_metadata({"evenmatch_schema_version": str(SCHEMA_VERSION)})
    # The leading dot keeps a half-written file out of every reader's sight.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, partial)
        partial.replace(path)
    except OSError as error:
        raise NotStored(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _identity(trial: Trial) -> dict[str, Any]:
    work = trial.case.workload
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": trial.run_id,
        "match_id": trial.match_id,
        "trial_id": trial.trial_id,
        "role": trial.role.value,
        "seat": trial.seat,
        "contender": trial.contender.id,
        "case_id": trial.case.id,
        "framework": trial.framework,
        "planted_share": trial.planted_share,
        "device": trial.case.device,
        "mode": trial.case.mode.value,
        "update": trial.case.update.value,
        "precision": work.precision.value,
        "dataset": work.dataset.value,
        "synthetic": work.dataset is Dataset.SYNTHETIC,
        "batch_size": work.batch_size,
        "epochs": work.epochs,
        "replicate": trial.replicate,
        "seed": trial.seed,
    }


def _trial_columns(trial: Trial) -> dict[str, Any]:
    work = trial.case.workload
    train = [one for one in trial.rounds if one.phase is Phase.TRAIN]
    evaluate = [one for one in trial.rounds if one.phase is Phase.EVALUATE]
    failure = trial.failure
    return {
        "part": trial.part,
        "chosen": trial.chosen,
        "train_samples": work.train_samples,
        "test_samples": TEST_SAMPLES,
        "eval_batch_size": work.eval_batch_size,
        "threads": trial.threads,
        "status": trial.status.value,
        "failure_kind": failure.kind if failure else None,
        "failure_reason": failure.reason if failure else None,
        "started_at": trial.started_at,
        "wall_s": trial.wall_s,
        "watched_s": trial.watched_s,
        "threads_worked": trial.threads_worked,
        "cores": trial.cores,
        **_startup_columns(trial.startup),
        "train_rounds": len(train),
        "train_s": sum(one.wall_s for one in train) if train else None,
        **_throughput_columns("train", train),
        "train_warm_up_rounds": sum(one.warm_up for one in train),
        "eval_rounds": len(evaluate),
        **_throughput_columns("eval", evaluate),
        **_latency_columns(trial),
        **_final_columns(trial, train, evaluate),
        "host_peak_bytes": trial.host_peak_bytes,
        **_gpu_columns(trial),
        **_allocator_columns(trial.allocator),
        "parameter_count": trial.parameter_count,
        "framework_version": trial.effective.get("version"),
        "optimizer": trial.effective.get("optimizer"),
        "data_sha256": trial.digests.get("data_sha256"),
        "weights_sha256": trial.digests.get("weights_sha256"),
        "order_sha256": trial.digests.get("order_sha256"),
        "certificate_id": trial.certificate.id if trial.certificate else None,
        "certified": trial.certificate.holds if trial.certificate else None,
        "effective_json": json.dumps(trial.effective, sort_keys=True),
        "log_path": trial.log_path,
    }


def _final_columns(trial: Trial, train: list[Round], evaluate: list[Round]) -> dict[str, float | None]:
    """What was learned in the end; null for a trial that was not to learn to the end."""
    last = evaluate[-1] if evaluate and trial.whole else None
    return {
        "final_train_loss": train[-1].loss if last else None,
        "final_test_loss": last.loss if last else None,
        "final_accuracy": last.accuracy if last else None,
    }


def _startup_columns(startup: Startup | None) -> dict[str, float | None]:
    if startup is None:
        return dict.fromkeys(("import_s", "data_s", "build_s", "first_step_s", "startup_s"))
    return {
        "import_s": startup.import_s,
        "data_s": startup.data_s,
        "build_s": startup.build_s,
        "first_step_s": startup.first_step_s,
        "startup_s": startup.total_s,
    }


def _gpu_columns(trial: Trial) -> dict[str, Any]:
    """`gpu_peak_bytes` is the process's; training's energy that of blocks, null where any block's is."""
    if trial.gpu is None:
        return {"gpu_peak_reason": trial.gpu_reason}
    use = trial.gpu
    energies_j = [one.energy_j for one in trial.energy]
    known_j = [energy_j for energy_j in energies_j if energy_j is not None]
    return {
        "gpu_peak_bytes": use.process_peak_bytes,
        "gpu_peak_reason": use.process_reason,
        "gpu_device_peak_bytes": use.device_peak_bytes,
        "gpu_left_bytes": use.left_bytes,
        "gpu_name": use.name,
        "gpu_uuid": use.uuid,
        "gpu_energy_source": use.energy_source,
        "gpu_train_energy_j": sum(known_j) if known_j and len(known_j) == len(energies_j) else None,
        "gpu_energy_samples": sum(one.samples for one in trial.energy) if trial.energy else None,
        "gpu_energy_s": sum(one.wall_s for one in trial.energy) if trial.energy else None,
        "gpu_samples": use.samples,
        "gpu_sample_s": use.sample_s,
        "gpu_ended_because": use.ended_because,
    }


def _allocator_columns(use: AllocatorUse | None) -> dict[str, Any]:
    if use is None:
        return {"allocator_reason": "the trial ended before it could be asked"}
    return {f"allocator_{name}": value for name, value in asdict(use).items()}


def _latency_columns(trial: Trial) -> dict[str, float | None]:
    """Percentiles at batch 1 and at the case's batch; null for what was not asked."""
    wanted = {"one": 1, "batch": trial.case.workload.batch_size}
    by_size = {one.batch_size: one for one in trial.latencies}
    return {
        f"latency_{name}_{column}": getattr(by_size.get(size), column, None)
        for name, size in wanted.items()
        for column in ("calls", "p50_s", "p95_s", "p99_s")
    }


def _throughput_columns(prefix: str, rounds: list[Round]) -> dict[str, float | None]:
    """Median and quartiles after warm-up; one round has no spread, so its quartiles are null."""
    speeds = [one.samples_per_s for one in rounds if not one.warm_up]
    quartiles = statistics.quantiles(speeds, n=4, method="inclusive") if len(speeds) > 1 else None
    return {
        f"{prefix}_samples_per_s": statistics.median(speeds) if speeds else None,
        f"{prefix}_samples_per_s_q1": quartiles[0] if quartiles else None,
        f"{prefix}_samples_per_s_q3": quartiles[2] if quartiles else None,
    }


def _round_columns(one: Round) -> dict[str, Any]:
    return {
        "phase": one.phase.value,
        "round_index": one.index,
        "epoch": one.epoch,
        "place": one.place,
        "samples": one.samples,
        "steps": one.steps,
        "started_s": one.started_s,
        "wall_s": one.wall_s,
        "cpu_s": one.cpu_s,
        "idle_cpu_s": one.idle_cpu_s,
        "samples_per_s": one.samples_per_s,
        "loss": one.loss,
        "accuracy": one.accuracy,
        "warm_up": one.warm_up,
        "disturbed_by": one.disturbed_by,
        **(asdict(one.disturbance) if one.disturbance else {}),
        **({f"gpu_{name}": value for name, value in asdict(one.gpu).items()} if one.gpu else {}),
        "device_s": one.device_s,
    }
