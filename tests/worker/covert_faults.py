"""Faults that no step shows by itself: for their place in a call, between rounds, or off the clock."""

from __future__ import annotations

import numpy as np

from harness.frameworks.base import Counts
from harness.work.workload import TEST_SAMPLES, Mode
from tests.worker.planting import STEPPING, Fault, wrapped

# Longer than what is stepped through one by one, shorter than a round.
FEW_BATCHES = 5

# As many as a round of a tenth of a second has, where the rounds that are tried have two.
PASSES = 20


def at_each_step(adapter, around):
    """Have `around(step, batch, number)` in a step's place, `number` counted from 1 in each call."""
    taken = {"steps": 0}

    def afresh(begin_epoch, order):
        taken["steps"] = 0
        begin_epoch(order)

    def numbered(step, batch):
        taken["steps"] += 1
        around(step, batch, taken["steps"])

    def build_first(build, weights):
        build(weights)
        wrapped(adapter, "_train_step", numbered)

    wrapped(adapter, "begin_epoch", afresh)
    wrapped(adapter, "build", build_first)


def each_weight(adapter, is_torch, change):
    """Put `change(array)` in the place of each weight."""
    if is_torch:
        import torch

        with torch.no_grad():
            for one in adapter.model.parameters():
                one.copy_(torch.from_numpy(change(one.numpy())))
    else:
        for one in adapter.model.trainable_variables:
            one.assign(change(one.numpy()))


def moments_away(adapter, is_torch):
    if is_torch:
        for state in adapter.optimizer.state.values():
            state["exp_avg"].zero_()
            state["exp_avg_sq"].zero_()
    else:
        for one in adapter.optimizer.variables:
            if one.name.endswith(("_momentum", "_velocity")):
                one.assign(one * 0)


def reseeded(adapter, is_torch):
    """A function that puts dropout's random state back to a trial's first."""
    if is_torch:
        import torch

        return lambda: torch.manual_seed(adapter.workload.seed)
    kept = {}

    def back():
        for layer in adapter._dropout_layers():
            state = layer.seed_generator.state
            state.assign(kept.setdefault(id(layer), state.numpy()))

    return back


# What dropout drops.


def one_mask_for_all_steps(adapter, is_torch):
    back = reseeded(adapter, is_torch)

    def around(step, batch, number):
        back()
        step(batch)

    at_each_step(adapter, around)


def same_masks_each_epoch(adapter, is_torch):
    back = reseeded(adapter, is_torch)

    def around(evaluate, steps):
        evaluate(steps)
        back()

    wrapped(adapter, "evaluate", around)


def masks_made_of(torch_mask, keras_mask):
    """Dropout whose mask is put together from what it draws for fewer samples or units.

    Layer and step say the same.
    """

    def plant(adapter, is_torch):
        def rigged(make, units, *seed):
            if is_torch:
                import torch

                class Rigged(torch.nn.Dropout):
                    def forward(self, inputs):
                        return inputs * torch_mask(super().forward, inputs)

                return Rigged(make(units).p)
            import keras

            class Rigged(keras.layers.Dropout):
                def call(self, inputs, *, training=False):
                    draw = super().call
                    return inputs * keras_mask(lambda ones: draw(ones, training=training), inputs)

            return Rigged(make(units, *seed).rate, seed=seed[0])

        wrapped(adapter, "_dropout", rigged)

    return plant


