"""`python -m harness` is the `harness` command, for interpreters where it is not installed."""

from harness.cli import main

if __name__ == "__main__":
    main()
