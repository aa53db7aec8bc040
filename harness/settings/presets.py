"""What is taken where nothing was given: the defaults, and the presets that replace some of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from harness.work.listings import PYTORCH, TENSORFLOW
from harness.work.workload import FULL_TRAIN_SAMPLES, USUAL_HIDDEN, shape

# The two that a run compares where nothing else is said.
FRAMEWORKS: Final = (TENSORFLOW, PYTORCH)


class Preset(StrEnum):
    """How much to measure: a minute, a few minutes, an hour or more."""

    SMOKE = "smoke"
    DEFAULT = "default"
    THOROUGH = "thorough"


DEFAULTS: Final[dict[str, str]] = {
    "frameworks": ",".join(FRAMEWORKS),
    "device": "cpu",
    "batch_size": "64,512",
    "hidden": shape(USUAL_HIDDEN),
    "workers": "1",
    "epochs": "5",
    "mode": "loop",
    "precision": "fp32",
    "dataset": "mnist",
    "seed": "0",
    "train_samples": str(FULL_TRAIN_SAMPLES),
    "eval_batch_size": "1000",
    "threads": "auto",
    "replicates": "20",
    "budget_s": "250",
    "within": "2%",
    "at_best": "yes",
    "share_cores": "yes",
    "round_s": "0.1",
    "timeout_s": "600",
    "tries": "10",
    "try_s": "20",
    "planted": "0%,1%,3%,5%",
    "allow_mismatch": "no",
    "data_dir": "",
    "results": "results",
    "reports": "reports",
    "fail_if_slower": "",
    "pass_env": "",
}

# What mode `best` takes where it is not told otherwise: of most ways nothing but the speed is asked, and all
# of them take their turns.
BEST_DEFAULTS: Final = {"epochs": "1", "budget_s": "300"}

# What a calibration takes where it is not told otherwise: one case a try, as few matches as can be judged.
CALIBRATION_DEFAULTS: Final = {"batch_size": "64", "replicates": "6"}

# What an explanation takes where it is not told otherwise. Whole epochs are its rounds: so many that a walk
# has turns enough, and so short that ten minutes, what surrounds the measuring included, hold some walks
# (docs/decisions/0007-an-end-sits-twice.md).
EXPLANATION_DEFAULTS: Final = {"mode": "article", "epochs": "6", "train_samples": "4000", "budget_s": "570"}

# What a self-check takes where it is not told otherwise: ten minutes for all of its steps.
SELFCHECK_DEFAULTS: Final = {"budget_s": "600"}

PRESETS: Final[dict[Preset, dict[str, str]]] = {
    Preset.SMOKE: {"batch_size": "64", "epochs": "1", "train_samples": "6000", "replicates": "1"},
    Preset.DEFAULT: {},
    Preset.THOROUGH: {
        "batch_size": "32,64,128,256,512,1024,4096",
        "mode": "loop,eager,compiled,idiomatic",
        "replicates": "100",
        "budget_s": "7200",
        "within": "1%",
    },
}
