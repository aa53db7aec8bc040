"""What a trial is timed for beside its rounds: single predictions, and training on end for its energy."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import numpy as np

from harness.frameworks.base import ASKED_SAMPLES, Adapter
from harness.measure.loop import timed
from harness.work import recipe
from harness.work.recipe import Floats
from harness.worker.protocol import Message
from harness.worker.watching import Watching

# Predictions are timed call by call for so long, or so many calls.
_PREDICT_S: Final = 0.15
_MOST_CALLS: Final = 1000


def predictions(adapter: Adapter, watching: Watching, batch_size: int) -> Message:
    """Time calls one by one: many for the percentiles' sake, but no longer than a round.

    An answer on the host ends a call. Waiting for the device would end it, too, but a framework's way to wait
    may take longer than a small network.

    Raises:
        OtherWork: the last answer is not what the weights say.
    """
    ready = adapter.begin_predictions(batch_size)
    for _ in range(adapter.warming_passes):
        adapter.predict(0)
    batches = min(ready, max(1, ASKED_SAMPLES // batch_size))
    calls_s: list[float] = []
    answers: list[Floats] = []

    def predict(number: int) -> None:
        answers[:] = (adapter.predict(number),)

    number = 0
    until_s = time.perf_counter() + _PREDICT_S
    # The last answer is held, and is to be that of another question than the first.
    while (len(calls_s) < _MOST_CALLS and time.perf_counter() < until_s) or number == 0 < batches - 1:
        number = (number + 1) % batches
        calls_s.append(timed(partial(predict, number), _answered).wall_s)
    watching.predicted(number, batch_size, *answers)
    p50_s, p95_s, p99_s = np.percentile(calls_s, [50, 95, 99]).tolist()
    return {"batch_size": batch_size, "calls": len(calls_s), "p50_s": p50_s, "p95_s": p95_s, "p99_s": p99_s}


def block(adapter: Adapter, watching: Watching, least_s: float) -> Message:
    """Train whole epochs on end for so long: nothing but the device's work, made ready once.

    Raises:
        OtherWork: these were not so many steps.
    """
    order = recipe.batch_order(adapter.workload, 0)
    epochs = 0
    watching.to_train_on_end()
    adapter.begin_epoch(order)

    def on_end() -> None:
        nonlocal epochs
        until_s = time.perf_counter() + least_s
        while time.perf_counter() < until_s:
            adapter.train_epoch()
            # Else the host would ask for more than the device can do by then.
            adapter.synchronise()
            epochs += 1

    timing = timed(on_end, adapter.synchronise)
    watching.trained_on_end(epochs)
    return {"started_s": timing.started_s, "wall_s": timing.wall_s, "samples": epochs * len(order)}


def _answered() -> None:
    """Nothing is left to wait for."""
