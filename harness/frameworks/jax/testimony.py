"""What JAX's adapter says under oath: read back from JAX, Flax and Optax, off the clock."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from inspect import getclosurevars
from pathlib import Path
from typing import Any, Final

import jax
import numpy as np
import optax
from flax import nnx

from harness.frameworks.base import Data
from harness.frameworks.jax import device
from harness.frameworks.jax.layout import to_recipe
from harness.frameworks.jax.matched import GivenMasks
from harness.frameworks.jax.precision import JaxPrecision
from harness.frameworks.witness import Fact, Moments, Witness
from harness.work.program import Update
from harness.work.recipe import Floats, Order, Weights, batches
from harness.work.workload import INPUT_FEATURES, AdamForm, Mode

# What JAX's profiler says of each call of a compiled program: of a jitted function, or of one operation.
_CALLED: Final = re.compile(r"PjitFunction\((.*)\)")
# What every step has: products, softmax, and the root in Adam.
_NEEDED: Final = frozenset({"dot_general", "exp", "log", "sqrt"})
# By which the state is kept and put back around a step.
_BESIDE: Final = frozenset({"copy"})
# What Optax's Adam is made of, in its order.
_ADAM: Final = ("scale_by_adam", "scale")


def ran(step: Callable[[], None]) -> str:
    """How a step is run, from what JAX's profiler sees: compiled where it is the call of one program.

    Eager where each operation that a step needs is a call of its own.
    """
    called = set(_calls(step)) - _BESIDE
    if called >= _NEEDED:
        return "eager"
    return "compiled" if len(called) == 1 and not called & _NEEDED else "partly compiled"


def _calls(step: Callable[[], None]) -> Iterator[str]:
    """Names of the programs that are called while a step is made."""
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            step()
        for path in Path(folder).rglob("*.xplane.pb"):
            for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
                for line in plane.lines:
                    for event in line.events:
                        if found := _CALLED.fullmatch(event.name):
                            yield found[1]


def _transformations(update: Callable[..., Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What an optimiser of Optax is made of, in its order: each one's name, and what it holds.

    Optax's optimisers are functions, so what they hold is what they close over.
    """
    held = dict(getclosurevars(update).nonlocals)
    if "update_fns" in held:  # a chain
        for one in held["update_fns"]:
            yield from _transformations(one)
    elif "tx" in held:  # one that is made to take more arguments
        yield from _transformations(held["tx"].update)
    else:
        ours = update.__module__.startswith("optax.")
        name = update.__qualname__.partition(".")[0]
        yield (name if ours else f"{update.__module__}.{name}"), held


