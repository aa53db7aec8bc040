"""Run a module of this very package, with nothing else on its path: `isolated.py MODULE [ARGUMENT ...]`.

A folder on PYTHONPATH comes before the standard library, so a file random.py beside the package would be
everybody's `random`. The package is therefore loaded from where it lies, and its folder is no import root.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_place = Path(__file__).absolute().parents[1]
_spec = spec_from_file_location("harness", _place / "__init__.py", submodule_search_locations=[str(_place)])
assert _spec is not None
assert _spec.loader is not None
_package = module_from_spec(_spec)
sys.modules["harness"] = _package
_spec.loader.exec_module(_package)

# A process works in a folder of its own: what it leaves there when it is killed is swept with that.
tempfile.tempdir = str(Path.cwd())

del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
