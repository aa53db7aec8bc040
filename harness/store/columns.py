"""What is stored as rows: a trial and its rounds, and the matches of a plan."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from harness.settings.matches import Match
from harness.store.schema import SCHEMA_VERSION
from harness.work.records import AllocatorUse, Phase, Round, Startup, Trial
from harness.work.workload import TEST_SAMPLES, Dataset, shape


def rows_of(trial: Trial) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A trial's row in the table of trials, and its rounds' rows in that of rounds."""
    identity = _identity(trial)
    return identity | _trial_columns(trial), [identity | _round_columns(one) for one in trial.rounds]


def plan_rows(run_id: str, matches: Iterable[Match]) -> list[dict[str, Any]]:
    """A row a match, in the plan's order; of one of all ways `contenders` are those that may sit in it."""
    return [
        {
            "schema_version": SCHEMA_VERSION,
            "run_id": run_id,
            "place": place,
            "match_id": f"{run_id}-{match.id}",
            "role": match.role.value,
            "case_id": match.case.id,
            "contenders": [one.id for one in match.contenders],
            "replicate": match.replicate,
            "seed": match.seed,
        }
        for place, match in enumerate(matches)
    ]


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
        "hidden": shape(work.hidden),
        "workers": trial.case.workers,
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
        "paced_sample_s": (trial.pace or {}).get("train_sample_s"),
        "paced_evaluate_s": (trial.pace or {}).get("evaluate_s"),
        **({f"peak_{name}": value for name, value in asdict(trial.peak).items()} if trial.peak else {}),
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
