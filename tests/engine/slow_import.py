"""Stands in for an adapter whose framework takes long to import, and tells whether rubbish is collected."""

import gc
import time

from harness.frameworks.scripted import Script, Scripted, probe

__all__ = ["TAKES_S", "open_adapter", "probe"]

TAKES_S = 0.5

time.sleep(TAKES_S)


class _Told(Scripted):
    def effective(self):
        return super().effective() | {"collects": str(gc.isenabled())}


def open_adapter(spec):
    return _Told(spec, Script())
