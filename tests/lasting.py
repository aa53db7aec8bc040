"""A worker that lives for many trials, one after the other: importing a framework takes seconds.

`python -m tests.lasting REQUESTS REPLIES` answers START anew after each FINISH, and after each failure. It
evaluates on a tenth of the test set, that of `small_root`. Only for tests that ask what a trial does: what a
fresh process is for (memory, start-up, a failure's end) is asked of `WorkerProcess` itself.
"""

from __future__ import annotations

import os
import sys

from tests import small_test_set  # noqa: F401  # isort: skip  (before all others)
from harness.worker.__main__ import serve


def main(requests: int, replies: int) -> None:
    with os.fdopen(requests, "rb") as inbox, os.fdopen(replies, "wb") as outbox:
        while inbox.peek(1):
            serve(inbox, outbox)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
