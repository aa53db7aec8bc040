"""To what a timed trial is held: the counts that it was told, its own beginning, and what a check found."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import OtherWork
from harness.frameworks.base import Counts, Data
from harness.frameworks.witness import Witness
from harness.parity.evidence import Evidence
from harness.parity.judge import Check, judge
from harness.work import recipe


def require_counts(phase: str, found: Counts, told: Counts, *, left_out: int) -> None:
    """A round runs the steps and samples that it was told, but for so many steps.

    Raises:
        OtherWork: it ran others.
    """
    if found.samples != told.samples or not told.steps - left_out <= found.steps <= told.steps:
        raise OtherWork(
            f"a round of {phase} was told to run {told.steps} steps on {told.samples} samples and ran "
            f"{found.steps} on {found.samples}"
        )


def require_held(evidence: Evidence, checks: Mapping[str, Check]) -> None:
    """The evidence holds by these checks.

    Raises:
        OtherWork: it does not; the first that fails is named.
    """
    failed = next((one for one in judge(evidence, checks=checks) if not one.holds), None)
    if failed is not None:
        raise OtherWork(f"{failed.check}: {failed.sentence}")


def require_beginning(witness: Witness) -> None:
    """A trial begins with the recipe's weights, and with an optimiser that has not stepped.

    Raises:
        OtherWork: it does not.
    """
    asked = recipe.digest(*recipe.initial_weights(witness.workload).named().values())
    if recipe.digest(*witness.weights().named().values()) != asked:
        raise OtherWork("initial weights: the first round begins with others than the recipe's")
    moments = witness.moments()
    arrays = [*moments.first.named().values(), *moments.second.named().values()]
    if moments.steps or any(array.any() for array in arrays):
        raise OtherWork(f"optimiser: the first round begins after {moments.steps} steps, or with moments")


def state_of(witness: Witness) -> str:
    """A digest of all that training changes but the random state."""
    moments = witness.moments()
    parts = (witness.weights(), moments.first, moments.second)
    return f"{moments.steps} {recipe.digest(*(one for part in parts for one in part.named().values()))}"


def data_digest(data: Data) -> str:
    """A digest of the training set as a worker has it."""
    return recipe.digest(data.train_inputs, data.train_labels)


def state_digest(witness: Witness, name: str) -> str:
    """A digest of a witness's `weights`, or of its `moments`."""
    if name == "weights":
        return recipe.digest(*witness.weights().named().values())
    held = witness.moments()
    arrays = (*held.first.named().values(), *held.second.named().values())
    return f"{held.steps} {recipe.digest(*arrays)}"
