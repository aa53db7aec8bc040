"""Break many runs at random moments: `python -m tests.faults.try_kills [--victim worker|disk] [--real]`

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
from typing import NamedTuple

from harness.data import mnist
from harness.store.writer import ROOM_BYTES
from harness.work.workload import Dataset
from tests.faults.breaking import ASKED, Place, break_disk, break_parent, break_worker, go_on, small_disk

# A disk on which a run that is begun has folders.
_LEAST_BYTES = 1 << 15

# One on which it will find room in any case.
_ENOUGH_BYTES = 1 << 26


class Whole(NamedTuple):
    """What a run takes that nobody breaks."""

    lasts_s: float
    size_bytes: int


def broken(number: int, asked: argparse.Namespace, cache: Path, whole: Whole) -> list[str]:
    """What was wrong with one run."""
    chance = random.Random(f"{asked.seed}:{number}")
    with tempfile.TemporaryDirectory(prefix="broken-") as folder:
        place = Place(folder=Path(folder), cache=cache, real=asked.real)
        if asked.victim == "disk":
            size_bytes = int(chance.uniform(_LEAST_BYTES, whole.size_bytes))
            with small_disk(place.folder / place.results, size_bytes) as resize:
                found = break_disk(place)
                resize(_ENOUGH_BYTES)
                found += finished(place)
        else:
            after_s = chance.uniform(0, whole.lasts_s)
            if asked.victim == "worker":
                break_worker(place, after_s, chance)
                found = []
            else:
                found = [f"lives on: {one}" for one in break_parent(place, after_s)]
            found += finished(place)
    if found:
        print(f"{number}:", *found, sep="\n  ", flush=True)  # noqa: T201
    return found


def finished(place: Place) -> list[str]:
    """What was wrong with a broken run that went on."""
    status = go_on(place)
    failed = [f"it went on and ended with {status}: {place.said[-500:]}"] if status else []
    return [*failed, *place.wrong()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--victim", choices=("parent", "worker", "disk"), default="parent")
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
        files = [path for path in (whole.folder / whole.results).rglob("*") if path.is_file()]
        unbroken = Whole(
            lasts_s=time.monotonic() - begin_s,
            size_bytes=sum(512 * path.stat().st_blocks for path in files) + ROOM_BYTES,
        )
        print(f"a whole run takes {unbroken.lasts_s:.1f} s and {unbroken.size_bytes} bytes", flush=True)  # noqa: T201
        with ThreadPoolExecutor(asked.at_once) as pool:
            found = list(pool.map(lambda one: broken(one, asked, cache, unbroken), range(asked.times)))
    kinds = Counter(one.partition(":")[0] for each in found for one in each)
    wrong = sum(map(bool, found))
    print(f"{asked.times} runs broken, {wrong} not as they should be: {dict(kinds)}")  # noqa: T201
    sys.exit(any(found))


if __name__ == "__main__":
    main()
