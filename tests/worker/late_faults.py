"""Faults that only timed trials have, planted in the real adapters, in whatever mode they run.

`EVENMATCH_ADAPTER_TENSORFLOW=tests.worker.late_faults EVENMATCH_FAULT="..."`, or `..._PYTORCH`. Proofs in
matched arithmetic never see them. A fault's name says from which epoch on it is there; the others are there
from the start.
"""

from __future__ import annotations

import os
from types import ModuleType

import numpy as np

from harness.frameworks.base import Adapter
from harness.work.listings import PYTORCH
from harness.work.workload import Mode
from tests.worker import covert_faults, sparing_faults
from tests.worker.planting import STEPPING, Fault, late, wrapped


def real(framework: str) -> ModuleType:
    if framework == PYTORCH:
        from harness.frameworks.pytorch import adapter
    else:
        from harness.frameworks.tensorflow import adapter
    return adapter


def open_adapter(spec) -> Adapter:
    adapter = real(spec.framework).open_adapter(spec)
    name = os.environ.get("EVENMATCH_FAULT", "")
    if name and not spec.matched:
        FAULTS[name].plant(adapter, spec.framework == PYTORCH)
    return adapter


def probe(device: str) -> str:
    return f"faulty on {device}"


# The network.


def layers_changed(change_torch, change_keras):
    def plant(adapter, is_torch):
        def around(network):
            import keras
            from torch import nn

            if is_torch:
                return nn.Sequential(*change_torch(list(network())))
            model = network()
            return keras.Sequential([keras.Input(model.input_shape[1:]), *change_keras(list(model.layers))])

        wrapped(adapter, "_network", around)

    return plant


def _dropout_first(layers):
    *before, dense, relu, dropout, output = layers
    return [*before, dropout, dense, relu, output]


def _dropout_first_keras(layers):
    *before, dense, dropout, output = layers
    return [*before, dropout, dense, output]


def _leaky(layers):
    from torch import nn

    *before, dense, _, dropout, output = layers
    return [*before, dense, nn.LeakyReLU(0.01), dropout, output]


def _leaky_keras(layers):
    import keras

    *before, dense, dropout, output = layers
    dense.activation = lambda inputs: keras.ops.leaky_relu(inputs, 0.01)
    return [*before, dense, dropout, output]


# The optimiser.


def decoupled_decay(adapter, is_torch):
    def around(make, **named):
        adam = make(**named)
        if is_torch:
            adam.param_groups[0]["decoupled_weight_decay"] = True
            adam.param_groups[0]["weight_decay"] = 0.1
        else:
            adam.weight_decay = 0.1
        return adam

    wrapped(adapter, "_adam", around)


def rate_halved_late(adapter, is_torch):
    def change():
        if is_torch:
            adapter.optimizer.param_groups[0]["lr"] /= 2
        else:
            adapter.adam.learning_rate.assign(adapter.adam.learning_rate / 2)

    late(adapter, change)


def momentum_lost_late(adapter, is_torch):
    """From a later epoch on, Adam's first moment is thrown away before each epoch or part of one."""

    def lose(begin_epoch, order):
        begin_epoch(order)
        if is_torch:
            for state in adapter.optimizer.state.values():
                state["exp_avg"].zero_()
        else:
            for one in adapter.optimizer.variables:
                if one.name.endswith("_momentum"):
                    one.assign(one * 0)

    late(adapter, lambda: wrapped(adapter, "begin_epoch", lose))


def rate_warms_up(adapter, is_torch):
    """By the optimiser's own count: at its first steps the rate is smaller."""
    rate, steps = adapter.workload.adam.learning_rate, 8

    def slower(train_step, batch):
        now = rate * min(1.0, (adapter._steps_taken() + 1) / steps)
        adapter.optimizer.param_groups[0]["lr"] = now
        train_step(batch)

    def schedule(make, **named):
        import keras

        adam = make(**named)
        adam.learning_rate = keras.optimizers.schedules.PolynomialDecay(rate / steps, steps, rate)
        return adam

    def build_first(build, weights):
        build(weights)
        wrapped(adapter, "_train_step", slower)

    if is_torch:
        wrapped(adapter, "build", build_first)
    else:
        wrapped(adapter, "_adam", schedule)


