"""The columns of every table on disk, typed and versioned.

History of `SCHEMA_VERSION`:

    1   trials, rounds, runs and certificates; every file carries the version in its metadata and in a column
    2   sides and controls; warm-up and disturbances of a round; latencies
    3   the GPU's energy, clocks, temperature, power and throttling; memory of the device beside the
        process's, by the frameworks' allocators and before any work; the device's own clock;
        changes of an explanation
    4   a certificate belongs to one framework: findings have `framework` and `found` where they had a column
        for each of two frameworks; what watching a trial's program took, and how many
        threads worked; why a run has no commit
    5   a match holds any number of contenders: `match_id`, `seat` and `contender` where there were `pair_id`
        and `side`, a round's `place` where there was `turn`; the part of a match that memory split; a try of
        a calibration calls the first or the second contender faster; the energy of training is that of blocks
        of their own, with their samples and seconds: until then it was that of the rounds, whose turns are
        too short to be told apart; in how many turns a change was measured, and what noise they made; the
        implementation of Adam, and which way a pilot chose
    6   what is learned comes from whole trainings of their own (role `learning`), no longer from the trials
        that are compared, which are as long as they are worth: a round has no training time until then;
        how much of a run was timed
    7   which cores the contenders of a match shared; what workers lose beside others
    8   the plan of a run, the paces by which its rounds were cut, and when it went on after an interruption
    9   the hidden layers of the network, which until then were one of 128 units; which part
        of a plan for several hosts a run has measured
    10  what workers found their device to be able to do: products and copies a second
    11  how many workers of a contender trained one model, which until then was one
"""

from typing import Final

from harness.store.schema.found import ATTEMPTS, CERTIFICATES, CHANGES, RESIDENTS
from harness.store.schema.measured import PLANS, REPEATED, REPORTED, ROUNDS, RUNS, TRIALS

__all__ = [
    "ATTEMPTS",
    "CALIBRATION",
    "CERTIFICATES",
    "CHANGES",
    "EXPLANATIONS",
    "PLANS",
    "REPEATED",
    "REPORTED",
    "RESIDENTS",
    "ROUNDS",
    "RUNS",
    "SCHEMA_VERSION",
    "TRIALS",
]

SCHEMA_VERSION: Final = 11

# The folder, inside a results folder, in which calibrations keep their own trials, rounds and attempts,
# and in which it is told what workers lose beside others.
CALIBRATION: Final = "calibration"

# The folder in which explanations keep their own trials, rounds and changes.
EXPLANATIONS: Final = "explanations"
