"""Tests that mirror the package."""

import os

# Read as NumPy is loaded, here and in all processes that tests begin: threads of several processes that
# multiply matrices on the same few cores wait for each other eight times as long as one thread takes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
