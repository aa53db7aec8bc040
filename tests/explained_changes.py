"""Changes as an explanation stores them, made up."""

from __future__ import annotations

import pandas as pd

from harness.store.schema import CHANGES
from harness.work.changes import WHOLE

ENDS = (
    "tensorflow/mnist-cpu-article-fp32-b32-e1-n12000-raw",
    "pytorch/mnist-cpu-article-fp32-b64-e1-n12000-unit",
)


def changes_of(*walks, whole=(0.5, 0.06)):
    """A frame like `store.schema.CHANGES`: a walk maps a change to its factor of speed and its accuracy."""
    rows = [
        {
            "explanation_id": "20260101T000000-aaaa",
            "hostname": "here",
            "cpu_model": "a processor",
            "cpu_usable": 2,
            "epochs": 1,
            "train_samples": 12_000,
            "replicate": replicate,
            "place": place,
            "name": name,
            "aside": False,
            "level_before": "this",
            "level_after": "that",
            "before": ENDS[0],
            "after": ENDS[1],
            "train_ratio": factor,
            "eval_ratio": factor,
            "train_samples_per_s_before": 6000.0,
            "train_samples_per_s_after": 6000.0 * factor,
            "accuracy_before": 0.9,
            "accuracy_after": 0.9 + points,
        }
        for replicate, walk in enumerate(walks)
        for place, (name, (factor, points)) in enumerate({WHOLE: whole, **walk}.items())
    ]
    return pd.DataFrame(rows, columns=CHANGES.names)


def walks_that_leave(left, whole=0.4, turn_error=0.01):
    """Changes that leave so much unexplained in each walk, the whole being the same but for that."""
    walk = {"framework": (2 * whole, 0.0), "scaling": (0.5, 0.0)}
    frames = [
        changes_of(walk, whole=(whole * one, 0.0)).assign(replicate=number) for number, one in enumerate(left)
    ]
    told = pd.concat(frames, ignore_index=True)
    return told.assign(parts=1, turns=6, turn_error=turn_error, wall_s=100.0)
