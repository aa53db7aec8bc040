"""Faults that spare a round its work: remembered, done beforehand, or run in another way than is said."""

from __future__ import annotations

from harness.work.listings import PYTORCH, TENSORFLOW
from harness.work.workload import Mode
from tests.worker.planting import EVERY, Fault, wrapped

_CHANGING = ("begin_epoch", "reset", "put_back")


def evaluation_remembered(adapter, is_torch):
    """Where nothing has been trained since the last pass its result still stands, counts and all."""
    known = {"stands": False}

    def around(evaluate, steps):
        whole = steps == adapter.workload.eval_steps
        if not (known["stands"] and whole):
            evaluate(steps)
        known["stands"] = whole

    def anew(ask, *given):
        known["stands"] = False
        return ask(*given)

    wrapped(adapter, "evaluate", around)
    for name in _CHANGING:
        wrapped(adapter, name, anew)


def most_of_a_pass_remembered(adapter, is_torch):
    """As `evaluation remembered`, but a tenth of each pass is made all the same."""
    known = {}

    def around(evaluate, steps):
        whole = steps == adapter.workload.eval_steps
        known["again"] = whole and "score" in known
        evaluate(max(1, steps // 10) if known["again"] else steps)
        if whole and not known["again"]:
            known["score"], known["counts"] = score(), counts()

    def anew(ask, *given):
        known.clear()
        return ask(*given)

    score, counts = adapter.score, adapter.evaluated
    wrapped(adapter, "evaluate", around)
    adapter.score = lambda: known["score"] if known.get("again") else score()
    adapter.evaluated = lambda: known["counts"] if known.get("again") else counts()
    for name in _CHANGING:
        wrapped(adapter, name, anew)


def answers_remembered(adapter, is_torch):
    """Each question is computed once, and from then on answered from memory until the weights change."""
    kept = {}

    def answered(predict, number):
        if number not in kept:
            kept[number] = predict(number)
        return kept[number]

    def forgotten(ask, *given):
        kept.clear()
        return ask(*given)

    wrapped(adapter, "predict", answered)
    for name in (*_CHANGING, "begin_predictions"):
        wrapped(adapter, name, forgotten)


def answers_prepared(adapter, is_torch):
    """All answers are computed off the clock."""
    predict, kept = adapter.predict, []

    def prepare(begin, size):
        ready = begin(size)
        kept[:] = [predict(number) for number in range(ready)]
        return ready

    wrapped(adapter, "begin_predictions", prepare)
    adapter.predict = lambda number: kept[number]


def loader_emptied_beforehand(adapter, is_torch):
    """What the loader has for a round is read when the round is made ready."""

    def load_first(load, data):
        load(data)
        loader = adapter._train_loader

        def around(begin_epoch, order):
            begin_epoch(order)
            adapter._train_loader = list(loader)

        wrapped(adapter, "begin_epoch", around)

    wrapped(adapter, "load", load_first)


def adam_compiled(adapter, is_torch):
    """In an eager mode."""
    import torch

    def build_first(build, weights):
        build(weights)
        adapter._update = torch.compile(adapter.optimizer.step, dynamic=False)

    wrapped(adapter, "build", build_first)


def another_adam_in_secret(adapter, is_torch):
    """Fused where it is not to be, a loop where it is: its flags say so for as long as a step takes."""

    def other(update):
        (group,) = adapter.optimizer.param_groups
        before = {name: group[name] for name in ("fused", "foreach")}
        group.update(fused=not group["fused"], foreach=False)
        update()
        group.update(before)

    def build_first(build, weights):
        build(weights)
        wrapped(adapter, "_update", other)

    wrapped(adapter, "build", build_first)


def loss_scripted(adapter, is_torch):
    """By TorchScript, in an eager mode."""
    import torch

    def build_first(build, weights):
        build(weights)
        scripted = torch.jit.script(torch.nn.functional.cross_entropy)
        adapter._loss_of = lambda inputs, labels: scripted(adapter._logits(inputs), labels)

    wrapped(adapter, "build", build_first)


def adam_in_one_operation(adapter, is_torch):
    """Of TensorFlow's own, which Keras does not use."""
    import keras
    import tensorflow as tf

    class OneOperation(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            place = self._get_variable_index(variable)
            step = tf.cast(self.iterations + 1, variable.dtype)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=self._momentums[place].value.handle,
                v=self._velocities[place].value.handle,
                beta1_power=tf.pow(self.beta_1, step),
                beta2_power=tf.pow(self.beta_2, step),
                lr=learning_rate,
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=gradient,
            )

    def made(make, **named):
        adam = make(**named)
        return OneOperation(
            learning_rate=float(adam.learning_rate.numpy()),
            beta_1=adam.beta_1,
            beta_2=adam.beta_2,
            epsilon=adam.epsilon,
        )

    wrapped(adapter, "_adam", made)


def loss_left_eager(adapter, is_torch):
    """Where all of a step is to be compiled."""
    import torch

    def build_first(build, weights):
        build(weights)
        adapter._loss_of = lambda inputs, labels: torch.nn.functional.cross_entropy(
            adapter._logits_of(inputs), labels
        )

    wrapped(adapter, "build", build_first)


def loss_traced(adapter, is_torch):
    """And nothing else, in an eager mode."""
    import tensorflow as tf

    def build_first(build, weights):
        build(weights)
        adapter._loss = tf.function(adapter._loss)

    wrapped(adapter, "build", build_first)


def step_traced(adapter, is_torch):
    """In an eager mode, and hidden in a function of Python's."""
    import tensorflow as tf

    def build_first(build, weights):
        build(weights)
        traced = tf.function(adapter._step)

        def step(batch):
            traced(batch)

        adapter._train_step = step

    wrapped(adapter, "build", build_first)


FAULTS = {
    "evaluation remembered": Fault(evaluation_remembered),
    "most of a pass remembered": Fault(most_of_a_pass_remembered),
    "answers remembered": Fault(answers_remembered),
    "answers prepared": Fault(answers_prepared),
    "loader emptied beforehand": Fault(loader_emptied_beforehand, frozenset({Mode.IDIOMATIC}), (PYTORCH,)),
    "Adam compiled": Fault(adam_compiled, frozenset({Mode.LOOP, Mode.EAGER}), (PYTORCH,)),
    "another Adam in secret": Fault(
        another_adam_in_secret, frozenset({Mode.LOOP, Mode.EAGER, Mode.IDIOMATIC}), (PYTORCH,)
    ),
    "loss scripted": Fault(loss_scripted, frozenset({Mode.LOOP, Mode.EAGER}), (PYTORCH,)),
    "Adam in one operation": Fault(adam_in_one_operation, EVERY, (TENSORFLOW,)),
    "loss left eager": Fault(loss_left_eager, frozenset({Mode.COMPILED}), (PYTORCH,)),
    "loss traced": Fault(loss_traced, frozenset({Mode.EAGER}), (TENSORFLOW,)),
    "step traced": Fault(step_traced, frozenset({Mode.EAGER}), (TENSORFLOW,)),
}
