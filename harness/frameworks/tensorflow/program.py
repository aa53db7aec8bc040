"""Any program in TensorFlow, the article's listing among them: Keras `compile`, `fit` and `evaluate`.

A listing calls `fit` once for all its epochs, and what a call takes to begin with is no part of an epoch. So
it is called once here too, in a thread that stands still before each epoch until it is its turn. The order
of the samples is Keras's own shuffle, seeded with the replicate's seed.
"""

from __future__ import annotations

import threading
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from harness.frameworks.base import Counts, Pace
from harness.frameworks.tensorflow.idiomatic import TensorFlowIdiomatic
from harness.work.listings import ONLY, PYTORCH, program_of
from harness.work.program import Metrics, Output, Partial, Progress, Step
from harness.work.recipe import Inputs, Order, Weights
from harness.work.workload import CLASSES, TEST_SAMPLES, TrialSpec, Workload

# In the words of `compile`. "auto" is what it does unasked.
_JIT_COMPILE: Final[dict[Step, str | bool]] = {Step.TRACED: "auto", Step.COMPILED: True, Step.EAGER: False}

_ACTIVATIONS: Final = {
    Output.PROBABILITIES: "softmax",
    Output.LOGITS: "linear",
    Output.LOG_PROBABILITIES: "log_softmax",
}


class TensorFlowProgram(TensorFlowIdiomatic):
    """Mode `article`."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        program = program_of(spec.case, spec.framework)
        assert program is not None, "mode article has a program"
        assert not ONLY[PYTORCH] & {program.pipeline, program.update}, "TensorFlow has no such level"
        self._program = program
        self._verbose: str | int = "auto" if program.progress is Progress.BAR else 0

    def build(self, weights: Weights) -> None:
        keras.utils.set_random_seed(self.workload.seed)
        super().build(weights)
        self._fit: _TurnTakingFit | None = None
        self._compile(self.model, accuracy=self._program.metrics is Metrics.ACCURACY)
        self._judged = self.model
        if self._program.metrics is Metrics.NONE:
            # `evaluate` computes what `fit` does; the same layers under another hat are asked for more.
            self._judged = keras.Sequential(self.model.layers)
            self._compile(self._judged, accuracy=True)

    def begin_epoch(self, order: Order) -> None:
        """Have `fit` stand ready before its next epoch; it shuffles the samples of `order` by itself."""
        self._steps_before = int(self.optimizer.iterations.numpy())
        if self._fit is None:
            self._fit = _TurnTakingFit(self.model, *self._kept(order), self.workload, verbose=self._verbose)
        self._fit.wait()

    def train_epoch(self) -> None:
        assert self._fit is not None, "begin_epoch comes first"
        self._fit.epoch()

    def train_loss(self) -> float:
        assert self._fit is not None, "begin_epoch comes first"
        return self._fit.loss

    def trained(self) -> Counts:
        assert self._fit is not None, "begin_epoch comes first"
        return Counts(
            steps=int(self.optimizer.iterations.numpy()) - self._steps_before, samples=self._fit.samples
        )

    def _kept(self, order: Order) -> tuple[Inputs, NDArray[np.int64]]:
        size = self.workload.batch_size
        if self._program.partial is Partial.DROPPED:
            order = order[: len(order) // size * size]
        chosen = np.sort(order)
        return self._images[chosen], self._labels[chosen]

    def evaluate(self, steps: int) -> None:
        self._evaluate_first(steps * self.workload.eval_batch_size)

    def warm_up(self, order: Order) -> None:
        """As in every mode; an evaluation's last, smaller batch is traced too."""
        work = self.workload
        images, labels = self._kept(order[: work.batch_size + work.train_samples % work.batch_size])
        self.model.fit(images, labels, batch_size=work.batch_size, verbose=self._verbose)
        self._evaluate_first(work.eval_batch_size + TEST_SAMPLES % work.eval_batch_size)
        self.reset()

    def pace(self, order: Order) -> Pace:  # noqa: ARG002  (the contract names it)
        """Nothing: whole epochs are timed, whatever they take."""
        return Pace(train_sample_s=None, evaluate_s=None)

    def effective(self) -> dict[str, str]:
        program = self._program
        return super().effective() | {
            "inputs": str(self._images.dtype),
            "program": program.id,
            "order": "Keras's own shuffle",
            "run_eagerly": str(self.model.run_eagerly),
        }

    def _evaluate_first(self, samples: int) -> None:
        self._score = self._judged.evaluate(
            self._test_images[:samples],
            self._test_labels[:samples],
            batch_size=self.workload.eval_batch_size,
            verbose=self._verbose,
        )

    def _compile(self, model: keras.Model, *, accuracy: bool) -> None:
        from_logits = self._program.output is not Output.PROBABILITIES
        model.compile(
            optimizer=self.optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
            metrics=["accuracy"] if accuracy else [],
            run_eagerly=self._program.step is Step.EAGER,
            jit_compile=_JIT_COMPILE[self._program.step],
        )

    def _network(self) -> keras.Model:
        inputs = (keras.Input((28, 28)), keras.layers.Flatten())
        outputs = keras.layers.Dense(CLASSES, activation=_ACTIVATIONS[self._program.output])
        return keras.Sequential([*inputs, *self._hidden_layers(), outputs])

    def _step_kind(self) -> str:
        return "fit (eager)" if self._program.step is Step.EAGER else super()._step_kind()


class _TurnTakingFit(keras.callbacks.Callback):
    """One call of `fit` in a thread of its own, which trains an epoch whenever it is asked to."""

    def __init__(
        self,
        model: keras.Model,
        images: Inputs,
        labels: NDArray[np.int64],
        workload: Workload,
        *,
        verbose: str | int,
    ) -> None:
        super().__init__()
        self.loss = float("nan")
        self.samples = 0
        self._error: BaseException | None = None
        self._ready, self._turn, self._done = (threading.Semaphore(0) for _ in range(3))
        arguments = {
            "batch_size": workload.batch_size,
            "epochs": workload.epochs,
            "verbose": verbose,
            "callbacks": [self],
        }
        threading.Thread(target=self._run, args=(model, images, labels, arguments), daemon=True).start()

    def wait(self) -> None:
        """Return when `fit` stands before an epoch; raises what it raised."""
        self._ready.acquire()
        self._raise()

    def epoch(self) -> None:
        """Let it train the epoch that it stands before; raises what it raised."""
        self._turn.release()
        self._done.acquire()
        self._raise()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras calls it)
        self._ready.release()
        self._turn.acquire()
        # An evaluation since the last epoch has left its counts in the metrics.
        self.model.reset_metrics()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras calls it)
        # `fit` weighs each batch's loss by its samples; its mean keeps the sum of these weights.
        (mean_loss,) = (metric for metric in self.model.metrics if metric.name == "loss")
        self.loss, self.samples = float(logs["loss"]), int(mean_loss.count.numpy())
        self._done.release()

    def _run(self, model: keras.Model, images: Inputs, labels: NDArray[np.int64], arguments: Any) -> None:
        try:
            model.fit(images, labels, **arguments)
        except BaseException as error:  # noqa: BLE001  (told to the thread that waits)
            self._error = error
            self._ready.release()
            self._done.release()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
