"""What all trials of a run share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from harness.engine.forking import ForkServers
from harness.measure import host, nvml
from harness.measure.nvml import Gpu
from harness.settings.config import Settings
from harness.work.records import Certification, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all trials of a run share.

    `at_once` is how many workers of a match may start at the same time: there are cores for so many.
    `certificates` are those of each case's id and framework, as far as there are by then, and `servers` fork
    the workers of matches whose role is among `forked`, those that judge no speed (decision 0008). `gpus` has
    the device behind each name but "cpu", settled before anything is measured. A match ends early once each
    contender has trained for `enough_s`; past `ends_at_s` of the monotonic clock it takes no more turns than
    it must. A round has `whole_steps`, or times as many, where that is not 0. With `speed_only` nothing but
    training is measured. `share_cores` has the contenders of a match run on the same cores. `passed` are the
    shell's variables that were let in by name.
    """

    run_id: str
    data_root: Path
    logs: Path
    compile_cache: Path
    threads: int
    at_once: int
    round_s: float
    timeout_s: float
    certificates: Mapping[tuple[str, str], Certification]
    servers: ForkServers
    forked: frozenset[Role] = frozenset({Role.LEARNING, Role.PILOT})
    gpus: Mapping[str, Gpu] = field(default_factory=dict)
    enough_s: float = math.inf
    ends_at_s: float = math.inf
    whole_steps: int = 0
    speed_only: bool = False
    share_cores: bool = False
    passed: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        run_id: str,
        data_root: Path,
        logs: Path,
        compile_cache: Path,
        certificates: Mapping[tuple[str, str], Certification],
        servers: ForkServers,
    ) -> Self:
        """The conditions that a run's settings ask for on this machine.

        Raises:
            DeviceUnavailable: a GPU that is not there.
        """
        return cls(
            run_id=run_id,
            data_root=data_root,
            logs=logs,
            compile_cache=compile_cache,
            threads=settings.threads,
            at_once=max(1, host.usable_cores() // settings.threads),
            round_s=settings.round_s,
            timeout_s=settings.timeout_s,
            certificates=certificates,
            servers=servers,
            gpus={device: nvml.gpu_of(device) for device in settings.device if device != "cpu"},
            passed=settings.pass_env,
            share_cores=settings.share_cores,
        )
