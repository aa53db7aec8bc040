"""TensorFlow's side: the explicit loop, its step traced, compiled by XLA or run op by op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from harness.errors import DeviceUnavailable
from harness.frameworks.base import Adapter, Counts, Data, Score
from harness.frameworks.planted import slowed
from harness.frameworks.tensorflow_matched import GivenMask, MatchedAdam
from harness.frameworks.witness import Fact, Witness
from harness.recipe import Floats, Order, Weights, batches
from harness.workload import CLASSES, INPUT_FEATURES, Mode, Precision, TrialSpec

_FLOATX = {Precision.FP32: "float32", Precision.FP64: "float64"}


def open_adapter(spec: TrialSpec) -> Adapter:
    """The adapter for the spec's mode; importing this module is the import that start-up times."""
    if spec.case.mode is Mode.IDIOMATIC:
        from harness.frameworks.tensorflow_idiomatic import TensorFlowIdiomatic  # noqa: PLC0415  (its subclass)

        return TensorFlowIdiomatic(spec)
    return TensorFlowMlp(spec)


def probe(device: str) -> str:
    """Say which device TensorFlow would use.

    Raises:
        DeviceUnavailable: when TensorFlow registers no GPU; it does so silently, so the reason is told
            from what its build says.
    """
    if device == "cpu":
        return f"TensorFlow {tf.__version__} on the CPU"
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        built = tf.sysconfig.get_build_info().get("cuda_version", "none: a CPU-only build")
        raise DeviceUnavailable(f"TensorFlow {tf.__version__} (built for CUDA {built}): it registered no GPU")
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "a GPU")
    return f"TensorFlow {tf.__version__} on {name}"


