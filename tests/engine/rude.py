"""A worker without manners: `python -m tests.engine.rude REQUESTS REPLIES`, told by RUDE how it is rude."""

from __future__ import annotations

import os
import sys
import time

ANSWERS = {
    "twice": b'{"ok": {}}\n{"ok": {}}\n',
    "a list": b"[1]\n",
    "no words": b"\xff\xfe\n",
    "a number": b'{"ok": 3}\n',
    "an error of no kind": b'{"error": ["x"], "kind": [], "facts": 5}\n',
}


def main(inbox, outbox, manner):
    with os.fdopen(inbox, "rb") as requests, os.fdopen(outbox, "wb", buffering=0) as replies:
        for _ in requests:
            if manner in ANSWERS:
                replies.write(ANSWERS[manner])
            while manner == "without end":
                replies.write(b"x" * 65536)
            while manner == "printing":
                os.write(1, b"noise\n" * 10_000)
                time.sleep(0.001)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), os.environ["RUDE"])
