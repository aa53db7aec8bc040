"""JAX's side: the explicit loop, its step jitted or run op by op, fed from arrays on the device.

As Flax's guide to performance has it: the model is taken apart once, into what is static and plain arrays,
and the step is a function of these, which Optax's Adam updates. Their buffers are given up to each step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import lax

from harness.frameworks.base import ASKED_SAMPLES, TENTH, TINY, Counts, Data, Score, denormals
from harness.frameworks.jax import device
from harness.frameworks.jax.layout import Tree, to_jax, to_recipe
from harness.frameworks.jax.matched import GivenMasks
from harness.frameworks.jax.precision import JaxPrecision
from harness.frameworks.jax.testimony import JaxTestimony
from harness.work.recipe import Floats, Order, Weights, batches
from harness.work.workload import Mode, TrialSpec


class State(NamedTuple):
    """All that training changes; `beside` is what the model has beside parameters: dropout's generators."""

    parameters: Tree
    optimizer: optax.OptState
    beside: Tree


class Epoch(NamedTuple):
    """What an epoch changes: the state, the sum of its losses and how many samples it has seen."""

    state: State
    loss_sum: jax.Array
    seen: jax.Array


class JaxMlp(JaxTestimony):
    """Modes `loop` (a jitted step) and `eager`."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        self.device = device.open_device(spec.case.device, spec.threads)
        # What a round is waiting for, beside the state.
        self._loss_sum: Any = None
        self._seen: Any = None
        self._totals: Any = None
        self._probed: Any = None
        self.precision = JaxPrecision(self.workload.precision)
        self.dtype = self.precision.dtype
        if spec.case.device != "cpu":
            self.gauge = device.GpuGauge()

    @staticmethod
    def out_of_memory(error: BaseException) -> bool:
        return device.ran_out(error)

    def load(self, data: Data) -> None:
        self._train = self._placed((data.train_inputs, data.train_labels))
        size = self.workload.eval_batch_size
        self._test_batches = [
            self._placed((data.test_inputs[i : i + size], data.test_labels[i : i + size]))
            for i in range(0, len(data.test_labels), size)
        ]

    def build(self, weights: Weights) -> None:
        model = nnx.Sequential(*self._layers())
        self._graphs = {}
        for training in (True, False):
            (model.train if training else model.eval)()
            self._graphs[training], parameters, beside = nnx.split(model, nnx.Param, ...)
        self.optimizer = self._adam()
        placed = self._placed(to_jax(weights, like=nnx.to_pure_dict(parameters)))
        self._fresh = State(
            parameters=placed,
            optimizer=self._placed(self.optimizer.init(placed)),
            beside=self._placed(nnx.to_pure_dict(beside)),
        )
        self._train_step = self._in_mode(self._step, donated=(0,), static=(3,))
        self._eval_step = self._in_mode(self._evaluate)
        self._forward = self._in_mode(self._logits)
        self._drops: dict[bool, Callable[..., Any]] = {}
        self.reset()

    def reset(self) -> None:
        self.put_back(self._fresh)

    def begin_epoch(self, order: Order) -> None:
        # All of it in one array, of which each step takes its batch: to place an array for each took more
        # than a twentieth of a round of small steps. With room for an epoch that is done twice, as planted
        # work is: one shape, one program.
        room = np.zeros(2 * self.workload.train_samples, np.int32)
        room[: len(order)] = order
        self._order = self._placed((room, np.int32(len(order))))
        self._rows = [len(batch) for batch in batches(order, self.workload.batch_size)]
        self._steps_before = self._steps_taken()
        self._loss_sum, self._seen = self._placed((np.zeros((), self.dtype), np.int32(0)))

    def train_epoch(self) -> None:
        epoch = Epoch(self._state, self._loss_sum, self._seen)
        for rows in self._rows:
            epoch = self._train_step(epoch, self._train, self._order, rows)
        self._state, self._loss_sum, self._seen = epoch

    def _step(
        self,
        epoch: Epoch,
        data: tuple[jax.Array, jax.Array],
        order: tuple[jax.Array, jax.Array],
        rows: int,
    ) -> Epoch:
        """With the next `rows` samples of the order; after the last come the first again."""
        state, (samples, length) = epoch.state, order
        batch = lax.dynamic_slice_in_dim(samples, epoch.seen % length, rows)
        inputs, labels = (part[batch] for part in data)

        def loss_of(parameters: Tree) -> tuple[jax.Array, Tree]:
            model = nnx.merge(self._graphs[True], parameters, state.beside)
            losses = _cross_entropy(model(inputs).astype(self.dtype), labels)
            return losses.mean(), nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.Param)))

        (loss, beside), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.parameters)
        updates, optimizer = self.optimizer.update(gradients, state.optimizer, state.parameters)
        parameters = optax.apply_updates(state.parameters, updates)
        return Epoch(State(parameters, optimizer, beside), epoch.loss_sum + loss * rows, epoch.seen + rows)

    def train_loss(self) -> float:
        return float(self._loss_sum) / self.trained().samples

    def trained(self) -> Counts:
        return Counts(steps=self._steps_taken() - self._steps_before, samples=int(self._seen))

    def evaluate(self, steps: int) -> None:
        self._evaluated = self._batches_evaluated = 0
        self._totals = self._placed((np.zeros((), self.dtype), np.zeros((), np.int32)))
        for batch in self._test_batches[:steps]:
            self._totals = self._eval_step(self._totals, self._state.parameters, self._state.beside, batch)
            self._evaluated += len(batch[1])
            self._batches_evaluated += 1

    def _evaluate(
        self,
        totals: tuple[jax.Array, jax.Array],
        parameters: Tree,
        beside: Tree,
        batch: tuple[jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array]:
        loss_sum, right = totals
        inputs, labels = batch
        logits = self._logits(parameters, beside, inputs)
        return loss_sum + _cross_entropy(logits, labels).sum(), right + (logits.argmax(1) == labels).sum()

    def _logits(self, parameters: Tree, beside: Tree, inputs: jax.Array) -> jax.Array:
        logits: jax.Array = nnx.merge(self._graphs[False], parameters, beside)(inputs)
        return logits.astype(self.dtype)

    def evaluated(self) -> Counts:
        return Counts(steps=self._batches_evaluated, samples=self._evaluated)

    def score(self) -> Score:
        loss_sum, right = self._totals
        return Score(loss=float(loss_sum) / self._evaluated, accuracy=int(right) / self._evaluated)

    def begin_predictions(self, batch_size: int) -> int:
        steps = math.ceil(max(batch_size, ASKED_SAMPLES) / self.workload.eval_batch_size)
        inputs = np.concatenate([np.asarray(batch) for batch, _ in self._test_batches[:steps]])
        whole = len(inputs) // batch_size
        self._questions = [self._placed(part) for part in np.split(inputs[: whole * batch_size], whole)]
        return whole

    def predict(self, number: int) -> Floats:
        state = self._state
        return np.asarray(self._forward(state.parameters, state.beside, self._questions[number]))

    def multiplying(self, square: Floats) -> Callable[[], object]:
        factor, product = self._placed(square.astype(self.precision.compute)), jax.jit(jnp.matmul)

        def multiply() -> None:
            self._probed = product(factor, factor)

        return multiply

    def copying(self, array: Floats) -> Callable[[], object]:
        source = self._placed(array)

        def copy() -> None:
            self._probed = jnp.copy(source)

        return copy

    def hold(self, size_bytes: int) -> None:
        self._ballast = None
        self._ballast = jax.block_until_ready(jnp.ones(size_bytes, jnp.uint8, device=self.device))

    def synchronise(self) -> None:
        jax.block_until_ready((self._state, self._loss_sum, self._totals, self._probed))

    def warm_up(self, order: Order) -> None:
        super().warm_up(order)
        if self.spec.threads == 1 and self.spec.case.device == "cpu":
            device.keep_on_one_core()

    def weights(self) -> Weights:
        return to_recipe(self._state.parameters)

    def effective(self) -> dict[str, str]:
        return {
            "version": jax.__version__,
            "jaxlib_version": version("jaxlib"),
            "flax_version": flax.__version__,
            "optax_version": optax.__version__,
            "optimizer": "Optax adam",
            "threads": str(device.pool_threads()),
            "async_dispatch": str(device.dispatches_beside()),
            "device": str(self.device),
            "precision": str(self._parameter().dtype),
            "compute": self._compute(),
            "tf32": str(self.precision.tf32()),
            "matmul_precision": str(jax.config.values["jax_default_matmul_precision"]),
            "x64": str(jax.config.values["jax_enable_x64"]),
            "loss_scale": "1",
            "denormals": self._denormals(),
            "step": self._step_kind(),
        }

    def _denormals(self) -> str:
        """What the device makes of a product too small for a normal number."""
        return denormals(float(self._placed(np.float32(TINY)) * np.float32(TENTH)))

    def _steps_taken(self) -> int:
        return int(optax.tree.get(self._state.optimizer, "count"))

    def _layers(self) -> list[Callable[..., Any]]:
        """Each hidden layer with its ReLU and dropout, then the one that gives the logits."""
        rngs = nnx.Rngs(self.workload.seed)
        *hidden, last = self.workload.layers
        layers: list[Callable[..., Any]] = []
        for inputs, outputs in hidden:
            layers += [self._linear(inputs, outputs, rngs), nnx.relu, self._dropout(outputs, rngs)]
        return [*layers, self._linear(*last, rngs)]

    def _linear(self, inputs: int, outputs: int, rngs: nnx.Rngs) -> nnx.Linear:
        # The recipe's weights take the place of whatever it draws, so it draws none.
        return nnx.Linear(
            inputs,
            outputs,
            dtype=self.precision.compute,
            param_dtype=self.dtype,
            kernel_init=nnx.initializers.zeros,
            rngs=rngs,
        )

    def _dropout(self, units: int, rngs: nnx.Rngs) -> nnx.Module:
        work = self.workload
        if self.spec.matched:
            return GivenMasks(work.steps_per_epoch, work.batch_size, units, self.dtype)
        return nnx.Dropout(work.dropout_rate, rngs=rngs)

    def _adam(self) -> optax.GradientTransformation:
        adam = self.workload.adam
        return optax.adam(adam.learning_rate, b1=adam.beta_1, b2=adam.beta_2, eps=adam.epsilon)

    def _in_mode(
        self, function: Callable[..., Any], donated: tuple[int, ...] = (), static: tuple[int, ...] = ()
    ) -> Callable[..., Any]:
        """The function as the case's mode runs it.

        The buffers of what is `donated` are given up to it; each value of what is `static` has its program.
        """
        if self.spec.case.mode is Mode.EAGER:
            return function
        jitted: Callable[..., Any] = jax.jit(function, donate_argnums=donated, static_argnums=static)
        return jitted

    def _placed(self, tree: Any) -> Any:
        return jax.device_put(tree, self.device)

    def _step_kind(self) -> str:
        return "eager" if self.spec.case.mode is Mode.EAGER else "jit"


def _cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Of each sample (n,)."""
    losses: jax.Array = optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels)
    return losses
