"""What Keras and TensorFlow import wherever it is installed and no worker needs; import this before them.

Keras can draw with matplotlib, train on pandas' frames and read images with Pillow, TensorFlow feed SciPy's
matrices. All of it is there for the harness's own tables, pages and pictures: of a worker it would take a
fifth of the start and 100 MB, which are not TensorFlow's.
"""

from __future__ import annotations

import sys
from typing import Final

SPARED: Final = ("matplotlib", "pandas", "PIL", "scipy")

for _name in SPARED:
    # Python's own way to say that a module is not there.
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
