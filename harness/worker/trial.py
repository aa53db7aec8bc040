"""A trial, or a proof, as its worker drives it: each request answered with the facts that are stored."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import NoEvidence, WrongDevice
from harness.frameworks.base import Adapter, Counts
from harness.frameworks.witness import Witness
from harness.measure import host, libraries
from harness.measure.disturbance import Watch
from harness.measure.loop import timed
from harness.parity.testimony import testify
from harness.work import recipe
from harness.work.listings import program_of
from harness.work.program import Initial
from harness.work.workload import TEST_SAMPLES, TrialSpec
from harness.worker import beside
from harness.worker.adapters import adapter_module, adapter_name
from harness.worker.failing import kind_of
from harness.worker.peak import peak
from harness.worker.planting import Planting
from harness.worker.protocol import Do, Message, parse_spec
from harness.worker.reading import read_data
from harness.worker.watching import Watching

if TYPE_CHECKING:
    from harness.worker.peers import Peers


class Worker:
    """A trial in progress: answers each request with the facts that the parent stores.

    `imported_s` is how long its framework's import took where that is done already.
    """

    def __init__(self, imported_s: float = 0.0) -> None:
        self._imported_s = imported_s
        self._adapter: Adapter | None = None
        self._opened: type[Adapter] | None = None
        self._peers: Peers | None = None
        self._spec: TrialSpec | None = None
        self._watching: Watching | None = None
        self._planting: Planting | None = None
        self._own_cores = host.OWN_CORES
        self._cpu_s_by_thread: dict[int, float] = {}
        self._order_digests: list[str] = []
        self._used: Message = {}
        self._answered_cpu_s = self._cpu_s()

    @property
    def adapter(self) -> Adapter:
        assert self._adapter is not None, "start comes first"
        return self._adapter

    @property
    def watching(self) -> Watching:
        assert self._watching is not None, "start comes first"
        return self._watching

    def answer(self, request: Message) -> Message:
        idle_cpu_s = self._cpu_s() - self._answered_cpu_s
        match Do(request["do"]):
            case Do.PROBE:
                reply: Message = {"said": adapter_module(request["framework"]).probe(request["device"])}
            case Do.START:
                reply = self._start(parse_spec(request["spec"]))
            case Do.PLAN:
                self.watching.planned(request["samples"], request["evaluations"])
                self._own_cores = frozenset(request["cores"]) or host.OWN_CORES
                reply = {}
            case Do.TRAIN:
                reply = self._train(request["epoch"], request["first"], request["last"])
            case Do.EVALUATE:
                reply = self._evaluate(request["passes"])
            case Do.PREDICT | Do.BLOCK | Do.PEAK:
                reply = self._beside(request)
            case Do.FINISH:
                reply = self._finish()
            case Do.PROVE:
                reply = self._prove(parse_spec(request["spec"]), Path(request["path"]))
            case Do.HOLD:
                self.adapter.hold(request["size_bytes"])
                reply = self._memory()
        reply["idle_cpu_s"] = idle_cpu_s
        self._answered_cpu_s = self._cpu_s()
        return reply

    def _cpu_s(self) -> float:
        """Processor time so far, that of the other workers of its contender included."""
        return time.process_time() + (0.0 if self._adapter is None else self._adapter.beside_cpu_s())

    def _beside(self, request: Message) -> Message:
        """What is measured of a trial beside its rounds."""
        do = Do(request["do"])
        if do is Do.PEAK:
            # Asked when the trial has been made: what the probe takes of the memory is not the trial's.
            self._used = self._memory()
            return peak(self.adapter)
        if do is Do.BLOCK:
            return beside.block(self.adapter, self.watching, request["least_s"])
        return beside.predictions(self.adapter, self.watching, request["batch_size"])

    def failure(self, error: Exception) -> Message:
        """What is told of a request that failed: its kind, its sentence, and the memory that was needed."""
        return {
            "error": f"{type(error).__name__}: {error}",
            "kind": kind_of(error, self._opened),
            "facts": self._memory(),
        }

    def _open(self, spec: TrialSpec) -> Adapter:
        """The spec's adapter; with several workers that of all, whose others are begun with the first."""
        if spec.case.workers == 1:
            return self._open_alone(spec)
        # Imported here: nearly all workers are alone, and start without them.
        from harness.worker.peers import Peers  # noqa: PLC0415
        from harness.worker.team import Team  # noqa: PLC0415

        self._peers = self._peers or Peers(spec.case.workers)
        return Team(spec, self._peers, self._open_alone)

    def _open_alone(self, spec: TrialSpec) -> Adapter:
        adapter: Adapter = adapter_module(spec.framework).open_adapter(spec)
        self._opened = type(adapter)
        return adapter

    def _start(self, spec: TrialSpec) -> Message:
        self._spec = spec
        # Looked up before the clock starts: what a framework's import takes is its own.
        adapter_name(spec.framework)
        order = recipe.batch_order(spec.case.workload, 0)
        ended_s = [time.perf_counter()]
        self._adapter = adapter = self._open(spec)
        ended_s.append(time.perf_counter())
        data = read_data(spec)
        for begin in (partial(adapter.load, data), self._build, partial(adapter.warm_up, order)):
            begin()
            adapter.synchronise()
            ended_s.append(time.perf_counter())
        _require_place(adapter)
        pace = adapter.pace(order)
        self._watching = Watching(spec, adapter)
        self._planting = Planting(spec.planted_share, spec.case.workload.batch_size)
        # What start-up left behind is not looked through again by every collection in a round.
        gc.collect()
        gc.freeze()
        adapter.gauge.forget_peaks()
        self._cpu_s_by_thread = host.cpu_s_by_thread()
        took_s = np.diff(ended_s).tolist()
        took_s[0] += self._imported_s
        return {
            "pace": asdict(pace),
            "startup": dict(zip(("import_s", "data_s", "build_s", "first_step_s"), took_s, strict=True)),
            "effective": {"adapter": self._adapter_name, **_loaded(spec), **adapter.effective()},
            "digests": {
                "data_sha256": recipe.digest(
                    data.train_inputs, data.train_labels, data.test_inputs, data.test_labels
                ),
                "weights_sha256": recipe.digest(*adapter.weights().named().values()),
            },
            "parameter_count": sum(array.size for array in adapter.weights().named().values()),
        }

    @property
    def _adapter_name(self) -> str:
        assert self._opened is not None, "start comes first"
        return self._opened.__module__

    def _build(self) -> None:
        """From the weights that the recipe has, or the program's own way to draw them."""
        assert self._spec is not None
        program = program_of(self._spec.case, self._spec.framework)
        initial = program.initial if program else Initial.GLOROT
        self.adapter.build(recipe.initial_weights(self._spec.case.workload, initial))

    def _train(self, epoch: int, first: int, last: int) -> Message:
        assert self._spec is not None
        order = recipe.batch_order(self._spec.case.workload, epoch)
        if first == 0:
            self._order_digests.append(recipe.digest(order))
        assert self._planting is not None
        asked = order[first:last]
        part = self._planting.planted(asked)
        again = len(part) - len(asked)
        self.watching.to_train(part)
        begin_s = time.process_time()
        self.adapter.begin_epoch(part)
        self.watching.ready(time.process_time() - begin_s)
        reply = self._watched(self.adapter.train_epoch)
        self.watching.ran(reply["cpu_s"])
        counts = self.adapter.trained()
        loss = self.adapter.train_loss()
        self.watching.trained(counts, part)
        return reply | {
            # What was done twice counts once.
            "samples": counts.samples - again,
            "steps": counts.steps - again // self._spec.case.workload.batch_size,
            "loss": loss,
            "accuracy": None,
        }

    def _evaluate(self, passes: int) -> Message:
        assert self._spec is not None
        steps = self._spec.case.workload.eval_steps

        counted: list[Counts] = []
        passes_s: list[float] = []

        def evaluate() -> None:
            for _ in range(passes):
                begin_s = time.process_time()
                self.adapter.evaluate(steps)
                counted.append(self.adapter.evaluated())
                passes_s.append(time.process_time() - begin_s)

        self.watching.to_evaluate()
        reply = self._watched(evaluate)
        score = self.watching.score_of(self.adapter, reply["cpu_s"])
        total = Counts(steps=sum(one.steps for one in counted), samples=sum(one.samples for one in counted))
        self.watching.evaluated(total, score, passes_s)
        return reply | {
            "samples": TEST_SAMPLES * passes,
            "steps": steps * passes,
            "loss": score.loss,
            "accuracy": score.accuracy,
        }

    def _watched(self, work: Callable[[], None]) -> Message:
        """Time a round, and note what else the machine did meanwhile."""
        watch = Watch(self._own_cores)
        watch.begin()
        gauge = self.adapter.gauge

        def gauged() -> None:
            gauge.begin_round()
            work()
            gauge.end_round()

        beside_s = self.adapter.beside_cpu_s()
        timing = timed(gauged, self.adapter.synchronise)
        timing = replace(timing, cpu_s=timing.cpu_s + self.adapter.beside_cpu_s() - beside_s)
        disturbance = watch.end(own_cpu_s=timing.cpu_s)
        self.watching.busy(timing.cpu_s, timing.wall_s)
        return asdict(timing) | {"device_s": gauge.round_s(), "disturbance": asdict(disturbance)}

    def _finish(self) -> Message:
        worked = host.threads_worked(self._cpu_s_by_thread)
        self.watching.finished()
        return (
            (self._used or self._memory())
            | {"watched_s": self.watching.watched_s, "threads_worked": worked}
            | {"digests": {"order_sha256": recipe.combined(self._order_digests)}}
        )

    def _memory(self) -> Message:
        """Peaks of this process and of the framework's allocator, where the latter still answers."""
        try:
            allocator = None if self._adapter is None else asdict(self._adapter.gauge.allocated())
            beside_bytes = 0 if self._adapter is None else self._adapter.beside_peak_bytes()
        except Exception:  # noqa: BLE001  (a framework that has failed once may fail at this, too)
            allocator = beside_bytes = None
        own_bytes = host.peak_bytes()
        if own_bytes is not None:
            own_bytes += beside_bytes or 0
        return {"host_peak_bytes": own_bytes, "allocator": allocator}

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


def _loaded(spec: TrialSpec) -> dict[str, str]:
    """On a GPU: CUDA's libraries as the process has them, whatever was meant to be found."""
    return {} if spec.case.device == "cpu" else {"cuda_libraries": os.pathsep.join(libraries.cudas())}


def _require_place(adapter: Adapter) -> None:
    """Nothing may have been put elsewhere, silently, than where the case is to run.

    Raises:
        WrongDevice: naming what is elsewhere.
    """
    asked = "cpu" if adapter.spec.case.device == "cpu" else "gpu"
    elsewhere = [f"{name} on the {where}" for name, where in adapter.places().items() if where != asked]
    if elsewhere:
        raise WrongDevice(f"asked to work on the {asked}, it has its {', '.join(elsewhere)}")
