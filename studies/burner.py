"""Does a busy neighbour turn a verdict wrong? `python -m studies.burner --tries 5`

Tries as a calibration makes them, so the true ratio is known, but from the middle of each try on another
process burns a core. Says for each try what was called, and counts the calls that the truth contradicts.
Writes `burner.csv`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from harness.analysis.calibration import calibration
from harness.data import cache, mnist
from harness.engine.calibrating import calibrate
from harness.settings import config, presets
from harness.settings.grid import plan
from harness.settings.matches import Match
from harness.work.found import Attempt
from harness.work.records import Trial
from harness.work.workload import MOST_EPOCHS

_BURN = "while True: pass"


class _Neighbour:
    """A `CalibrationObserver` that burns a core from the middle of a try to its end."""

    def __init__(self, replicates: int) -> None:
        self._replicates = replicates
        self.attempts: list[Attempt] = []
        self._burner: subprocess.Popen[bytes] | None = None
        self._ended = 0

    def match_began(self, match: Match, *, spent_s: float, left_s: float | None) -> None:
        pass

    def trial_done(self, trial: Trial) -> None:
        pass

    def turn_done(self, match: Match, *, done: int, rounds: int) -> None:  # noqa: ARG002  (its name is given)
        # Of five matches of two contenders two are over and the third is under way.
        if self._burner is None and self._ended == 2 * (self._replicates // 2) and done > 1:
            self._burner = subprocess.Popen([sys.executable, "-c", _BURN])

    def save(self, trial: Trial) -> None:  # noqa: ARG002  (counted, not kept)
        self._ended += 1

    def try_done(self, attempts: Sequence[Attempt], *, done: int, tries: int) -> None:
        assert self._burner is not None, "the neighbour never woke"
        self._burner.kill()
        self._burner.wait()
        self._burner, self._ended = None, 0
        self.attempts += attempts
        for one in attempts:
            sys.stdout.write(
                f"{done} of {tries}: {one.framework}, {one.planted_share:.0%} planted: {one.says}, "
                f"{one.ratio:.3f} ({one.ratio_low:.3f} to {one.ratio_high:.3f})\n"
            )
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tries", default="5", help="of each planted slow-down")
    parser.add_argument("--try", dest="try_s", default="20", help="seconds of measuring a try")
    parser.add_argument("--planted", default="0%,5%")
    parser.add_argument("--out", type=Path, default=Path("docs/decisions/0003-what-a-machine-tells-apart"))
    options = parser.parse_args()
    given = {"tries": options.tries, "try_s": options.try_s, "planted": options.planted}
    settings = config.resolve(given, os.environ, Path.cwd(), presets.CALIBRATION_DEFAULTS)
    files = mnist.locate(settings.dataset, data_dir=settings.data_dir, cache=cache.cache_folder())
    (case,) = plan(settings).cases
    neighbour = _Neighbour(settings.replicates)
    with tempfile.TemporaryDirectory() as logs:
        calibrate(
            replace(case, workload=replace(case.workload, epochs=MOST_EPOCHS)),
            settings,
            run_id="burner",
            data_root=files.root,
            logs=Path(logs),
            save=neighbour.save,
            save_try=lambda _: None,
            observer=neighbour,
            usual=False,
        )
    made = pd.DataFrame([asdict(one) for one in neighbour.attempts]).assign(try_s=settings.try_s)
    options.out.mkdir(parents=True, exist_ok=True)
    made.drop(columns=["calibration_id", "case_id"]).to_csv(options.out / "burner.csv", index=False)
    sys.stdout.write(f"wrong: {calibration(made)['wrong'].sum()} of {len(made)}\n")


if __name__ == "__main__":
    main()
