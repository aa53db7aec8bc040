"""What a framework loads of CUDA: `python -m tests.frameworks.loaded_libraries tensorflow|pytorch`.

Prints a JSON object: how many GPUs the framework sees, and the paths of CUDA's libraries in the process.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path


def gpus(framework):
    if framework == "tensorflow":
        return len(import_module("tensorflow").config.list_physical_devices("GPU"))
    return import_module("torch").cuda.device_count()


if __name__ == "__main__":
    seen = gpus(sys.argv[1])
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    loaded = sorted(path for path in mapped if re.search(r"/lib(cu|nv|nccl)[^/]*\.so", path))
    print(json.dumps({"gpus": seen, "loaded": loaded}))  # noqa: T201
