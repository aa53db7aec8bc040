"""What TensorFlow's adapter says under oath: read back from TensorFlow and Keras, off the clock."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from harness.frameworks.base import Data
from harness.frameworks.tensorflow.device import place
from harness.frameworks.tensorflow.layout import to_recipe
from harness.frameworks.tensorflow.matched import GivenMask
from harness.frameworks.tensorflow.precision import growth_steps, loss_scale
from harness.frameworks.witness import Fact, Moments, Witness
from harness.work.program import Update
from harness.work.recipe import Floats, Order, Weights
from harness.work.workload import AdamForm, Mode


def _is_traced(step: Any) -> bool:
    return isinstance(step, tf.types.experimental.PolymorphicFunction)


def execution(step: Any, *signature: tf.TensorSpec) -> str:
    """How a step that has run was run, from its graph: eager where there is none, compiled if XLA made it."""
    # A step that calibration slows down is what it was.
    step = inspect.unwrap(step, stop=_is_traced)
    if not _is_traced(step) or tf.config.functions_run_eagerly() or not step.experimental_get_tracing_count():
        return "eager"
    attributes = step.get_concrete_function(*signature).function_def.attr
    return "compiled" if attributes["_XlaMustCompile"].b else "traced"


class TensorFlowTestimony(Witness):
    """What can be asked of an adapter that keeps the following."""

    adam_form = AdamForm.REORDERED
    device: str
    dtype: tf.DType
    model: keras.Model
    adam: keras.optimizers.Optimizer
    optimizer: keras.optimizers.Optimizer
    _train_inputs: tf.Tensor
    _train_labels: tf.Tensor
    _test_batches: list[tuple[tf.Tensor, tf.Tensor]]
    _batches: list[tf.Tensor]
    _train_step: Callable[[tf.Tensor], Any]
    _drops: dict[bool, Callable[..., Any]]
    _forward: Callable[[tf.Tensor], tf.Tensor]
    _in_mode: Callable[[Callable[..., Any]], Callable[..., Any]]

    def places(self) -> dict[str, str]:
        inputs = tf.zeros((1, *self.model.input_shape[1:]), self.dtype)
        return {
            "weights": place(self.model.trainable_variables[-1].value.device),
            "optimiser state": place(self.optimizer.variables[-1].value.device),
            "logits": place(self._forward(inputs).device),
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

    def promised_execution(self) -> str:
        return {Mode.EAGER: "eager", Mode.COMPILED: "compiled"}.get(self.spec.case.mode, "traced")

    def moments(self) -> Moments:
        def of(ending: str) -> Weights:
            return to_recipe([v for v in self.optimizer.variables if v.name.endswith(ending)])

        return Moments(first=of("_momentum"), second=of("_velocity"), steps=int(self.adam.iterations.numpy()))

    def keep(self) -> list[tuple[keras.Variable, NDArray[Any]]]:
        return [(one, one.numpy()) for one in (*self.model.variables, *self.optimizer.variables)]

    def put_back(self, kept: list[tuple[keras.Variable, NDArray[Any]]]) -> None:
        for variable, value in kept:
            variable.assign(value)

    def random_state(self) -> bytes:
        return bytes(self._dropout_layer().seed_generator.state.numpy().tobytes())

    def next_mask(self, rows: int) -> Floats:
        state = self._dropout_layer().seed_generator.state
        before = state.numpy()
        ones = np.ones((rows, self.workload.hidden_units), self.dtype.as_numpy_dtype)
        if self.promised_execution() == "compiled":
            mask = self.dropped(ones, training=True)
        else:
            # Traced or not, TensorFlow draws the same numbers from one state; XLA draws others.
            with tf.device(self.device):
                mask = np.array(tf.cast(self._dropout_layer()(ones, training=True), self.dtype))
        state.assign(before)
        return mask

    def _dropout_layer(self) -> keras.layers.Dropout:
        (layer,) = (one for one in self.model.layers if isinstance(one, keras.layers.Dropout))
        return layer

    def logits(self) -> Floats:
        with tf.device(self.device):
            return np.concatenate([self._forward(inputs).numpy() for inputs, _ in self._test_batches])

    def dropped(self, ones: Floats, *, training: bool) -> Floats:
        if training not in self._drops:
            layer = self._dropout_layer()
            self._drops[training] = self._in_mode(lambda inputs: layer(inputs, training=training))
        with tf.device(self.device):
            return np.array(tf.cast(self._drops[training](tf.constant(ones)), self.dtype))

    def put_mask(self, mask: Floats) -> None:
        (layer,) = (one for one in self.model.layers if isinstance(one, GivenMask))
        layer.put(mask)

    def constants(self) -> dict[str, Fact]:
        adam = self.adam
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
            "execution": self._execution(),
            # Keras's Adam has one implementation.
            "update": Update.STOCK,
            "threads": tf.config.threading.get_intra_op_parallelism_threads(),
            "interop_threads": tf.config.threading.get_inter_op_parallelism_threads(),
            "device": place(variable.value.device),
            "precision": variable.dtype,
            "compute": self._compute(),
            "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
            "loss_scale": loss_scale(self.optimizer),
            "loss_scale_growth_steps": growth_steps(self.optimizer),
        }

    def _execution(self) -> str:
        return execution(self._train_step, tf.TensorSpec((self.workload.batch_size,), tf.int64))

    def _compute(self) -> str:
        """Type of the activations, as the model puts its logits out in a forward pass."""
        inputs = tf.zeros((1, *self.model.input_shape[1:]), self.dtype)
        return str(self.model(inputs, training=False).dtype.name)
