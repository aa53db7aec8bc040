"""Stands in for an adapter whose framework is slow to be taken down and has begun a process of its own."""

import atexit
import subprocess
import sys
import time

from harness.frameworks.scripted import open_adapter, probe

__all__ = ["open_adapter", "probe"]

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", __name__])
atexit.register(time.sleep, 60)
