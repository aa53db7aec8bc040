"""The proof of a contender of two workers: `python -m tests.worker.proving_teams FRAMEWORK DATA_ROOT`.

Prints JSON: the checks that fail, or what was raised instead, and the largest differences in float64.
"""

from __future__ import annotations

import json
import sys

from harness.errors import HarnessError
from harness.parity.judge import judge
from harness.parity.testimony import testify
from harness.work.workload import Case, Dataset, Mode, TrialSpec, Workload
from harness.worker.__main__ import leave
from harness.worker.reading import read_data
from harness.worker.trial import Worker

# 65 samples are no two equal shares; nor are the 32 of the proof's last batch and the 31 of the trial's.
WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=65, train_samples=3 * 65 + 31, epochs=2)


def main(framework: str, data_root: str) -> None:
    case = Case(workload=WORK, device="cpu", mode=Mode.LOOP, workers=2)
    spec = TrialSpec(framework=framework, case=case, threads=1, data_root=data_root)
    told: dict[str, object] = {}
    try:
        findings = judge(testify(spec, Worker()._open, read_data))
        told["failed"] = sorted({one.check for one in findings if not one.holds})
        exact = [one for one in findings if one.check == "steps in fp64"]
        told["largest"] = max(one.difference for one in exact)
        told["checks"] = len(findings)
    except HarnessError as error:
        told["raised"] = str(error)
    print(json.dumps(told), flush=True)  # noqa: T201  (it is the answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
    # As a worker does: threads that a broken team left would end an interpreter that takes itself down.
    leave(0)
