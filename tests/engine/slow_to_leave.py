"""Stands in for an adapter whose framework is slow to be taken down, has begun a process and wrote a file."""

import atexit
import os
import subprocess
import sys
import tempfile
import threading
import time

from harness.frameworks import scripted
from harness.frameworks.scripted import probe

__all__ = ["open_adapter", "probe"]

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", __name__])


def open_adapter(spec):
    # An interpreter that comes to its end waits for this.
    threading.Thread(target=time.sleep, args=(60,)).start()
    # By the variable, as one that is not written in Python does.
    descriptor, path = tempfile.mkstemp(dir=os.environ["TMPDIR"])
    os.close(descriptor)
    atexit.register(os.unlink, path)
    return scripted.open_adapter(spec)
