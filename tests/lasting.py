"""A worker that lives for many trials, one after the other: importing a framework takes seconds.

Only for tests that ask what a trial does. What a fresh process is for (memory, start-up, a failure's end) is
asked of `WorkerProcess` itself.
"""

from __future__ import annotations

import os
import sys

from harness.engine.process import WorkerProcess
from harness.worker.__main__ import serve


class LastingWorker(WorkerProcess):
    """Answers START anew after each FINISH, and after each failure."""

    module = "tests.lasting"


def main(requests: int, replies: int) -> None:
    with os.fdopen(requests, "rb") as inbox, os.fdopen(replies, "wb") as outbox:
        while inbox.peek(1):
            serve(inbox, outbox)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
