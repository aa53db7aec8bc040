"""What calibrations and explanations find, as it is stored: frozen, a unit in every name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one way of judging said in one try of a calibration.

    Of the second contender's steps `planted_share` were done twice, so the true `ratio`, the first one's
    speed over the second's, is 1 more than that. `says` is first faster, second faster, equivalent,
    inconclusive or no difference. `measured_s` are the seconds of all rounds, `wall_s` those of the try
    from the first process's start to the last's end.
    """

    calibration_id: str
    number: int
    started_at: datetime
    case_id: str
    framework: str
    planted_share: float
    way: str
    says: str
    ratio: float
    ratio_low: float | None
    ratio_high: float | None
    replicates: int
    rounds: int
    measured_s: float
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one change did on one walk from a program to another; None where a contender did not finish.

    `place` is its place in the walk from 1, 0 for the ends measured directly, one of them in a second process
    of its own; one `aside` leads from an end to what neither has typed. Ratios are the speed of the program
    after the change over that before it, `turn_error` is what single turns add to the noise of the training
    ratio's log, and `turns` how many of them there were that count. Accuracies are those after the last
    epoch. All changes of a walk share a match of `wall_s` seconds, played in as many `parts` as memory asked
    for: in one, the ratios of the changes multiply to that of the two ends of the way.
    """

    explanation_id: str
    replicate: int
    place: int
    name: str
    aside: bool
    level_before: str
    level_after: str
    before: str
    after: str
    seed: int
    started_at: datetime
    train_ratio: float | None
    eval_ratio: float | None
    train_samples_per_s_before: float | None
    train_samples_per_s_after: float | None
    accuracy_before: float | None
    accuracy_after: float | None
    failure_reason: str | None
    wall_s: float
    parts: int = 1
    turns: int | None = None
    turn_error: float | None = None
