"""matplotlib as it comes: what the user has set for their own figures has no say in a page's.

While it is imported, matplotlib reads a file `matplotlibrc` in the working folder, the one that MATPLOTLIBRC
or the home folder has, and MPLBACKEND, the backend of any notebook's terminal. Each can end the import: a
backend that is not installed, a file that is no text.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """Import matplotlib inside. The working folder looks first, and matplotlib's own has its defaults."""
    found = find_spec("matplotlib")
    assert found is not None
    assert found.origin is not None
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        with contextlib.chdir(Path(found.origin).parent / "mpl-data"):
            yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