def another_epsilon(adapter, is_torch):
    """PyTorch's own, where the recipe has Keras's; while a step is made, if that is in PyTorch."""

    def stepped(update):
        (group,) = adapter.optimizer.param_groups
        group["eps"] /= 10
        update()
        group["eps"] *= 10

    def build_first(build, weights):
        build(weights)
        wrapped(adapter, "_update", stepped)

    def made(make, **named):
        adam = make(**named)
        adam.epsilon /= 10
        return adam

    if is_torch:
        wrapped(adapter, "build", build_first)
    else:
        wrapped(adapter, "_adam", made)


# The order of the samples.


def order_repeated_late(adapter, is_torch):
    first = {}

    def play(begin_epoch, order):
        begin_epoch(first["order"][: len(order)] if len(first["order"]) >= len(order) else order)

    def change():
        wrapped(adapter, "begin_epoch", play)

    def remember(begin_epoch, order):
        first.setdefault("order", np.sort(order))
        begin_epoch(order)

    wrapped(adapter, "begin_epoch", remember)
    late(adapter, change)


def samples_reversed_late(adapter, is_torch):
    """The last ones of a call first."""

    def reverse(begin_epoch, order):
        begin_epoch(order[::-1].copy())

    late(adapter, lambda: wrapped(adapter, "begin_epoch", reverse))


