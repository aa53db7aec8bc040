"""A tenth of the test set, for processes that evaluate often: imported before what reads its size.

`python -m tests.small_test_set FOLDER` makes the synthetic collection with so many test images.
"""

import sys
from pathlib import Path

from harness.work import workload

workload.TEST_SAMPLES = 1000

from harness.data import synthetic  # noqa: E402
from harness.data.catalogue import COLLECTIONS  # noqa: E402


def write(folder: str) -> None:
    """Make the synthetic collection with so many test images in a folder."""
    raw = COLLECTIONS[workload.Dataset.SYNTHETIC].raw(Path(folder))
    raw.mkdir(parents=True, exist_ok=True)
    synthetic.write(raw)


if __name__ == "__main__":
    write(sys.argv[1])
