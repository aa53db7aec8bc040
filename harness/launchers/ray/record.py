"""What the rest of the house knows of Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.launchers.record import Launcher, Option, as_typed
from harness.settings import parsing


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Which cluster, and what each shard's task holds of it."""

    address: str
    resource: str
    gpus: int


RECORD: Final = Launcher(
    name="ray",
    label="Ray",
    settings=Settings,
    options={
        "address": Option(parse=as_typed, default="auto", says="HOST:PORT of the cluster's head"),
        "resource": Option(
            parse=as_typed,
            default="evenmatch",
            says="the resource of which each host has 1 and a shard takes all",
        ),
        "gpus": Option(
            parse=lambda option, text: parsing.whole(option, text, least=0, most=64),
            default="0",
            says="GPUs that a shard takes; without any it sees none",
        ),
    },
    adapter="harness.launchers.ray.adapter",
    module="ray",
    install="make setup LAUNCHER=ray",
)
