"""The article's two listings as plain programs: `python -m benchmarks.article` holds mode `article` to them.

Each script runs alone. Here it also takes turns with the harness's own worker, epoch by epoch, so that the
mode can be held against the program that it stands for: in speed, and in what is learned.
"""