def _halves_torch(draw, inputs):
    import torch

    half = draw(torch.ones_like(inputs[: (len(inputs) + 1) // 2]))
    return torch.cat([half, half])[: len(inputs)]


def _halves_keras(draw, inputs):
    import tensorflow as tf

    rows = tf.shape(inputs)[0]
    half = draw(tf.ones_like(inputs[: (rows + 1) // 2]))
    return tf.concat([half, half], axis=0)[:rows]


def _unit_pairs_torch(draw, inputs):
    import torch

    return draw(torch.ones_like(inputs[:, ::2])).repeat_interleave(2, dim=1)


def _unit_pairs_keras(draw, inputs):
    import tensorflow as tf

    return tf.repeat(draw(tf.ones_like(inputs[:, ::2])), 2, axis=1)


# Later batches of a call.


def later_batches_teach_nothing(adapter, is_torch):
    rate = adapter.workload.adam.learning_rate

    def around(step, batch, number):
        now = rate if number <= FEW_BATCHES else 0.0
        if is_torch:
            adapter.optimizer.param_groups[0]["lr"] = now
        else:
            adapter.adam.learning_rate.assign(now)
        step(batch)
        if is_torch:
            adapter.optimizer.param_groups[0]["lr"] = rate
        else:
            adapter.adam.learning_rate.assign(rate)

    at_each_step(adapter, around)


def later_batches_only_counted(adapter, is_torch):
    def around(step, batch, number):
        if number <= FEW_BATCHES:
            step(batch)
        elif is_torch:
            adapter._samples += len(batch)
            for state in adapter.optimizer.state.values():
                state["step"] += 1
        else:
            adapter.optimizer.iterations.assign_add(1)

    at_each_step(adapter, around)


def long_calls_sorted(adapter, is_torch):
    longest = FEW_BATCHES * adapter.workload.batch_size
    wrapped(
        adapter,
        "begin_epoch",
        lambda begin_epoch, order: begin_epoch(np.sort(order) if len(order) > longest else order),
    )


def one_batch_again_and_again(adapter, is_torch):
    size = adapter.workload.batch_size
    first = (FEW_BATCHES - 1) * size

    def around(begin_epoch, order):
        again = np.resize(order[first : first + size], max(0, len(order) - first))
        begin_epoch(np.concatenate([order[:first], again]))

    wrapped(adapter, "begin_epoch", around)


# Off the clock.


def trained_before_the_clock(adapter, is_torch):
    train_epoch = adapter.train_epoch

    def around(begin_epoch, order):
        begin_epoch(order)
        train_epoch()

    wrapped(adapter, "begin_epoch", around)
    adapter.train_epoch = lambda: None


def trained_when_it_is_asked(adapter, is_torch):
    train_epoch, owed = adapter.train_epoch, []

    def pay(ask):
        while owed:
            owed.pop()()
        return ask()

    adapter.train_epoch = lambda: owed.append(train_epoch)
    for name in ("trained", "train_loss", "evaluate"):
        wrapped(adapter, name, lambda ask, *given: pay(lambda: ask(*given)))


def evaluated_when_it_is_asked(adapter, is_torch):
    evaluate, owed = adapter.evaluate, []

    def counted(steps):
        owed.append(steps)
        adapter._evaluated, adapter._batches_evaluated = 10_000, adapter.workload.eval_steps

    def pay(score):
        while owed:
            evaluate(owed.pop())
        return score()

    adapter.evaluate = counted
    wrapped(adapter, "score", pay)


def one_pass_of_many(adapter, is_torch):
    """Of several passes over the test set the first is made, and the others count nothing."""
    passes = {"made": 0}

    def afresh(begin_epoch, order):
        passes["made"] = 0
        begin_epoch(order)

    def around(evaluate, steps):
        passes["made"] += 1
        if passes["made"] == 1 or steps < adapter.workload.eval_steps:
            evaluate(steps)

    def counted(evaluated):
        return evaluated() if passes["made"] == 1 else Counts(steps=0, samples=0)

    wrapped(adapter, "begin_epoch", afresh)
    wrapped(adapter, "evaluate", around)
    wrapped(adapter, "evaluated", counted)


# Predictions.


def first_answer_again(adapter, is_torch):
    """What the first batch was answered is answered to all."""
    kept = {}

    def answered(predict, number):
        return kept.setdefault("answer", predict(0))

    wrapped(adapter, "predict", answered)


def one_row_of_each_question(adapter, is_torch):
    def answered(predict, number):
        question = adapter._questions[number]
        adapter._questions[number] = question[:1]
        answer = predict(number)
        adapter._questions[number] = question
        return np.repeat(answer, len(question), axis=0)

    wrapped(adapter, "predict", answered)


# Between rounds, and before the first.


def in_each_evaluation(change):
    def plant(adapter, is_torch):
        def around(evaluate, steps):
            evaluate(steps)
            if steps == adapter.workload.eval_steps:
                change(adapter, is_torch)

        wrapped(adapter, "evaluate", around)

    return plant


def _shrunk(adapter, is_torch):
    each_weight(adapter, is_torch, lambda weight: 0.9 * weight)


def _rounded(adapter, is_torch):
    each_weight(adapter, is_torch, lambda weight: weight.astype(np.float16).astype(weight.dtype))


def after_pacing(change):
    def plant(adapter, is_torch):
        def around(pace, order):
            said = pace(order)
            change(adapter, is_torch)
            return said

        wrapped(adapter, "pace", around)

    return plant


def _larger(adapter, is_torch):
    each_weight(adapter, is_torch, lambda weight: 1.5 * weight)


def pacing_not_put_back(adapter, is_torch):
    def around(pace, order):
        reset, adapter.reset = adapter.reset, lambda: None
        said = pace(order)
        adapter.reset = reset
        return said

    wrapped(adapter, "pace", around)


# The optimiser.


def slight_decay(adapter, is_torch):
    """As much as Keras' AdamW has by default, and where no setting tells."""

    def around(step, batch, number):
        step(batch)
        kept = 1 - adapter.workload.adam.learning_rate * 0.004
        each_weight(adapter, is_torch, lambda weight: (kept * weight).astype(weight.dtype))

    at_each_step(adapter, around)


def late_training(adapter, is_torch):
    """As in a lazy framework: a round is done when anything is read of it, and nobody waits for it before."""
    train_epoch, owed = adapter.train_epoch, []
    adapter.train_epoch = lambda: owed.append(train_epoch)

    def paid(ask, *given, **named):
        while owed:
            owed.pop()()
        return ask(*given, **named)

    for name in (
        "weights", "moments", "keep", "put_back", "random_state", "trained", "train_loss", "evaluate",
        "begin_epoch", "reset", "next_masks", "begin_predictions", "settings",
    ):  # fmt: skip
        wrapped(adapter, name, paid)


def late_evaluation(adapter, is_torch):
    """The weights of the moment are held on to, and the passes made when their score is asked for."""
    evaluate, owed = adapter.evaluate, []

    def later(steps):
        owed[:] = [(adapter.keep(), steps)]
        adapter._evaluated, adapter._batches_evaluated = TEST_SAMPLES, steps

    def paid(score):
        for state, steps in owed:
            now = adapter.keep()
            adapter.put_back(state)
            for _ in range(PASSES):
                evaluate(steps)
            adapter.put_back(now)
        owed.clear()
        return score()

    adapter.evaluate = later
    wrapped(adapter, "score", paid)


FAULTS = {
    "trained when anything is read": Fault(late_training, frozenset({Mode.IDIOMATIC})),
    "evaluated when its score is read": Fault(late_evaluation, frozenset({Mode.EAGER})),
    "one mask for all steps": Fault(one_mask_for_all_steps, STEPPING),
    "the same masks each epoch": Fault(same_masks_each_epoch),
    "half a mask for both halves": Fault(
        masks_made_of(_halves_torch, _halves_keras), frozenset({Mode.LOOP, Mode.EAGER, Mode.IDIOMATIC})
    ),
    "units dropped in pairs": Fault(
        masks_made_of(_unit_pairs_torch, _unit_pairs_keras),
        frozenset({Mode.LOOP, Mode.EAGER, Mode.IDIOMATIC}),
    ),
    "later batches teach nothing": Fault(later_batches_teach_nothing, STEPPING - {Mode.COMPILED}),
    "later batches only counted": Fault(later_batches_only_counted, STEPPING),
    "long calls sorted": Fault(long_calls_sorted, STEPPING),
    "one batch again and again": Fault(one_batch_again_and_again, STEPPING),
    "trained before the clock": Fault(trained_before_the_clock),
    "trained when it is asked": Fault(trained_when_it_is_asked),
    "evaluated when it is asked": Fault(evaluated_when_it_is_asked, STEPPING),
    "one pass of many": Fault(one_pass_of_many, STEPPING),
    "first answer again": Fault(first_answer_again),
    "one row of each question": Fault(one_row_of_each_question),
    "weights smaller after an evaluation": Fault(in_each_evaluation(_shrunk)),
    "weights rounded after an evaluation": Fault(in_each_evaluation(_rounded)),
    "moments lost after an evaluation": Fault(in_each_evaluation(moments_away)),
    "larger weights to begin with": Fault(after_pacing(_larger)),
    "pacing not put back": Fault(pacing_not_put_back),
    "slight decay": Fault(slight_decay, STEPPING),
}
