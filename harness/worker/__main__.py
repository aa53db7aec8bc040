"""One framework, one trial, one process: `python -m harness.worker REQUESTS REPLIES`.

REQUESTS and REPLIES are file descriptors inherited from the parent. The worker answers one request at
a time and blocks on the pipe between them, so that it is idle while others have their turn.
"""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from typing import BinaryIO, NoReturn

from harness.worker.protocol import Do, Message, dump, parse
from harness.worker.trial import Worker


def serve(requests: BinaryIO, replies: BinaryIO, imported_s: float = 0.0) -> int:
    """Answer requests until the last one or the end of the pipe; the exit status of the process.

    `imported_s` is how long its framework's import took where that is done already.
    """
    worker = Worker(imported_s)
    for line in requests:
        request = parse(line)
        try:
            reply: Message = {"ok": worker.answer(request)}
        except Exception as error:  # noqa: BLE001  (whatever a framework raises becomes the trial's reason)
            traceback.print_exc()
            reply = worker.failure(error)
        replies.write(dump(reply))
        replies.flush()
        if "error" in reply:
            return 1
        if request["do"] == Do.FINISH:
            return 0
    return 0


def leave(status: int) -> NoReturn:
    """End as soon as what is to be done at the end is: frameworks remove temporary files there.

    An interpreter that takes a framework down as well needs a second or two, for nothing.
    """
    atexit._run_exitfuncs()  # noqa: SLF001  (what else calls them ends the interpreter)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "rb") as inbox, os.fdopen(int(sys.argv[2]), "wb") as outbox:
        leave(serve(inbox, outbox))