def first_samples_only(adapter, is_torch):
    """Every batch of the first half of the samples twice, where the second half should come."""

    def around(begin_epoch, order):
        begin_epoch(np.resize(order[: max(1, len(order) // 2)], len(order)))

    wrapped(adapter, "begin_epoch", around)


# The step.


def step_changed(torch_step, keras_step):
    def plant(adapter, is_torch):
        wrapped(
            adapter,
            "_step",
            lambda step, batch: (torch_step if is_torch else keras_step)(adapter, step, batch),
        )

    return plant


def _half_torch(adapter, step, batch):
    step(batch[: (len(batch) + 1) // 2])
    adapter._samples += len(batch) - (len(batch) + 1) // 2


def _half_keras(adapter, step, batch):
    step(batch[: (batch.shape[0] + 1) // 2])


def _partial_torch(adapter, step, batch):
    kept = adapter._loss_of
    if len(batch) < adapter.workload.batch_size:
        adapter._loss_of = lambda *given: 1.5 * kept(*given)
    step(batch)
    adapter._loss_of = kept


def _partial_keras(adapter, step, batch):
    kept = adapter._loss
    if batch.shape[0] < adapter.workload.batch_size:
        adapter._loss = lambda *given: 1.5 * kept(*given)
    step(batch)
    adapter._loss = kept


def smoothed_labels(adapter, is_torch):
    """A tenth of each label spread over all classes."""

    def around(build, weights):
        build(weights)
        if is_torch:
            from torch.nn import functional

            loss = lambda inputs, labels: functional.cross_entropy(  # noqa: E731
                adapter._logits(inputs), labels, label_smoothing=0.1
            )
            adapter._loss_of = loss
        else:
            plain = adapter._loss
            adapter._loss = lambda labels, outputs: 0.9 * plain(labels, outputs) - 0.1 * _mean_log(outputs)
            adapter._train_step = adapter._in_mode(adapter._step)

    wrapped(adapter, "build", around)


def _mean_log(outputs):
    import tensorflow as tf

    return tf.reduce_mean(tf.nn.log_softmax(outputs))


def every_third_step_left_out_late(adapter, is_torch):
    """The counters are told otherwise."""
    taken = {"steps": 0}

    def skip(train_step, batch):
        taken["steps"] += 1
        if taken["steps"] % 3:
            return train_step(batch)
        if is_torch:
            adapter._samples += len(batch)
            for state in adapter.optimizer.state.values():
                state["step"] += 1
        else:
            adapter.optimizer.iterations.assign_add(1)
        return None

    late(adapter, lambda: wrapped(adapter, "_train_step", skip))


def steps_done_twice(adapter, is_torch):
    """The counters are told otherwise."""

    def twice(train_step, batch):
        train_step(batch)
        train_step(batch)
        if is_torch:
            adapter._samples -= len(batch)
            for state in adapter.optimizer.state.values():
                state["step"] -= 1
        else:
            adapter.optimizer.iterations.assign_sub(1)

    def around(build, weights):
        build(weights)
        wrapped(adapter, "_train_step", twice)

    wrapped(adapter, "build", around)


def later_batches_learn_less(adapter, is_torch):
    """All but the first two batches of a call at a tenth of the rate: no step by itself shows it."""
    taken = {"steps": 0}
    rate = adapter.workload.adam.learning_rate

    def afresh(begin_epoch, order):
        taken["steps"] = 0
        begin_epoch(order)

    def slower(train_step, batch):
        taken["steps"] += 1
        now = rate if taken["steps"] <= 2 else rate / 10
        if is_torch:
            adapter.optimizer.param_groups[0]["lr"] = now
        else:
            adapter.adam.learning_rate.assign(now)
        train_step(batch)

    def around(build, weights):
        build(weights)
        wrapped(adapter, "_train_step", slower)

    wrapped(adapter, "begin_epoch", afresh)
    wrapped(adapter, "build", around)


def partial_batch_left_out(adapter, is_torch):
    """Handed over, and counted by nobody."""

    def around(begin_epoch, order):
        size = adapter.workload.batch_size
        begin_epoch(order[: max(1, len(order) // size) * size])

    wrapped(adapter, "begin_epoch", around)


def dropout_unscaled_late(adapter, is_torch):
    """What is kept is no larger than without dropout: layer and step say the same."""
    rate = adapter.workload.dropout_rate
    now = {}

    def unscaled(make, units, *seed):
        if is_torch:
            import torch

            class Unscaled(torch.nn.Dropout):
                def forward(self, inputs):
                    kept = super().forward(inputs)
                    return kept * now["scale"] if self.training else kept

            now["scale"] = 1.0
            return Unscaled(make(units).p)
        import keras
        import tensorflow as tf

        class Unscaled(keras.layers.Dropout):
            def call(self, inputs, *, training=False):
                kept = super().call(inputs, training=training)
                return kept * now["scale"] if training else kept

        now["scale"] = tf.Variable(1.0)
        return Unscaled(rate, seed=seed[0])

    def change():
        if is_torch:
            now["scale"] = 1 - rate
        else:
            now["scale"].assign(1 - rate)

    wrapped(adapter, "_dropout", unscaled)
    late(adapter, change)


# The evaluation.


def half_evaluated_twice_late(adapter, is_torch):
    def change():
        half = adapter._test_batches[: len(adapter._test_batches) // 2]
        adapter._test_batches = half * 2

    late(adapter, change)


def half_evaluated(adapter, is_torch):
    wrapped(adapter, "evaluate", lambda evaluate, steps: evaluate(max(1, steps // 2)))


def dropout_in_evaluation_late(adapter, is_torch):
    def change():
        adapter.model.eval = adapter.model.train

    late(adapter, change)


def stale_score_late(adapter, is_torch):
    """What was found at first is told again and again."""

    def change():
        score = adapter.score()
        adapter.score = lambda: score

    late(adapter, change)


FAULTS = {
    "dropout at the input": Fault(layers_changed(_dropout_first, _dropout_first_keras)),
    "leaky activation": Fault(layers_changed(_leaky, _leaky_keras)),
    "decoupled weight decay": Fault(decoupled_decay),
    "learning rate halved, late": Fault(rate_halved_late),
    "learning rate warms up": Fault(rate_warms_up, STEPPING - {Mode.COMPILED}),
    "another epsilon": Fault(another_epsilon),
    "momentum lost, late": Fault(momentum_lost_late),
    "first order played again, late": Fault(order_repeated_late),
    "samples reversed, late": Fault(samples_reversed_late),
    "first half of the samples only": Fault(first_samples_only),
    "half of every batch": Fault(step_changed(_half_torch, _half_keras), STEPPING),
    "partial batch weighs more": Fault(
        step_changed(_partial_torch, _partial_keras), STEPPING - {Mode.COMPILED}
    ),
    "smoothed labels": Fault(smoothed_labels, STEPPING - {Mode.COMPILED}),
    "every third step left out, late": Fault(every_third_step_left_out_late, STEPPING),
    "steps done twice": Fault(steps_done_twice, STEPPING),
    "later batches learn less": Fault(later_batches_learn_less, STEPPING - {Mode.COMPILED}),
    "partial batch left out": Fault(partial_batch_left_out),
    "dropout unscaled, late": Fault(
        dropout_unscaled_late, frozenset({Mode.LOOP, Mode.EAGER, Mode.IDIOMATIC})
    ),
    "half of the test set": Fault(half_evaluated),
    "half of the test set twice, late": Fault(half_evaluated_twice_late, STEPPING),
    "dropout in evaluation, late": Fault(
        dropout_in_evaluation_late, frozenset({Mode.LOOP, Mode.EAGER, Mode.IDIOMATIC}), (PYTORCH,)
    ),
    "stale score, late": Fault(stale_score_late),
    **covert_faults.FAULTS,
    **sparing_faults.FAULTS,
}
