"""The commands for several hosts: cut a plan into shards, measure one here. `harness import` joins them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    AllowMismatch,
    BatchSize,
    Budget,
    DataDir,
    DatasetName,
    Device,
    Epochs,
    EvalBatchSize,
    Force,
    Frameworks,
    Hidden,
    ModeNames,
    PassEnv,
    PrecisionNames,
    Preset,
    Replicates,
    RoundSeconds,
    Seed,
    ShareCores,
    Text,
    Threads,
    Timeout,
    TrainSamples,
    Wait,
    Workers,
    in_one,
    measuring,
    settings_from,
)
from harness.cli.running import begin, go_on
from harness.settings import addresses, parsing
from harness.settings.sharding import Shard

if TYPE_CHECKING:
    from harness.store.remote import Remote


def plan(
    *,
    preset: Preset = None,
    frameworks: Frameworks = None,
    device: Device = None,
    batch_size: BatchSize = None,
    hidden: Hidden = None,
    workers: Workers = None,
    epochs: Epochs = None,
    mode: ModeNames = None,
    precision: PrecisionNames = None,
    dataset: DatasetName = None,
    seed: Seed = None,
    train_samples: TrainSamples = None,
    eval_batch_size: EvalBatchSize = None,
    threads: Threads = None,
    replicates: Replicates = None,
    budget: Budget = None,
    share_cores: ShareCores = None,
    round_s: RoundSeconds = None,
    timeout: Timeout = None,
    pass_env: PassEnv = None,
    allow_mismatch: AllowMismatch = None,
    data_dir: DataDir = None,
    shards: Annotated[str, typer.Option(help="How many hosts are to measure.")],
    output: Annotated[str, typer.Option(help="Folder of the files.")],
) -> None:
    """Cut what `bench` would measure into shards, a file each for a host of its own; nothing is measured."""
    given: dict[str, Text] = {
        "preset": preset,
        "frameworks": frameworks,
        "device": device,
        "batch_size": batch_size,
        "hidden": hidden,
        "workers": workers,
        "epochs": epochs,
        "mode": mode,
        "precision": precision,
        "dataset": dataset,
        "seed": seed,
        "train_samples": train_samples,
        "eval_batch_size": eval_batch_size,
        "threads": threads,
        "replicates": replicates,
        "budget_s": budget,
        "share_cores": share_cores,
        "round_s": round_s,
        "timeout_s": timeout,
        "pass_env": in_one(pass_env),
        "allow_mismatch": "yes" if allow_mismatch else None,
        "data_dir": data_dir,
    }
    from harness.sessions import sharding  # noqa: PLC0415
    from harness.terminal.answers import show_plan  # noqa: PLC0415

    wanted = parsing.whole("SHARDS", shards, least=1, most=sharding.MOST_SHARDS)
    plan_id, paths = sharding.write_plan(settings_from(given), wanted, parsing.path("OUTPUT", output))
    show_plan(plan_id, paths)


def run_shard(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file that `harness plan` wrote.")],
    *,
    output: Annotated[str, typer.Option(help="Results folder of this shard.")],
    publish: Annotated[
        Text,
        typer.Option(
            metavar="ADDRESS", help="Put it there, too, such as s3://BUCKET/FOLDER, once it has ended."
        ),
    ] = None,
    data_dir: DataDir = None,
    wait: Wait = False,
    force: Force = False,
) -> None:
    """Measure a shard, or what is missing of it; a finished one is shown."""
    from dataclasses import replace  # noqa: PLC0415

    from harness.sessions import sharding  # noqa: PLC0415

    folder = parsing.path("OUTPUT", output)
    target = None if publish is None else addresses.address("PUBLISH", publish)
    shard, settings = sharding.read_shard(parsing.path("FILE", file), folder)
    if data_dir is not None:
        settings = replace(settings, data_dir=parsing.path("DATA_DIR", data_dir))
    there = None if target is None else sharding.outbox(shard, target)
    with _published(shard, folder, there), measuring(wait=wait, force=force):
        if sharding.is_begun(shard, folder):
            go_on(shard.run_id, settings, as_json=False)
        else:
            begin(settings, shard, as_json=False)


@contextmanager
def _published(shard: Shard, folder: Path, there: Remote | None) -> Iterator[None]:
    """Have what there is of a shard elsewhere, too, when the block has ended, unless it was refused."""
    try:
        yield
    except (typer.Exit, KeyboardInterrupt):
        _publish(shard, folder, there)
        raise
    _publish(shard, folder, there)


def _publish(shard: Shard, folder: Path, there: Remote | None) -> None:
    from harness.sessions import sharding  # noqa: PLC0415
    from harness.terminal.answers import show_published  # noqa: PLC0415

    if there is not None and sharding.is_begun(shard, folder):
        show_published(sharding.publish(shard, folder, there))
