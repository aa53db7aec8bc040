"""A framework that does what a script says: order, pairing, failure and reports without a framework.

Put in a framework's place with `EVENMATCH_ADAPTER_<FRAMEWORK>=harness.frameworks.scripted`, the framework's
name in capitals, and told what to do by `EVENMATCH_SCRIPT_<FRAMEWORK>`, a JSON object:

    {"train_s": 0.01, "evaluate_s": 0.001, "accuracy": 0.97, "events": {"train 2": "raise"}}

A training round takes `train_s` however much it is asked to train; with `epoch_s` it takes the part of
that which it is asked for, and the engine is told this pace. `way_s` has what ways take in place of
`train_s`, by their names (`workload.Way.id`).

An event is named by what is asked and, for rounds, its count from 1; `start 512` is the start of a case of
batch 512 only, `start graph` that of one way. Events: `raise`, `exit`, `kill`, `hang`, `chatter` (writes to
both standard streams), `memory` (there is none left). The record shows which adapter ran. With `place` (cpu
or gpu) it works there, wherever it was told to. With `flop_per_s` and `bytes_per_s` its products and copies
take as long as these say; else it offers none.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from harness.frameworks.base import Adapter, Counts, Data, Pace, Score
from harness.work.recipe import Floats, Order, Weights, batches
from harness.work.workload import CLASSES, TEST_SAMPLES, TrialSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What to do; the defaults are a quick trial in which everything goes well."""

    train_s: float = 0.002
    epoch_s: float | None = None
    evaluate_s: float = 0.001
    predict_s: float = 0.0
    loss: float = 0.25
    accuracy: float = 0.97
    place: str | None = None
    flop_per_s: float | None = None
    bytes_per_s: float | None = None
    way_s: dict[str, float] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)


def open_adapter(spec: TrialSpec) -> Adapter:
    told: dict[str, Any] = json.loads(os.environ.get(f"EVENMATCH_SCRIPT_{spec.framework.upper()}", "{}"))
    return Scripted(spec, Script(**told))


def probe(device: str) -> str:
    return f"scripted on {device}"


class Scripted(Adapter):
    """Sleeps for as long as a round is told to take."""

    def __init__(self, spec: TrialSpec, script: Script) -> None:
        super().__init__(spec)
        self._script = script
        self._counts: dict[str, int] = {}
        self._event("start")
        self._event(f"start {self.workload.batch_size}")
        self._event(f"start {spec.case.way.id}")

    def load(self, data: Data) -> None:
        pass

    def build(self, weights: Weights) -> None:
        self._weights = weights

    def reset(self) -> None:
        self._counts.clear()

    def begin_epoch(self, order: Order) -> None:
        self._counts_of_epoch = Counts(
            steps=len(batches(order, self.workload.batch_size)), samples=len(order)
        )
        self._done_over_dealt = len(order) / len(np.unique(order))

    def train_epoch(self) -> None:
        script, share = self._script, self._counts_of_epoch.samples / self.workload.train_samples
        train_s = script.way_s.get(self.spec.case.way.id, script.train_s)
        wall_s = train_s * self._done_over_dealt if script.epoch_s is None else script.epoch_s * share
        self._round("train", wall_s)

    def train_loss(self) -> float:
        return self._script.loss

    def trained(self) -> Counts:
        return self._counts_of_epoch

    def evaluate(self, steps: int) -> None:
        self._steps_evaluated = steps
        self._round("evaluate", self._script.evaluate_s)

    def evaluated(self) -> Counts:
        work = self.workload
        return Counts(
            steps=self._steps_evaluated,
            samples=min(self._steps_evaluated * work.eval_batch_size, TEST_SAMPLES),
        )

    def score(self) -> Score:
        return Score(loss=self._script.loss, accuracy=self._script.accuracy)

    def begin_predictions(self, batch_size: int) -> int:
        return TEST_SAMPLES // batch_size

    def predict(self, number: int) -> Floats:
        self._event(f"predict {number + 1}")
        # A thousand predictions that take no time are over at once; any others fill the time that there is.
        if self._script.predict_s:
            time.sleep(self._script.predict_s)
        return np.zeros((1, CLASSES), np.float32)

    def multiplying(self, square: Floats) -> Callable[[], object] | None:
        self._event("multiply")
        return self._doing(2 * len(square) ** 3, self._script.flop_per_s)

    def copying(self, array: Floats) -> Callable[[], object] | None:
        return self._doing(2 * array.nbytes, self._script.bytes_per_s)

    @staticmethod
    def _doing(amount: int, amount_per_s: float | None) -> Callable[[], object] | None:
        return None if amount_per_s is None else partial(time.sleep, amount / amount_per_s)

    def synchronise(self) -> None:
        pass

    def places(self) -> dict[str, str]:
        asked = "cpu" if self.spec.case.device == "cpu" else "gpu"
        return {"weights": self._script.place or asked}

    def weights(self) -> Weights:
        return self._weights

    def effective(self) -> dict[str, str]:
        return {
            "version": "scripted",
            "optimizer": "none",
            "threads": str(self.spec.threads),
            "device": self.spec.case.device,
            "precision": self.workload.precision.value,
        }

    def warm_up(self, order: Order) -> None:
        """Nothing to trace; counting starts with the first round."""

    def pace(self, order: Order) -> Pace:
        epoch_s = self._script.epoch_s
        return Pace(train_sample_s=None if epoch_s is None else epoch_s / len(order), evaluate_s=None)

    def _round(self, asked: str, wall_s: float) -> None:
        self._counts[asked] = self._counts.get(asked, 0) + 1
        self._event(f"{asked} {self._counts[asked]}")
        time.sleep(wall_s)

    def _event(self, name: str) -> None:
        match self._script.events.get(name):
            case "raise":
                raise RuntimeError(f"scripted to fail at {name}")
            case "memory":
                raise MemoryError(f"scripted to find no memory at {name}")
            case "exit":
                sys.stderr.write(f"scripted to exit at {name}\n")
                sys.stderr.flush()
                os._exit(7)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(3600)
            case "chatter":
                sys.stdout.write('{"ok": "not an answer"}\n' * 2000)
                sys.stderr.write("noise\n")
