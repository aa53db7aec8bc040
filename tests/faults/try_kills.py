"""Break many runs at random moments: `python -m tests.faults.try_kills [--victim worker] [--real]`

Each run goes on until it is whole, and is looked through; what was wrong is printed, and counted at the end.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.data import mnist
from harness.work.workload import Dataset
from tests.faults.breaking import ASKED, Place, break_parent, break_worker, go_on


def broken(number: int, asked: argparse.Namespace, cache: Path, lasts_s: float) -> list[str]:
    """What was wrong with one run."""
    chance = random.Random(f"{asked.seed}:{number}")
    with tempfile.TemporaryDirectory(prefix="broken-") as folder:
        place = Place(folder=Path(folder), cache=cache, real=asked.real)
        after_s = chance.uniform(0, lasts_s)
        if asked.victim == "worker":
            break_worker(place, after_s, chance)
            found = []
        else:
            found = [f"lives on: {one}" for one in break_parent(place, after_s)]
        status = go_on(place)
        if status:
            found.append(f"it ended with {status}: {place.said[-500:]}")
        found += place.wrong()
    if found:
        print(f"{number}, after {after_s:.2f} s:", *found, sep="\n  ", flush=True)  # noqa: T201
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--victim", choices=("parent", "worker"), default="parent")
    parser.add_argument("--real", action="store_true", help="with both frameworks, not with a script")
    parser.add_argument("--at-once", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="breaking-") as folder:
        cache = Path(folder)
        mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=cache / "evenmatch")
        begin_s = time.monotonic()
        whole = Place(folder=Path(folder) / "whole", cache=cache, real=asked.real)
        if whole.finish(*ASKED):
            raise SystemExit(whole.said)
        lasts_s = time.monotonic() - begin_s
        print(f"a whole run takes {lasts_s:.1f} s", flush=True)  # noqa: T201
        with ThreadPoolExecutor(asked.at_once) as pool:
            found = list(pool.map(lambda one: broken(one, asked, cache, lasts_s), range(asked.times)))
    kinds = Counter(one.partition(":")[0] for each in found for one in each)
    wrong = sum(map(bool, found))
    print(f"{asked.times} runs broken, {wrong} not as they should be: {dict(kinds)}")  # noqa: T201
    sys.exit(any(found))


if __name__ == "__main__":
    main()
