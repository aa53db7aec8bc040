"""Columns of what is measured: trials, rounds and the runs that they belong to."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from harness.frameworks import registry

# Two frameworks may run on one package.
_VERSIONS: Final = dict.fromkeys(package.column for one in registry.records() for package in one.recorded)

TIME: Final = pa.timestamp("us", tz="UTC")

# The case and the trial's place in the run: the same columns open the trials and the rounds table.
_IDENTITY: Final[list[tuple[str, pa.DataType]]] = [
    ("schema_version", pa.int16()),
    ("run_id", pa.string()),
    ("match_id", pa.string()),
    ("trial_id", pa.string()),
    ("role", pa.string()),
    ("seat", pa.int8()),
    ("contender", pa.string()),
    ("case_id", pa.string()),
    ("framework", pa.string()),
    ("planted_share", pa.float64()),
    ("device", pa.string()),
    ("mode", pa.string()),
    ("update", pa.string()),
    ("precision", pa.string()),
    ("dataset", pa.string()),
    ("synthetic", pa.bool_()),
    ("batch_size", pa.int32()),
    ("hidden", pa.string()),
    ("workers", pa.int32()),
    ("epochs", pa.int32()),
    ("replicate", pa.int32()),
    ("seed", pa.int64()),
]

# One row a trial. Throughputs are samples per second over the trial's rounds: median and quartiles.
TRIALS: Final = pa.schema(
    [
        *_IDENTITY,
        ("part", pa.int8()),
        ("chosen", pa.bool_()),
        ("train_samples", pa.int32()),
        ("test_samples", pa.int32()),
        ("eval_batch_size", pa.int32()),
        ("threads", pa.int32()),
        ("threads_worked", pa.int32()),
        ("cores", pa.string()),
        ("status", pa.string()),
        ("failure_kind", pa.string()),
        ("failure_reason", pa.string()),
        ("started_at", TIME),
        ("wall_s", pa.float64()),
        ("watched_s", pa.float64()),
        ("paced_sample_s", pa.float64()),
        ("paced_evaluate_s", pa.float64()),
        ("peak_flop_per_s", pa.float64()),
        ("peak_bytes_per_s", pa.float64()),
        ("peak_reason", pa.string()),
        ("import_s", pa.float64()),
        ("data_s", pa.float64()),
        ("build_s", pa.float64()),
        ("first_step_s", pa.float64()),
        ("startup_s", pa.float64()),
        ("train_rounds", pa.int32()),
        ("train_s", pa.float64()),
        ("train_samples_per_s", pa.float64()),
        ("train_samples_per_s_q1", pa.float64()),
        ("train_samples_per_s_q3", pa.float64()),
        ("train_warm_up_rounds", pa.int32()),
        ("eval_rounds", pa.int32()),
        ("eval_samples_per_s", pa.float64()),
        ("eval_samples_per_s_q1", pa.float64()),
        ("eval_samples_per_s_q3", pa.float64()),
        ("latency_one_calls", pa.int32()),
        ("latency_one_p50_s", pa.float64()),
        ("latency_one_p95_s", pa.float64()),
        ("latency_one_p99_s", pa.float64()),
        ("latency_batch_calls", pa.int32()),
        ("latency_batch_p50_s", pa.float64()),
        ("latency_batch_p95_s", pa.float64()),
        ("latency_batch_p99_s", pa.float64()),
        ("final_train_loss", pa.float64()),
        ("final_test_loss", pa.float64()),
        ("final_accuracy", pa.float64()),
        ("host_peak_bytes", pa.int64()),
        ("gpu_peak_bytes", pa.int64()),
        ("gpu_peak_reason", pa.string()),
        ("gpu_device_peak_bytes", pa.int64()),
        ("gpu_left_bytes", pa.int64()),
        ("gpu_name", pa.string()),
        ("gpu_uuid", pa.string()),
        ("gpu_energy_source", pa.string()),
        ("gpu_train_energy_j", pa.float64()),
        ("gpu_energy_samples", pa.int64()),
        ("gpu_energy_s", pa.float64()),
        ("gpu_samples", pa.int32()),
        ("gpu_sample_s", pa.float64()),
        ("gpu_ended_because", pa.string()),
        ("allocator_peak_in_use_bytes", pa.int64()),
        ("allocator_peak_reserved_bytes", pa.int64()),
        ("allocator_reason", pa.string()),
        ("parameter_count", pa.int32()),
        ("framework_version", pa.string()),
        ("optimizer", pa.string()),
        ("data_sha256", pa.string()),
        ("weights_sha256", pa.string()),
        ("order_sha256", pa.string()),
        ("certificate_id", pa.string()),
        ("certified", pa.bool_()),
        ("effective_json", pa.string()),
        ("log_path", pa.string()),
    ]
)

# One row a timed round, in the order in which they ran. Rounds of the warm-up are kept, and marked.
ROUNDS: Final = pa.schema(
    [
        *_IDENTITY,
        ("phase", pa.string()),
        ("round_index", pa.int32()),
        ("epoch", pa.int32()),
        ("place", pa.int8()),
        ("samples", pa.int64()),
        ("steps", pa.int32()),
        ("started_s", pa.float64()),
        ("wall_s", pa.float64()),
        ("cpu_s", pa.float64()),
        ("idle_cpu_s", pa.float64()),
        ("samples_per_s", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
        ("warm_up", pa.bool_()),
        ("disturbed_by", pa.string()),
        ("steal_s", pa.float64()),
        ("others_cpu_s", pa.float64()),
        ("voluntary_switches", pa.int64()),
        ("involuntary_switches", pa.int64()),
        ("frequency_hz", pa.float64()),
        ("gpu_energy_j", pa.float64()),
        ("gpu_utilisation", pa.float64()),
        ("gpu_sm_hz", pa.float64()),
        ("gpu_memory_hz", pa.float64()),
        ("gpu_temperature_c", pa.float64()),
        ("gpu_power_w", pa.float64()),
        ("gpu_throttled_by", pa.string()),
        ("device_s", pa.float64()),
    ]
)

# What reports read of the rounds; the rest is for whoever opens the files. A million rounds are a gigabyte
# otherwise.
REPORTED: Final = pa.schema(
    [
        ROUNDS.field(name)
        for name in (
            "schema_version", "run_id", "match_id", "trial_id", "role", "seat", "case_id", "framework",
            "replicate", "phase", "round_index", "epoch", "samples", "wall_s", "idle_cpu_s", "loss",
            "accuracy", "warm_up", "disturbed_by", "steal_s", "others_cpu_s",
            "involuntary_switches", "gpu_sm_hz",
        )
    ]
)  # fmt: skip

# Columns of the rounds that name the trial, the same in all its rows.
REPEATED: Final = (
    *(name for name, kind in _IDENTITY if kind == pa.string() and name in REPORTED.names),
    "phase",
)

# One row a run: where, with what and how it was measured. Of `wall_s`, which begins when the certificates
# that it waits for are there, `timed_s` are rounds that tell a speed. `status` is running, finished,
# interrupted or failed (the disk was full). One that says running and that nobody measures is read as
# abandoned (`store.reader`). `resumed_at` are the times at which an unfinished run went on. Of a plan for
# several hosts a run is a part: `shard`, from 1, of `shards`.
RUNS: Final = pa.schema(
    [
        ("schema_version", pa.int16()),
        ("run_id", pa.string()),
        ("status", pa.string()),
        ("started_at", TIME),
        ("finished_at", TIME),
        ("resumed_at", pa.list_(TIME)),
        ("plan_id", pa.string()),
        ("shard", pa.int32()),
        ("shards", pa.int32()),
        ("wall_s", pa.float64()),
        ("timed_s", pa.float64()),
        ("command", pa.string()),
        ("preset", pa.string()),
        ("synthetic", pa.bool_()),
        ("trials_planned", pa.int32()),
        ("trials_ok", pa.int32()),
        ("trials_failed", pa.int32()),
        ("stopped_because", pa.string()),
        ("certificate_ids", pa.list_(pa.string())),
        ("hostname", pa.string()),
        ("os", pa.string()),
        ("cpu_model", pa.string()),
        ("cpu_logical", pa.int32()),
        ("cpu_physical", pa.int32()),
        ("cpu_usable", pa.int32()),
        ("memory_bytes", pa.int64()),
        ("gpu_names", pa.list_(pa.string())),
        ("gpu_driver", pa.string()),
        ("gpu_reason", pa.string()),
        *((one.context_column, pa.int64()) for one in registry.records()),
        *((one.default_column, pa.int64()) for one in registry.records() if one.default_column),
        ("context_source", pa.string()),
        ("context_reason", pa.string()),
        ("python_version", pa.string()),
        ("harness_version", pa.string()),
        *((name, pa.string()) for name in _VERSIONS),
        ("threads", pa.int32()),
        ("git_commit", pa.string()),
        ("git_dirty", pa.bool_()),
        ("git_reason", pa.string()),
        ("load_1min_start", pa.float64()),
        ("load_1min_end", pa.float64()),
        ("cpu_busy_before", pa.float64()),
        ("memory_available_bytes", pa.int64()),
        ("config_json", pa.string()),
        ("environment_json", pa.string()),
        ("packages_json", pa.string()),
    ]
)

# One row a match of a run's plan, in its order, written before anything is measured. Of a match of all ways
# `contenders` are those that may sit in it: who does is found by a pilot.
PLANS: Final = pa.schema(
    [
        ("schema_version", pa.int16()),
        ("run_id", pa.string()),
        ("place", pa.int32()),
        ("match_id", pa.string()),
        ("role", pa.string()),
        ("case_id", pa.string()),
        ("contenders", pa.list_(pa.string())),
        ("replicate", pa.int32()),
        ("seed", pa.int64()),
    ]
)
