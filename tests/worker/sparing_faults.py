"""Faults that spare a round its work: remembered, done beforehand, or run in another way than is said."""

from __future__ import annotations

from harness.work.listings import PYTORCH, TENSORFLOW
from harness.work.workload import Mode
from tests.worker.planting import Fault, wrapped

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
    "answers remembered": Fault(answers_remembered),
    "answers prepared": Fault(answers_prepared),
    "loader emptied beforehand": Fault(loader_emptied_beforehand, frozenset({Mode.IDIOMATIC}), (PYTORCH,)),
    "Adam compiled": Fault(adam_compiled, frozenset({Mode.LOOP, Mode.EAGER}), (PYTORCH,)),
    "step traced": Fault(step_traced, frozenset({Mode.EAGER}), (TENSORFLOW,)),
}
