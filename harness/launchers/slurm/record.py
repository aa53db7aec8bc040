"""What the rest of the house knows of SLURM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.launchers.record import Launcher, Option, as_typed
from harness.settings import parsing

# A year, in minutes.
_MOST_MIN: Final = 525_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What each shard's job asks for; empty texts ask for nothing."""

    partition: str
    constraint: str
    account: str
    qos: str
    gres: str
    cpus: int
    exclusive: bool
    limit_min: int
    notice_s: int
    at_once: int


RECORD: Final = Launcher(
    name="slurm",
    label="SLURM",
    settings=Settings,
    options={
        "partition": Option(parse=as_typed, default="", says="partitions, separated by commas"),
        "constraint": Option(parse=as_typed, default="", says="features that a node has to have"),
        "account": Option(parse=as_typed, default="", says="account"),
        "qos": Option(parse=as_typed, default="", says="quality of service"),
        "gres": Option(parse=as_typed, default="", says="generic resources, such as gpu:1"),
        "cpus": Option(
            parse=lambda option, text: parsing.whole(option, text, least=0, most=4096),
            default="0",
            says="processors of a job; 0 leaves it to SLURM",
        ),
        "exclusive": Option(
            parse=parsing.yes_no, default="yes", says="no: other jobs may be on the node, too"
        ),
        "limit_min": Option(
            parse=lambda option, text: parsing.whole(option, text, least=1, most=_MOST_MIN),
            default="60",
            says="minutes after which SLURM ends a job, which then goes on as another attempt",
        ),
        "notice_s": Option(
            parse=lambda option, text: parsing.whole(option, text, least=1, most=3600),
            default="90",
            says="seconds before that, or before a preemption, at which a job is told",
        ),
        "at_once": Option(
            parse=lambda option, text: parsing.whole(option, text, least=1, most=10_000),
            default="256",
            says="at most so many jobs at once",
        ),
    },
    adapter="harness.launchers.slurm.adapter",
    module="submitit",
    install="make setup LAUNCHER=slurm",
)
