"""Stands in for an adapter whose framework takes long to import."""

import time

from harness.frameworks.scripted import open_adapter, probe

__all__ = ["TAKES_S", "open_adapter", "probe"]

TAKES_S = 0.5

time.sleep(TAKES_S)
