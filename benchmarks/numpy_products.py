"""NumPy's products of squares by themselves: `python numpy_products.py TYPE` says FLOP a second.

Nothing of the project is imported: what this finds is nobody's but NumPy's and its library's.
"""

import sys
import time

import numpy as np

best = 0.0
for side in (192, 256, 384, 512, 768, 1024, 2048):
    square = np.random.default_rng(1).standard_normal((side, side)).astype(sys.argv[1])
    answer = np.empty_like(square)
    until_s = time.perf_counter() + 0.3
    while time.perf_counter() < until_s:
        began_s = time.perf_counter()
        np.dot(square, square, out=answer)
        best = max(best, 2 * side**3 / (time.perf_counter() - began_s))
sys.stdout.write(f"{best}\n")
