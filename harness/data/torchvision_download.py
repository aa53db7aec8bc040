"""torchvision's own downloader: `python -m harness.data.torchvision_download ROOT CLASS TIMEOUT_S`.

Its own process, because importing torchvision imports a framework and because torchvision sets no timeout
on its sockets: here every socket operation ends after TIMEOUT_S. The
reason of a failure is the one thing written to standard output.
"""

from __future__ import annotations

import socket
import sys
from http.client import HTTPException


def main(root: str, class_name: str, timeout_s: str) -> int:
    """Download and unpack the files of a torchvision data set class into `ROOT/CLASS/raw`."""
    socket.setdefaulttimeout(float(timeout_s))
    try:
        from torchvision import datasets  # noqa: PLC0415 - a missing or broken torchvision is a reason too

        getattr(datasets, class_name)(root, download=True)
    except (ImportError, HTTPException, OSError, EOFError, RuntimeError) as error:
        sys.stdout.write(f"{error or type(error).__name__}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
