"""What a program says of its optimiser and its conditions, against what the case has."""

from __future__ import annotations

from typing import Final

from harness.frameworks.witness import Witness
from harness.parity.evidence import Evidence
from harness.work import recipe
from harness.work.workload import LOSS_SCALE, LOSS_SCALE_GROWTH_STEPS, Precision

# Type of the activations where it is not that of the weights.
_COMPUTE: Final = {Precision.BF16: "bfloat16", Precision.FP16: "float16"}


def ask_settings(evidence: Evidence, witness: Witness) -> None:
    """Facts of the checks `optimiser` and `settings`."""
    spec, work = witness.spec, witness.workload
    scaled = work.precision is Precision.FP16
    number = recipe.dtype_of(work.precision).type
    adam = work.adam
    asked_constants = {
        "kind": "Adam",
        "learning_rate": adam.learning_rate,
        "beta_1": adam.beta_1,
        "beta_2": adam.beta_2,
        "epsilon": adam.epsilon,
        "weight_decay": 0.0,
        "amsgrad": False,
        "clipping": 0.0,
    }
    held = witness.constants()
    for name, value in asked_constants.items():
        # As numbers of the timed precision, in which the step uses them: Keras holds some so already.
        asked, found = (
            number(one).item() if isinstance(one, float) else one for one in (value, held.get(name))
        )
        evidence.fact("optimiser", name, asked=asked, found=found)
    asked_settings = {
        "execution": witness.promised_execution(),
        "update": witness.promised_update(),
        "threads": spec.threads,
        "interop_threads": 1,
        "device": "cpu" if spec.case.device == "cpu" else "gpu",
        "precision": recipe.dtype_of(work.precision).name,
        "compute": _COMPUTE.get(work.precision, recipe.dtype_of(work.precision).name),
        "tf32": work.precision is Precision.TF32,
        "loss_scale": LOSS_SCALE if scaled else 1.0,
        "loss_scale_growth_steps": LOSS_SCALE_GROWTH_STEPS if scaled else 0,
    }
    if spec.case.workers > 1:
        asked_settings["workers"] = spec.case.workers
    reported = witness.settings()
    for name, setting in asked_settings.items():
        evidence.fact("settings", name, asked=setting, found=reported.get(name))
