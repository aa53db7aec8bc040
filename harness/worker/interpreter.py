"""How an interpreter is told to run a module of this package, for a worker or a process beside one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

# Without the working folder and the user's site-packages on its path.
ISOLATED: Final = ("-P", "-s", str(Path(__file__).with_name("isolated.py").absolute()))
