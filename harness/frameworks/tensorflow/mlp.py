"""TensorFlow's side: the explicit loop, its step traced, compiled by XLA or run op by op."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import chain
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.frameworks.base import TENTH, TINY, Counts, Data, Score, denormals
from harness.frameworks.tensorflow.device import TensorFlowGauge, memory_growth, probe
from harness.frameworks.tensorflow.layout import to_recipe
from harness.frameworks.tensorflow.matched import GivenMasks, MatchedAdam
from harness.frameworks.tensorflow.precision import loss_scale, scaling, set_precision
from harness.frameworks.tensorflow.testimony import TensorFlowTestimony
from harness.work.recipe import Floats, Inputs, Order, Weights, batches, dropout_seeds
from harness.work.workload import CLASSES, INPUT_FEATURES, Mode, Precision, TrialSpec


class TensorFlowMlp(TensorFlowTestimony):
    """Modes `loop` (`tf.function`), `compiled` (`jit_compile=True`) and `eager`."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        # What AutoGraph writes it imports from among temporary files, and would leave the bytecode there.
        sys.dont_write_bytecode = True
        tf.config.threading.set_intra_op_parallelism_threads(spec.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, enable=True)
        self.device = "/CPU:0" if spec.case.device == "cpu" else "/GPU:0"
        if self.device == "/GPU:0":
            probe(spec.case.device)
            self.gauge = TensorFlowGauge()
        self.dtype = set_precision(self.workload.precision)

    @staticmethod
    def out_of_memory(error: BaseException) -> bool:
        return isinstance(error, tf.errors.ResourceExhaustedError)

    def load(self, data: Data) -> None:
        size = self.workload.eval_batch_size
        with tf.device(self.device):
            self._train_inputs = tf.constant(data.train_inputs)
            self._train_labels = tf.constant(data.train_labels)
            self._test_batches = [
                (tf.constant(data.test_inputs[i : i + size]), tf.constant(data.test_labels[i : i + size]))
                for i in range(0, len(data.test_labels), size)
            ]

    def build(self, weights: Weights) -> None:
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        with tf.device(self.device):
            with self._scope():
                self.model = self._network()
                self.adam = self._adam()
                self.optimizer = scaling(self.adam, self.workload.precision)
                self.optimizer.build(self.model.trainable_variables)
            self._loss_sum = tf.Variable(0.0, dtype=self.dtype)
            self._test_loss_sum = tf.Variable(0.0, dtype=self.dtype)
            self._right = tf.Variable(0, dtype=tf.int64)
        self.model.set_weights(list(weights.named().values()))
        # Dropout's random state is among the model's variables, so it is put back with the rest.
        self._initial = [(v, v.numpy()) for v in (*self.model.variables, *self.optimizer.variables)]
        self._drops: dict[bool, Callable[..., Any]] = {}
        self._train_step = self._in_mode(self._step)
        self._eval_step = self._in_mode(self._evaluate)
        self._forward = self._in_mode(self._logits)

    def reset(self) -> None:
        for variable, value in self._initial:
            variable.assign(value)

    def begin_epoch(self, order: Order) -> None:
        with tf.device(self.device):
            self._batches = [tf.constant(batch) for batch in batches(order, self.workload.batch_size)]
        self._samples = 0
        self._steps_before = int(self.optimizer.iterations.numpy())
        self._loss_sum.assign(0.0)

    def train_epoch(self) -> None:
        with tf.device(self.device):
            for batch in self._batches:
                self._train_step(batch)
                self._samples += batch.shape[0]

    def train_loss(self) -> float:
        return float(self._loss_sum.numpy()) / self._samples

    def trained(self) -> Counts:
        return Counts(
            steps=int(self.optimizer.iterations.numpy()) - self._steps_before, samples=self._samples
        )

    def evaluate(self, steps: int) -> None:
        with tf.device(self.device):
            self._test_loss_sum.assign(0.0)
            self._right.assign(0)
            self._evaluated = self._batches_evaluated = 0
            for inputs, labels in self._test_batches[:steps]:
                self._eval_step(inputs, labels)
                self._evaluated += len(labels)
                self._batches_evaluated += 1

    def evaluated(self) -> Counts:
        return Counts(steps=self._batches_evaluated, samples=self._evaluated)

    def score(self) -> Score:
        return Score(
            loss=float(self._test_loss_sum.numpy()) / self._evaluated,
            accuracy=int(self._right.numpy()) / self._evaluated,
        )

    def begin_predictions(self, batch_size: int) -> int:
        inputs = np.concatenate([batch.numpy() for batch, _ in self._test_batches])
        with tf.device(self.device):
            self._questions = [tf.constant(part) for part in whole_batches(inputs, batch_size)]
        return len(self._questions)

    def predict(self, number: int) -> Floats:
        with tf.device(self.device):
            logits: Floats = self._forward(self._questions[number]).numpy()
        return logits

    def multiplying(self, square: Floats) -> Callable[[], object]:
        with tf.device(self.device):
            factor = tf.cast(tf.constant(square), keras.config.dtype_policy().compute_dtype)
        return partial(tf.matmul, factor, factor)

    def copying(self, array: Floats) -> Callable[[], object]:
        with tf.device(self.device):
            source = tf.constant(array)
        # What is called identity gives the same memory another name.
        return partial(tf.raw_ops.DeepCopy, x=source)

    def hold(self, size_bytes: int) -> None:
        self._ballast = None
        with tf.device(self.device):
            # Kernels that fill are there for float32 on every device.
            self._ballast = tf.fill([size_bytes // tf.float32.size], tf.constant(1.0, tf.float32))
        self.synchronise()

    def synchronise(self) -> None:
        if self.device == "/GPU:0":
            tf.test.experimental.sync_devices()

    def weights(self) -> Weights:
        return to_recipe(self.model.weights)

    def effective(self) -> dict[str, str]:
        variable = self.model.trainable_variables[0]
        return {
            "version": tf.__version__,
            "keras_version": keras.__version__,
            "optimizer": "Keras Adam",
            "threads": str(tf.config.threading.get_intra_op_parallelism_threads()),
            "interop_threads": str(tf.config.threading.get_inter_op_parallelism_threads()),
            "device": variable.value.device,
            "precision": variable.dtype,
            "compute": self._compute(),
            "tf32": str(tf.config.experimental.tensor_float_32_execution_enabled()),
            "loss_scale": f"{loss_scale(self.optimizer):g}",
            "denormals": self._denormals(),
            "memory_growth": str(memory_growth()),
            "step": self._step_kind(),
        }

    def _denormals(self) -> str:
        """What the device makes of a product too small for a normal number."""
        with tf.device(self.device):
            return denormals(float((tf.constant(TINY) * tf.constant(TENTH)).numpy()))

    def _logits(self, inputs: tf.Tensor) -> tf.Tensor:
        """Outside the model's own precision, so softmax and loss are never of 16 bits."""
        return tf.cast(self.model(inputs, training=False), self.dtype)

    def _scope(self) -> AbstractContextManager[Any]:
        """In which the model's and the optimiser's variables are made."""
        return nullcontext()

    def _network(self) -> keras.Model:
        inputs = keras.Input((INPUT_FEATURES,))
        return keras.Sequential([inputs, *self._hidden_layers(), keras.layers.Dense(CLASSES)])

    def _hidden_layers(self) -> list[keras.layers.Layer]:
        """Each hidden layer, with its ReLU, and its dropout."""
        widths, seeds = self.workload.hidden, dropout_seeds(self.workload)
        layers = [
            (keras.layers.Dense(units, activation="relu"), self._dropout(units, seed))
            for units, seed in zip(widths, seeds, strict=True)
        ]
        return list(chain.from_iterable(layers))

    def _dropout(self, units: int, seed: int) -> keras.layers.Layer:
        work = self.workload
        if self.spec.matched:
            return GivenMasks(work.steps_per_epoch, work.batch_size, units)
        return keras.layers.Dropout(work.dropout_rate, seed=seed)

    def _adam(self) -> keras.optimizers.Optimizer:
        adam = self.workload.adam
        kind = MatchedAdam if self.spec.matched else keras.optimizers.Adam
        return kind(
            learning_rate=adam.learning_rate,
            beta_1=adam.beta_1,
            beta_2=adam.beta_2,
            epsilon=adam.epsilon,
        )

    def _step(self, batch: tf.Tensor) -> None:
        inputs = tf.gather(self._train_inputs, batch)
        labels = tf.gather(self._train_labels, batch)
        with tf.GradientTape() as tape:
            loss = self._loss(labels, self.model(inputs, training=True))
            scaled = self.optimizer.scale_loss(loss) if self.workload.precision is Precision.FP16 else loss
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        self._loss_sum.assign_add(loss * tf.cast(tf.size(batch), self.dtype))

    def _evaluate(self, inputs: tf.Tensor, labels: tf.Tensor) -> None:
        logits = self._logits(inputs)
        right = tf.argmax(logits, axis=1) == labels
        self._test_loss_sum.assign_add(self._loss(labels, logits) * tf.cast(tf.size(labels), self.dtype))
        self._right.assign_add(tf.reduce_sum(tf.cast(right, tf.int64)))

    def _in_mode(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as the case's mode runs it."""
        if self.spec.case.mode is Mode.EAGER:
            return function
        traced: Callable[..., Any] = tf.function(function, jit_compile=self.spec.case.mode is Mode.COMPILED)
        return traced

    def _step_kind(self) -> str:
        return {Mode.EAGER: "eager", Mode.COMPILED: "tf.function(jit_compile=True)"}.get(
            self.spec.case.mode, "tf.function"
        )


def whole_batches(inputs: Inputs, batch_size: int) -> list[Inputs]:
    """Inputs (n, ...) cut into batches; a last partial one is left out."""
    return [inputs[i : i + batch_size] for i in range(0, len(inputs) - batch_size + 1, batch_size)]
