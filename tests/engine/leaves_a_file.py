"""Stands in for an adapter whose framework writes temporary files, as AutoGraph does; it says where."""

import tempfile

from harness.frameworks import scripted
from harness.frameworks.scripted import probe

__all__ = ["open_adapter", "probe"]


def open_adapter(spec):
    with tempfile.NamedTemporaryFile(delete=False) as left:
        print(left.name, flush=True)  # noqa: T201  (into the worker's log)
    return scripted.open_adapter(spec)
