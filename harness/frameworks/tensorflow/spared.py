"""What Keras imports wherever it is installed and no worker needs; import this before TensorFlow.

Keras can draw with matplotlib and train on pandas' frames. Both are there for the harness's own tables and
pages: of a worker they would take a fifth of the start and 90 MB, which are not TensorFlow's.
"""

from __future__ import annotations

import sys
from typing import Final

SPARED: Final = ("matplotlib", "pandas")

for _name in SPARED:
    # Python's own way to say that a module is not there.
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