class TensorFlowMlp(Witness):
    """Modes `loop` (`tf.function`), `compiled` (`jit_compile=True`) and `eager`."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        tf.config.threading.set_intra_op_parallelism_threads(spec.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, enable=True)
        self.device = "/CPU:0" if spec.case.device == "cpu" else "/GPU:0"
        if self.device == "/GPU:0" and not tf.config.list_physical_devices("GPU"):
            raise DeviceUnavailable(probe(spec.case.device))
        # Layers in float64 while floatx stays float32 would compute the loss in float32; and the policy
        # that layers follow is drawn from floatx once in a process, then kept.
        keras.config.set_floatx(_FLOATX[self.workload.precision])
        keras.config.set_dtype_policy(_FLOATX[self.workload.precision])
        self.dtype = tf.dtypes.as_dtype(keras.config.floatx())

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
            self.model = self._network()
            self.optimizer = self._adam()
            self.optimizer.build(self.model.trainable_variables)
            self._loss_sum = tf.Variable(0.0, dtype=self.dtype)
            self._test_loss_sum = tf.Variable(0.0, dtype=self.dtype)
            self._right = tf.Variable(0, dtype=tf.int64)
        self.model.set_weights(list(weights.named().values()))
        # Dropout's random state is among the model's variables, so it is put back with the rest.
        self._initial = [(v, v.numpy()) for v in (*self.model.variables, *self.optimizer.variables)]
        self._train_step, self._eval_step = self._steps()
        self._forward = self._in_mode(lambda inputs: self.model(inputs, training=False))

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
            self._evaluated = 0
            for inputs, labels in self._test_batches[:steps]:
                self._eval_step(inputs, labels)
                self._evaluated += len(labels)

    def score(self) -> Score:
        return Score(
            loss=float(self._test_loss_sum.numpy()) / self._evaluated,
            accuracy=int(self._right.numpy()) / self._evaluated,
        )

    def begin_predictions(self, batch_size: int) -> int:
        inputs = np.concatenate([batch.numpy() for batch, _ in self._test_batches])
        with tf.device(self.device):
            self._questions = [tf.constant(part) for part in whole_batches(inputs, batch_size)]
        self.predict(0)
        return len(self._questions)

    def predict(self, number: int) -> None:
        with tf.device(self.device):
            self._forward(self._questions[number])

    def plant(self, share: float) -> None:
        self._train_step = slowed(self._train_step, share)

    def synchronise(self) -> None:
        if self.device == "/GPU:0":
            tf.test.experimental.sync_devices()

    def weights(self) -> Weights:
        return _recipe_layout(self.model.weights)

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
            "tf32": str(tf.config.experimental.tensor_float_32_execution_enabled()),
            "memory_growth": str(
                all(
                    tf.config.experimental.get_memory_growth(gpu)
                    for gpu in tf.config.list_physical_devices("GPU")
                )
            ),
            "step": self._step_kind(),
        }

    def held_data(self) -> Data:
        return Data(
            train_inputs=self._train_inputs.numpy(),
            train_labels=self._train_labels.numpy(),
            test_inputs=np.concatenate([inputs.numpy() for inputs, _ in self._test_batches]),
            test_labels=np.concatenate([labels.numpy() for _, labels in self._test_batches]),
            root=self.spec.data_root,
        )

    def held_batches(self) -> list[Order]:
        return [batch.numpy() for batch in self._batches]

    def trainable_shapes(self) -> list[tuple[int, ...]]:
        return [tuple(variable.shape) for variable in self.model.trainable_variables]

    def first_moment(self) -> Weights:
        return _recipe_layout([v for v in self.optimizer.variables if v.name.endswith("_momentum")])

    def logits(self) -> Floats:
        with tf.device(self.device):
            return np.concatenate([self._forward(inputs).numpy() for inputs, _ in self._test_batches])

    def dropped(self, ones: Floats, *, training: bool) -> Floats:
        (layer,) = (one for one in self.model.layers if isinstance(one, keras.layers.Dropout))
        run = self._in_mode(lambda inputs: layer(inputs, training=training))
        with tf.device(self.device):
            return np.array(run(tf.constant(ones)))

    def put_mask(self, mask: Floats) -> None:
        (layer,) = (one for one in self.model.layers if isinstance(one, GivenMask))
        layer.put(mask)

    def constants(self) -> dict[str, Fact]:
        adam = self.optimizer
        clipping = (adam.clipnorm, adam.global_clipnorm, adam.clipvalue)
        return {
            "kind": "Adam" if isinstance(adam, keras.optimizers.Adam) else type(adam).__name__,
            "learning_rate": float(adam.learning_rate.numpy()),
            "beta_1": adam.beta_1,
            "beta_2": adam.beta_2,
            "epsilon": adam.epsilon,
            "weight_decay": adam.weight_decay or 0.0,
            "amsgrad": adam.amsgrad,
            "clipping": next((bound for bound in clipping if bound is not None), 0.0),
        }

    def settings(self) -> dict[str, Fact]:
        variable = self.model.trainable_variables[0]
        return {
            "threads": tf.config.threading.get_intra_op_parallelism_threads(),
            "interop_threads": tf.config.threading.get_inter_op_parallelism_threads(),
            "device": "gpu" if "GPU" in variable.value.device else "cpu",
            "precision": variable.dtype,
            "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
        }

    def _network(self) -> keras.Model:
        work = self.workload
        return keras.Sequential(
            [
                keras.Input((INPUT_FEATURES,)),
                keras.layers.Dense(work.hidden_units, activation="relu"),
                self._dropout(),
                keras.layers.Dense(CLASSES),
            ]
        )

    def _dropout(self) -> keras.layers.Layer:
        work = self.workload
        if self.spec.matched:
            return GivenMask(work.largest_batch, work.hidden_units)
        return keras.layers.Dropout(work.dropout_rate, seed=work.seed)

    def _adam(self) -> keras.optimizers.Optimizer:
        adam = self.workload.adam
        kind = MatchedAdam if self.spec.matched else keras.optimizers.Adam
        return kind(
            learning_rate=adam.learning_rate,
            beta_1=adam.beta_1,
            beta_2=adam.beta_2,
            epsilon=adam.epsilon,
        )

    def _steps(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        def train_step(batch: tf.Tensor) -> None:
            inputs = tf.gather(self._train_inputs, batch)
            labels = tf.gather(self._train_labels, batch)
            with tf.GradientTape() as tape:
                loss = self._loss(labels, self.model(inputs, training=True))
            variables = self.model.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            self._loss_sum.assign_add(loss * tf.cast(tf.size(batch), self.dtype))

        def eval_step(inputs: tf.Tensor, labels: tf.Tensor) -> None:
            logits = self.model(inputs, training=False)
            right = tf.argmax(logits, axis=1) == labels
            self._test_loss_sum.assign_add(self._loss(labels, logits) * tf.cast(tf.size(labels), self.dtype))
            self._right.assign_add(tf.reduce_sum(tf.cast(right, tf.int64)))

        return self._in_mode(train_step), self._in_mode(eval_step)

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


def whole_batches(inputs: Floats, batch_size: int) -> list[Floats]:
    """Inputs (n, ...) cut into batches; a last partial one is left out."""
    return [inputs[i : i + batch_size] for i in range(0, len(inputs) - batch_size + 1, batch_size)]


def _recipe_layout(variables: Sequence[keras.Variable]) -> Weights:
    hidden_kernel, hidden_bias, output_kernel, output_bias = (np.array(one.numpy()) for one in variables)
    return Weights(
        hidden_kernel=hidden_kernel,
        hidden_bias=hidden_bias,
        output_kernel=output_kernel,
        output_bias=output_bias,
    )
