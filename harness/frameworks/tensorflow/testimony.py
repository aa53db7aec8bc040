"""What TensorFlow's adapter says under oath: read back from TensorFlow and Keras, off the clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from harness.frameworks.base import Data
from harness.frameworks.tensorflow.device import place
from harness.frameworks.tensorflow.layout import to_recipe
from harness.frameworks.tensorflow.matched import GivenMasks, MatchedAdam
from harness.frameworks.tensorflow.precision import growth_steps, loss_scale
from harness.frameworks.witness import Fact, Moments, Witness
from harness.work.program import Update
from harness.work.recipe import Floats, Order, Weights
from harness.work.workload import AdamForm, Mode

# What every step has: products, and the root in Keras's Adam.
_NEEDED: Final = frozenset({"MatMul", "Sqrt"})
# What else is compiled where the step is.
_TELLING: Final = _NEEDED | {"Relu", "ReluGrad", "SparseSoftmaxCrossEntropyWithLogits"}
# Adam in one operation, which Keras does not use.
_OTHER_ADAM: Final = frozenset({"ResourceApplyAdam", "ResourceApplyAdamWithAmsgrad", "ApplyAdam"})


def ran(step: Callable[[], None]) -> tuple[str, str]:
    """How a step is run and by which Adam, from the graphs that it calls.

    Eager where there are none, compiled if by XLA. A step that has run before is not traced again, so what it
    calls, it runs.
    """
    graphs = _called(step)
    found = {one for graph in graphs for one in _operations(graph)}
    names, by_xla = {name for name, _ in found}, {compiled for _, compiled in found}
    # Keras's Adam has one implementation; op by op, what steps is asked for its kind.
    adam = "in one operation" if names & _OTHER_ADAM else Update.STOCK
    if not graphs:
        return "eager", adam
    if len(by_xla) > 1:
        return "partly compiled", adam
    if not names >= _NEEDED:
        return "partly traced", adam
    return "compiled" if by_xla == {True} else "traced", adam


def _called(step: Callable[[], None]) -> list[tf.types.experimental.ConcreteFunction]:
    """The traced functions that Python calls while it makes a step."""
    found: dict[int, tf.types.experimental.ConcreteFunction] = {}
    # Looking at what a call was made on costs more than the call, and a step op by op makes thousands.
    of_others: set[int] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or id(frame.f_code) in of_others:
            return
        called_on = frame.f_locals.get("self")
        if isinstance(called_on, tf.types.experimental.ConcreteFunction):
            found[id(called_on)] = called_on
        else:
            of_others.add(id(frame.f_code))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(before)
    return list(found.values())


def _operations(graph: tf.types.experimental.ConcreteFunction) -> Iterator[tuple[str, bool]]:
    """The telling operations of a graph and of all that it calls, each with whether XLA compiles it."""
    called = {one.signature.name: one for one in graph.graph.as_graph_def().library.function}

    def of(function: Any, *, compiled: bool) -> Iterator[tuple[str, bool]]:
        compiled = compiled or function.attr["_XlaMustCompile"].b
        for node in function.node_def:
            if node.op in _TELLING | _OTHER_ADAM:
                yield node.op, compiled
            for value in node.attr.values():
                for inner in (value.func, *value.list.func):
                    if inner.name in called:
                        yield from of(called[inner.name], compiled=compiled)

    return of(graph.function_def, compiled=False)


def _kind(optimizer: keras.optimizers.Optimizer) -> str:
    """An optimiser that steps as Keras's Adam does is one, also if it is matched for a proof."""
    kind = type(optimizer)
    if optimizer.use_ema or optimizer.gradient_accumulation_steps:
        return f"{kind.__qualname__} with moving averages, or over several steps"
    if kind in {keras.optimizers.Adam, MatchedAdam} and "update_step" not in vars(optimizer):
        return "Adam"
    return f"{kind.__module__}.{kind.__qualname__}"


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
        states = [layer.seed_generator.state.numpy() for layer in self._dropout_layers()]
        return b"".join(state.tobytes() for state in states)

    def next_masks(self, rows: int) -> list[Floats]:
        states = [layer.seed_generator.state for layer in self._dropout_layers()]
        before = [state.numpy() for state in states]
        ones = [np.ones((rows, units), self.dtype.as_numpy_dtype) for units in self.workload.hidden]
        if self.promised_execution() == "compiled":
            masks = self.dropped(ones, training=True)
        else:
            # Traced or not, TensorFlow draws the same numbers from one state; XLA draws others.
            with tf.device(self.device):
                masks = self._as_arrays(self._drop(ones, training=True))
        for state, value in zip(states, before, strict=True):
            state.assign(value)
        return masks

    def _dropout_layers(self) -> list[keras.layers.Dropout]:
        return [one for one in self.model.layers if isinstance(one, keras.layers.Dropout)]

    def _drop(self, ones: Sequence[Any], *, training: bool) -> list[tf.Tensor]:
        pairs = zip(self._dropout_layers(), ones, strict=True)
        return [layer(one, training=training) for layer, one in pairs]

    def _as_arrays(self, tensors: Sequence[tf.Tensor]) -> list[Floats]:
        return [np.array(tf.cast(one, self.dtype)) for one in tensors]

    def logits(self) -> Floats:
        with tf.device(self.device):
            return np.concatenate([self._forward(inputs).numpy() for inputs, _ in self._test_batches])

    def dropped(self, ones: Sequence[Floats], *, training: bool) -> list[Floats]:
        if training not in self._drops:
            self._drops[training] = self._in_mode(partial(self._drop, training=training))
        with tf.device(self.device):
            return self._as_arrays(self._drops[training]([tf.constant(one) for one in ones]))

    def put_masks(self, masks: Sequence[Floats]) -> None:
        layers = (one for one in self.model.layers if isinstance(one, GivenMasks))
        for layer, of_layer in zip(layers, masks, strict=True):
            layer.put(of_layer)

    def constants(self) -> dict[str, Fact]:
        adam = self.adam
        clipping = (adam.clipnorm, adam.global_clipnorm, adam.clipvalue)
        return {
            "kind": _kind(adam),
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
        execution, adam = ran(self.step_aside)
        return {
            "execution": execution,
            "update": adam,
            "threads": tf.config.threading.get_intra_op_parallelism_threads(),
            "interop_threads": tf.config.threading.get_inter_op_parallelism_threads(),
            "device": place(variable.value.device),
            "precision": variable.dtype,
            "compute": self._compute(),
            "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
            "loss_scale": loss_scale(self.optimizer),
            "loss_scale_growth_steps": growth_steps(self.optimizer),
        }

    def _compute(self) -> str:
        """Type of the activations, as the model puts its logits out in a forward pass."""
        inputs = tf.zeros((1, *self.model.input_shape[1:]), self.dtype)
        return str(self.model(inputs, training=False).dtype.name)
