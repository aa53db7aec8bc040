"""What is measured of one trial, taken down as its worker tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from harness.engine.joining import joined
from harness.engine.limits import pace_of, require_numbers, seconds
from harness.engine.warming import marked
from harness.errors import ProtocolError
from harness.measure.disturbance import mark, rounded_up
from harness.measure.samples import Turn, steady_energy_j, summarised
from harness.work.records import (
    AllocatorUse,
    Disturbance,
    EnergyBlock,
    Failure,
    Latency,
    Peak,
    Phase,
    Round,
    Startup,
)
from harness.worker.protocol import Do, Message

# What an answer that is none raises as it is read.
_NONSENSE: Final = (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError)


class Scoresheet:
    """A trial's rounds and all that is told beside them, or why there are no more.

    An answer that has not what it should have is a failure of its trial, and of nothing else.
    """

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self.pace: dict[str, float | None] | None = None
        self._startup: Startup | None = None
        self._started: Message = {}
        self._finished: Message = {}
        self._rounds: list[Round] = []
        self._latencies: list[Latency] = []
        self._energy: list[EnergyBlock] = []
        self._peak: Peak | None = None

    def fail(self, kind: str, reason: str) -> None:
        """What failed first stays."""
        self.failure = self.failure or Failure(kind=kind, reason=reason)

    @property
    def trained_s(self) -> float:
        """Seconds of all training rounds so far."""
        return sum(one.wall_s for one in self._rounds if one.phase is Phase.TRAIN)

    @property
    def epoch(self) -> int:
        """Wherever training has come to, from 0."""
        return max((one.epoch for one in self._rounds), default=1) - 1

    def started(self, reply: Message) -> None:
        with self._understood(Do.START):
            require_numbers(reply["startup"], *reply["startup"])
            require_numbers(reply, "parameter_count")
            pace, startup = pace_of(reply), Startup(**reply["startup"])
            self._started = reply | {name: dict(reply[name]) for name in ("effective", "digests")}
            self.pace, self._startup = pace, startup

    def trained(
        self, replies: Sequence[Message], watched: Sequence[Turn] | None, *, epoch: int, place: int
    ) -> None:
        """A training round in as many parts as there are replies; `watched` is None without a GPU."""
        with self._understood(Do.TRAIN):
            self._round(Phase.TRAIN, joined(replies), watched, epoch=epoch, place=place)

    def evaluated(self, reply: Message, watched: Sequence[Turn] | None, *, epoch: int, place: int) -> None:
        with self._understood(Do.EVALUATE):
            self._round(Phase.EVALUATE, reply, watched, epoch=epoch, place=place)

    def trained_block(self, reply: Message, watched: Turn) -> None:
        """Whole epochs on end, for what the device took meanwhile."""
        with self._understood(Do.BLOCK):
            require_numbers(reply, "started_s", "wall_s", "samples")
            began_s, wall_s = reply["started_s"], reply["wall_s"]
            energy_j = steady_energy_j(watched, began_s, began_s + wall_s)
            self._energy.append(EnergyBlock(wall_s=wall_s, samples=reply["samples"], energy_j=energy_j))

    def predicted(self, reply: Message) -> None:
        told = ("batch_size", "calls", "p50_s", "p95_s", "p99_s")
        with self._understood(Do.PREDICT):
            require_numbers(reply, *told)
            self._latencies.append(Latency(**{name: reply[name] for name in told}))

    def peak_found(self, reply: Message) -> None:
        with self._understood(Do.PEAK):
            rates = {name: seconds(reply[name]) for name in ("flop_per_s", "bytes_per_s")}
            self._peak = Peak(**rates, reason=None if reply["reason"] is None else str(reply["reason"]))

    def finished(self, reply: Message) -> None:
        with self._understood(Do.FINISH):
            require_numbers(reply, "host_peak_bytes", "watched_s", "threads_worked")
            _allocator(reply)
            self._finished = reply | {"digests": dict(reply["digests"])}

    def broke_off(self, facts: Mapping[str, Any]) -> None:
        """What a worker that failed could still tell; what is no fact is left out."""
        with suppress(*_NONSENSE):
            require_numbers(facts, "host_peak_bytes")
            self._finished["host_peak_bytes"] = facts["host_peak_bytes"]
        with suppress(*_NONSENSE):
            _allocator(facts)
            self._finished["allocator"] = facts["allocator"]

    def told(self) -> dict[str, Any]:
        """The fields of a `Trial` that its worker has told."""
        return {
            "startup": self._startup,
            "rounds": marked(self._rounds),
            "latencies": tuple(self._latencies),
            "energy": tuple(self._energy),
            "parameter_count": self._started.get("parameter_count"),
            "host_peak_bytes": self._finished.get("host_peak_bytes"),
            "watched_s": self._finished.get("watched_s"),
            "threads_worked": self._finished.get("threads_worked"),
            "pace": self.pace,
            "peak": self._peak,
            "allocator": _allocator(self._finished),
            "effective": self._started.get("effective", {}),
            "digests": {**self._started.get("digests", {}), **self._finished.get("digests", {})},
            "failure": self.failure,
        }

    @contextmanager
    def _understood(self, do: Do) -> Iterator[None]:
        try:
            yield
        except _NONSENSE as error:
            self.fail(ProtocolError.kind, f"an answer to {do} that is none: {error!r}")

    def _round(
        self, phase: Phase, reply: Message, watched: Sequence[Turn] | None, *, epoch: int, place: int
    ) -> None:
        require_numbers(reply, "samples", "steps", "started_s", "cpu_s", "idle_cpu_s", "loss", "accuracy")
        if seconds(reply["wall_s"]) is None:
            raise ValueError(f"a round of {reply['wall_s']} s")
        if not (isinstance(reply["samples"], int) and reply["samples"] > 0):
            raise ValueError(f"a round of {reply['samples']} samples")
        disturbance = rounded_up(Disturbance(**reply["disturbance"]))
        gpu = None if watched is None else summarised(watched)
        self._rounds.append(
            Round(
                **reply | {"disturbance": disturbance},
                phase=phase,
                index=sum(one.phase is phase for one in self._rounds),
                epoch=epoch + 1,
                place=place,
                disturbed_by=mark(disturbance, wall_s=reply["wall_s"], gpu=gpu),
                gpu=gpu,
            )
        )


def _allocator(said: Mapping[str, Any]) -> AllocatorUse | None:
    told = said.get("allocator")
    return None if told is None else AllocatorUse(**told)