class JaxTestimony(Witness):
    """What can be asked of an adapter that keeps the following."""

    adam_form = AdamForm.CORRECTED
    device: jax.Device
    dtype: np.dtype[Any]
    precision: JaxPrecision
    optimizer: optax.GradientTransformation
    _graphs: dict[bool, Any]
    # A `State`, once the model is built.
    _state: Any = None
    _train: tuple[jax.Array, jax.Array]
    _test_batches: list[tuple[jax.Array, jax.Array]]
    _order: tuple[jax.Array, jax.Array]
    _drops: dict[bool, Callable[..., Any]]
    _forward: Callable[..., jax.Array]
    _in_mode: Callable[[Callable[..., Any]], Callable[..., Any]]
    _placed: Callable[[Any], Any]

    def places(self) -> dict[str, str]:
        (*_, moment) = jax.tree.leaves(optax.tree.get(self._state.optimizer, "nu"))
        return {
            "weights": device.place(self._parameter()),
            "optimiser state": device.place(moment),
            "logits": device.place(self._logits_of_nothing()),
        }

    def held_data(self) -> Data:
        inputs, labels = zip(*self._test_batches, strict=True)
        # JAX keeps integers in 32 bits.
        return Data(
            train_inputs=np.array(self._train[0]),
            train_labels=np.array(self._train[1], np.int64),
            test_inputs=np.concatenate([np.asarray(one) for one in inputs]),
            test_labels=np.concatenate([np.asarray(one) for one in labels], dtype=np.int64),
            root=self.spec.data_root,
        )

    def held_batches(self) -> list[Order]:
        samples, length = (np.array(part, np.int64) for part in self._order)
        return batches(samples[:length], self.workload.batch_size)

    def trainable_shapes(self) -> list[tuple[int, ...]]:
        return [array.shape for array in to_recipe(self._state.parameters).named().values()]

    def promised_execution(self) -> str:
        return "eager" if self.spec.case.mode is Mode.EAGER else "compiled"

    def moments(self) -> Moments:
        def of(name: str) -> Weights:
            return to_recipe(optax.tree.get(self._state.optimizer, name))

        steps = int(optax.tree.get(self._state.optimizer, "count"))
        return Moments(first=of("mu"), second=of("nu"), steps=steps)

    def keep(self) -> Any:
        return _copied(self._state)

    def put_back(self, kept: Any) -> None:
        # Copied once more: a step is given the buffers of its state, and what is kept may be asked for again.
        self._state = _copied(kept)

    def random_state(self) -> bytes:
        return b"".join(_bytes(one) for one in jax.tree.leaves(self._state.beside))

    def next_masks(self, rows: int) -> list[Floats]:
        kept = self.keep()
        ones = [np.ones((rows, units), self.dtype) for units in self.workload.hidden]
        masks = self.dropped(ones, training=True)
        self.put_back(kept)
        return masks

    def logits(self) -> Floats:
        state = self._state
        return np.concatenate(
            [
                np.asarray(self._forward(state.parameters, state.beside, inputs))
                for inputs, _ in self._test_batches
            ]
        )

    def dropped(self, ones: Sequence[Floats], *, training: bool) -> list[Floats]:
        def drop(state: Any, ones: list[jax.Array]) -> tuple[list[jax.Array], Any]:
            model = nnx.merge(self._graphs[training], state.parameters, state.beside)
            layers = (one for one in model.layers if isinstance(one, nnx.Dropout))
            made = [
                layer(one.astype(self.precision.compute)).astype(self.dtype)
                for layer, one in zip(layers, ones, strict=True)
            ]
            return made, nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.Param)))

        if training not in self._drops:
            self._drops[training] = self._in_mode(drop)
        made, beside = self._drops[training](self._state, self._placed(list(ones)))
        self._state = self._state._replace(beside=_copied(beside))
        return [np.array(one) for one in made]

    def put_masks(self, masks: Sequence[Floats]) -> None:
        model = nnx.merge(self._graphs[True], self._state.parameters, self._state.beside)
        layers = (one for one in model.layers if isinstance(one, GivenMasks))
        for layer, of_layer in zip(layers, masks, strict=True):
            layer.put(self._placed(of_layer.astype(self.dtype)))
        self._state = self._state._replace(beside=nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.Param))))

    def constants(self) -> dict[str, Fact]:
        found = list(_transformations(self.optimizer.update))
        names = tuple(name for name, _ in found)
        held = {name: value for _, each in found for name, value in each.items()}
        # Decay, clipping and amsgrad are transformations of their own, which would stand in the name.
        plain = names == _ADAM and not (held["nesterov"] or held["eps_root"] or held["mu_dtype"])
        return {
            "kind": "Adam" if plain else " then ".join(names),
            "learning_rate": -float(held.get("step_size", np.nan)),
            "beta_1": float(held.get("b1", np.nan)),
            "beta_2": float(held.get("b2", np.nan)),
            "epsilon": float(held.get("eps", np.nan)),
            "weight_decay": 0.0,
            "amsgrad": False,
            "clipping": 0.0,
        }

    def settings(self) -> dict[str, Fact]:
        return {
            "execution": ran(self.step_aside),
            # Optax has one implementation; that it is this one is asked for its kind.
            "update": Update.STOCK,
            "threads": device.pool_threads(),
            "interop_threads": 2 if device.dispatches_beside() else 1,
            "device": device.place(self._parameter()),
            "precision": str(self._parameter().dtype),
            "compute": self._compute(),
            "tf32": self.precision.tf32(),
            # A scaled loss is none of JAX's number formats here.
            "loss_scale": 1.0,
            "loss_scale_growth_steps": 0,
        }

    def _parameter(self) -> jax.Array:
        (*_, last) = jax.tree.leaves(self._state.parameters)
        return last

    def _logits_of_nothing(self) -> jax.Array:
        state = self._state
        inputs = self._placed(np.zeros((1, INPUT_FEATURES), self.dtype))
        return self._forward(state.parameters, state.beside, inputs)

    def _compute(self) -> str:
        """Type of the activations, as the model puts its logits out in a forward pass."""
        state = self._state
        model = nnx.merge(self._graphs[False], state.parameters, state.beside)
        return str(model(self._placed(np.zeros((1, INPUT_FEATURES), self.dtype))).dtype)


def _copied(tree: Any) -> Any:
    return jax.tree.map(lambda one: one.copy(), tree)


def _bytes(array: jax.Array) -> bytes:
    is_key = jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(array) if is_key else array).tobytes()
