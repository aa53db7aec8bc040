"""Trials of runs that were never made, with the columns that comparisons over time read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.settings.presets import FRAMEWORKS


def trials(run, *, batches=(64,), replicates=6, speeds=(1000.0, 2000.0), noise=0.01, seed=0, **columns):
    """Trials of a run: `speeds` are TensorFlow's, PyTorch's and, where there is one, another's.

    The trials of a match share the machine.
    """
    rng = np.random.default_rng(seed)
    rows = [
        {
            "case_id": f"mnist-cpu-loop-fp32-b{batch}-e5",
            "device": "cpu",
            "mode": "loop",
            "precision": "fp32",
            "dataset": "mnist",
            "synthetic": False,
            "batch_size": batch,
            "hidden": "128",
            "workers": 1,
            "epochs": 5,
            "run_id": run,
            "match_id": f"{run}-b{batch}-r{replicate}",
            "framework": framework,
            "status": "ok",
            "train_samples_per_s": speed * rng.lognormal(0, noise),
            "eval_samples_per_s": 3 * speed * rng.lognormal(0, noise),
        }
        for batch in batches
        for replicate in range(replicates)
        for framework, speed in zip((*FRAMEWORKS, "theirs"), speeds, strict=False)
    ]
    return pd.DataFrame(rows).assign(**columns)
