"""`python -m harness` is the `harness` command, for interpreters where it is not installed."""

import sys

if not sys.flags.safe_path:
    # The working folder, which Python puts first: a random.py there is nobody's `random`.
    del sys.path[0]

from harness.cli import main

if __name__ == "__main__":
    main()
