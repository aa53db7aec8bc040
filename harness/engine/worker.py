"""One framework, one trial, one process: `python -m harness.engine.worker REQUESTS REPLIES`.

REQUESTS and REPLIES are file descriptors inherited from the parent. The worker answers one request at
a time and blocks on the pipe between them, so that it is idle while the other side has its turn.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Final

import numpy as np

from harness import mnist, recipe
from harness.engine.protocol import Do, Message, dump, parse, parse_spec
from harness.errors import (
    DeviceUnavailable,
    FrameworkMissing,
    NoEvidence,
    OutOfMemory,
    TrialError,
    WorkerFailed,
    WrongDevice,
)
from harness.frameworks.base import ASKED_SAMPLES, Adapter, Data
from harness.frameworks.witness import Witness
from harness.listings import program_of
from harness.measure import host
from harness.measure.disturbance import Watch
from harness.measure.loop import timed
from harness.parity.testimony import testify
from harness.program import Initial, Scaling
from harness.workload import PYTORCH, TENSORFLOW, TEST_SAMPLES, TrialSpec

ENTRY_POINTS: Final = "evenmatch.frameworks"

# Predictions are timed call by call for so long, or so many calls.
_PREDICT_S: Final = 0.3
_MOST_CALLS: Final = 2000

_BUILT_IN: Final = {
    TENSORFLOW: "harness.frameworks.tensorflow_mlp",
    PYTORCH: "harness.frameworks.torch_mlp",
}


def adapter_module(framework: str) -> ModuleType:
    """Import the module of a framework's adapter, and with it the framework.

    `EVENMATCH_ADAPTER_<FRAMEWORK>` names another module in its place, for trials of the harness itself.

    Raises:
        FrameworkMissing: when no adapter has this name.
    """
    replaced = os.environ.get(f"EVENMATCH_ADAPTER_{framework.upper()}")
    if replaced:
        return importlib.import_module(replaced)
    if framework in _BUILT_IN:
        return importlib.import_module(_BUILT_IN[framework])
    for entry in entry_points(group=ENTRY_POINTS, name=framework):
        return importlib.import_module(entry.module)
    raise FrameworkMissing(f"no adapter is called {framework!r}")


class Worker:
    """A trial in progress: answers each request with the facts that the parent stores."""

    def __init__(self) -> None:
        self._adapter: Adapter | None = None
        self._opened: type[Adapter] | None = None
        self._spec: TrialSpec | None = None
        self._order_digests: list[str] = []
        self._answered_cpu_s = time.process_time()

    @property
    def adapter(self) -> Adapter:
        assert self._adapter is not None, "start comes first"
        return self._adapter

    def answer(self, request: Message) -> Message:
        idle_cpu_s = time.process_time() - self._answered_cpu_s
        match Do(request["do"]):
            case Do.PROBE:
                reply: Message = {"said": adapter_module(request["framework"]).probe(request["device"])}
            case Do.START:
                reply = self._start(parse_spec(request["spec"]))
            case Do.TRAIN:
                reply = self._train(request["epoch"], request["first"], request["last"])
            case Do.EVALUATE:
                reply = self._evaluate(request["passes"])
            case Do.PREDICT:
                reply = self._predict(request["batch_size"])
            case Do.FINISH:
                reply = self._finish()
            case Do.PROVE:
                reply = self._prove(parse_spec(request["spec"]), Path(request["path"]))
        reply["idle_cpu_s"] = idle_cpu_s
        self._answered_cpu_s = time.process_time()
        return reply

    def failure(self, error: Exception) -> Message:
        """What is told of a request that failed: its kind, its sentence, and the memory that was needed."""
        return {
            "error": f"{type(error).__name__}: {error}",
            "kind": self._kind_of(error),
            "facts": self._memory(),
        }

    def _kind_of(self, error: Exception) -> str:
        said = self._opened is not None and self._opened.out_of_memory(error)
        if said or isinstance(error, MemoryError):
            return OutOfMemory.kind
        if isinstance(error, DeviceUnavailable):
            return WrongDevice.kind
        return error.kind if isinstance(error, TrialError) else WorkerFailed.kind

    def _open(self, spec: TrialSpec) -> Adapter:
        adapter: Adapter = adapter_module(spec.framework).open_adapter(spec)
        self._opened = type(adapter)
        return adapter

    def _start(self, spec: TrialSpec) -> Message:
        self._spec = spec
        workload = spec.case.workload
        clock = time.perf_counter
        begin_s = clock()
        self._adapter = adapter = self._open(spec)
        imported_s = clock()
        data = read_data(spec)
        adapter.load(data)
        adapter.synchronise()
        loaded_s = clock()
        program = program_of(spec.case, spec.framework)
        weights = recipe.initial_weights(workload, program.initial if program else Initial.GLOROT)
        adapter.build(weights)
        adapter.synchronise()
        built_s = clock()
        adapter.warm_up(recipe.batch_order(workload, 0))
        adapter.synchronise()
        warm_s = clock()
        _require_place(adapter)
        pace = adapter.pace(recipe.batch_order(workload, 0))
        if spec.planted_share:
            adapter.plant(spec.planted_share)
        # What start-up left behind is not looked through again by every collection in a round.
        gc.collect()
        gc.freeze()
        adapter.gauge.forget_peaks()
        return {
            "pace": asdict(pace),
            "startup": {
                "import_s": imported_s - begin_s,
                "data_s": loaded_s - imported_s,
                "build_s": built_s - loaded_s,
                "first_step_s": warm_s - built_s,
            },
            "effective": {"adapter": type(adapter).__module__, **adapter.effective()},
            "digests": {
                "data_sha256": recipe.digest(
                    data.train_inputs, data.train_labels, data.test_inputs, data.test_labels
                ),
                "weights_sha256": recipe.digest(*adapter.weights().named().values()),
            },
            "parameter_count": sum(array.size for array in adapter.weights().named().values()),
        }

    def _train(self, epoch: int, first: int, last: int) -> Message:
        assert self._spec is not None
        order = recipe.batch_order(self._spec.case.workload, epoch)
        if first == 0:
            self._order_digests.append(recipe.digest(order))
        self.adapter.begin_epoch(order[first:last])
        reply = self._watched(self.adapter.train_epoch)
        counts = self.adapter.trained()
        return reply | {
            "samples": counts.samples,
            "steps": counts.steps,
            "loss": self.adapter.train_loss(),
            "accuracy": None,
        }

    def _evaluate(self, passes: int) -> Message:
        assert self._spec is not None
        steps = self._spec.case.workload.eval_steps

        def evaluate() -> None:
            for _ in range(passes):
                self.adapter.evaluate(steps)

        reply = self._watched(evaluate)
        score = self.adapter.score()
        return reply | {
            "samples": TEST_SAMPLES * passes,
            "steps": steps * passes,
            "loss": score.loss,
            "accuracy": score.accuracy,
        }

    def _watched(self, work: Callable[[], None]) -> Message:
        """Time a round, and note what else the machine did meanwhile."""
        watch = Watch()
        watch.begin()
        gauge = self.adapter.gauge

        def gauged() -> None:
            gauge.begin_round()
            work()
            gauge.end_round()

        timing = timed(gauged, self.adapter.synchronise)
        disturbance = watch.end(own_cpu_s=timing.cpu_s)
        return asdict(timing) | {"device_s": gauge.round_s(), "disturbance": asdict(disturbance)}

    def _predict(self, batch_size: int) -> Message:
        """Time calls one by one: many for the percentiles' sake, but no longer than a round."""
        ready = self.adapter.begin_predictions(batch_size)
        batches = min(ready, max(1, ASKED_SAMPLES // batch_size))
        calls_s: list[float] = []
        until_s = time.perf_counter() + _PREDICT_S
        while len(calls_s) < _MOST_CALLS and time.perf_counter() < until_s:
            number = len(calls_s) % batches
            calls_s.append(timed(partial(self.adapter.predict, number), self.adapter.synchronise).wall_s)
        p50_s, p95_s, p99_s = np.percentile(calls_s, [50, 95, 99]).tolist()
        return {
            "batch_size": batch_size,
            "calls": len(calls_s),
            "p50_s": p50_s,
            "p95_s": p95_s,
            "p99_s": p99_s,
        }

    def _finish(self) -> Message:
        return self._memory() | {"digests": {"order_sha256": recipe.combined(self._order_digests)}}

    def _memory(self) -> Message:
        """Peaks of this process and of the framework's allocator, where the latter still answers."""
        try:
            allocator = None if self._adapter is None else asdict(self._adapter.gauge.allocated())
        except Exception:  # noqa: BLE001  (a framework that has failed once may fail at this, too)
            allocator = None
        return {"host_peak_bytes": host.peak_bytes(), "allocator": allocator}

    def _prove(self, spec: TrialSpec, path: Path) -> Message:
        """Write one side's testimony about a case to `path`.

        Raises:
            NoEvidence: the adapter is not a witness.
        """
        begin_s = time.perf_counter()

        def open_witness(wanted: TrialSpec) -> Witness:
            adapter = self._open(wanted)
            if not isinstance(adapter, Witness):
                raise NoEvidence(
                    f"{type(adapter).__module__}.{type(adapter).__name__} cannot be asked for evidence"
                )
            return adapter

        testify(spec, open_witness, read_data).write(path)
        return {"proof_s": time.perf_counter() - begin_s}


def _require_place(adapter: Adapter) -> None:
    """Nothing may have been put elsewhere, silently, than where the case is to run.

    Raises:
        WrongDevice: naming what is elsewhere.
    """
    asked = "cpu" if adapter.spec.case.device == "cpu" else "gpu"
    elsewhere = [f"{name} on the {where}" for name, where in adapter.places().items() if where != asked]
    if elsewhere:
        raise WrongDevice(f"asked to work on the {asked}, it has its {', '.join(elsewhere)}")


def read_data(spec: TrialSpec) -> Data:
    """Decode and scale the verified files; both frameworks get the very same arrays.

    Only in mode `article` each program has its own scaling.
    """
    workload = spec.case.workload
    program = program_of(spec.case, spec.framework)
    scaling = program.scaling if program else Scaling.NORMALISED
    images = mnist.load(Path(spec.data_root), workload.dataset)
    kept = workload.train_samples
    return Data(
        train_inputs=recipe.scaled(images.train_images[:kept], scaling, workload.precision),
        train_labels=images.train_labels[:kept].astype("int64"),
        test_inputs=recipe.scaled(images.test_images, scaling, workload.precision),
        test_labels=images.test_labels.astype("int64"),
        root=spec.data_root,
    )


def serve(requests: BinaryIO, replies: BinaryIO) -> int:
    """Answer requests until the last one or the end of the pipe; the exit status of the process."""
    worker = Worker()
    for line in requests:
        request = parse(line)
        try:
            reply: Message = {"ok": worker.answer(request)}
        except Exception as error:  # noqa: BLE001  (whatever a framework raises becomes the trial's reason)
            traceback.print_exc()
            reply = worker.failure(error)
        replies.write(dump(reply))
        replies.flush()
        if "error" in reply:
            return 1
        if request["do"] == Do.FINISH:
            return 0
    return 0


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "rb") as inbox, os.fdopen(int(sys.argv[2]), "wb") as outbox:
        sys.exit(serve(inbox, outbox))
