"""What an unfinished run has measured already, as records again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pandas as pd

from harness.errors import NotResumable
from harness.settings.matches import Match
from harness.store.parts import match_names
from harness.store.tables import read_matches
from harness.work.records import INTERRUPTED, Failure, Phase, Role, Round, Status, Trial
from harness.work.tally import Counted, Tally

_ROUND: Final = (
    "trial_id", "phase", "round_index", "epoch", "place", "samples", "steps", "started_s", "wall_s", "cpu_s",
    "idle_cpu_s", "loss", "accuracy", "warm_up",
)  # fmt: skip


class Measured:
    """The matches of a run that are on disk; the engine's `Earlier`.

    Its trials hold what decides how a run goes on: rounds, paces, failures and how long they took. The rest
    of what was measured is on disk alone.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        """Read the run.

        Raises:
            ResultsUnusable: as `store.tables.read_tables`.
        """
        found, rounds = read_matches(folder, run_id)
        names = match_names(found).to_pylist()
        trials = found.to_pandas().assign(match=names).sort_values(["part", "seat"])
        self._trials = {str(name): rows.to_dict("records") for name, rows in trials.groupby("match")}
        self._rounds = dict(iter(rounds.select(_ROUND).to_pandas().groupby("trial_id")))
        self._run_id = run_id
        whole = [rows for rows in self._trials.values() if _is_whole(rows)]
        self.matches = len(whole)
        self.trials_done = sum(map(len, whole))
        self.spent_s = sum(map(_lasted_s, whole))

    def tally(self) -> Tally:
        """All that is on disk, also of a match that was cut short."""
        return Tally({name: self._counted(rows) for name, rows in self._trials.items()})

    def _counted(self, rows: list[dict[str, Any]]) -> Counted:
        ok = sum(row["status"] == Status.OK for row in rows)
        turned = (row["trial_id"] for row in rows if row["role"] != Role.LEARNING)
        timed_s = sum(float(self._rounds[one]["wall_s"].sum()) for one in turned if one in self._rounds)
        return Counted(ok, len(rows) - ok, timed_s)

    def took_s(self, match: Match) -> float:
        """Seconds from a match's first start to its last end; 0 where it has not been measured to its end."""
        rows = self._whole(match)
        return _lasted_s(rows) if rows else 0.0

    def _whole(self, match: Match) -> list[dict[str, Any]]:
        rows = self._trials.get(f"{self._run_id}-{match.id}", [])
        return rows if _is_whole(rows) else []

    def trials(self, match: Match) -> tuple[Trial, ...]:
        """A match's trials, by part and seat; none where it has not been measured to its end.

        Raises:
            NotResumable: others sat in it.
        """
        rows = self._whole(match)
        for row in rows:
            seat = int(row["seat"])
            if seat not in match.seats or row["contender"] != match.contenders[seat].id:
                raise NotResumable(
                    f"run {self._run_id}: cannot go on: in {match.id} seat {seat} was {row['contender']}'s, "
                    "and is another's now that another certificate holds"
                )
        return tuple(self._trial(row, match) for row in rows)

    def _trial(self, row: dict[str, Any], match: Match) -> Trial:
        failed = not pd.isna(row["failure_kind"])
        paces = {"train_sample_s": row["paced_sample_s"], "evaluate_s": row["paced_evaluate_s"]}
        said = {name: None if pd.isna(pace) else float(pace) for name, pace in paces.items()}
        return Trial(
            run_id=row["run_id"],
            match_id=row["match_id"],
            trial_id=row["trial_id"],
            role=Role(row["role"]),
            seat=int(row["seat"]),
            part=int(row["part"]),
            chosen=None if pd.isna(row["chosen"]) else bool(row["chosen"]),
            case=match.contenders[int(row["seat"])].case,
            framework=row["framework"],
            planted_share=row["planted_share"],
            replicate=int(row["replicate"]),
            seed=int(row["seed"]),
            threads=int(row["threads"]),
            started_at=row["started_at"].to_pydatetime(),
            wall_s=row["wall_s"],
            startup=None,
            rounds=self._rounds_of(row["trial_id"]),
            latencies=(),
            parameter_count=None,
            host_peak_bytes=None,
            gpu=None,
            gpu_reason=row["gpu_peak_reason"],
            effective={},
            digests={},
            certificate=None,
            failure=Failure(kind=row["failure_kind"], reason=row["failure_reason"]) if failed else None,
            log_path=row["log_path"],
            # A worker that has not started has said nothing.
            pace=None if pd.isna(row["startup_s"]) else said,
        )

    def _rounds_of(self, trial_id: str) -> tuple[Round, ...]:
        if trial_id not in self._rounds:
            return ()
        return tuple(
            Round(
                phase=Phase(row["phase"]),
                index=row["round_index"],
                **{name: row[name] for name in _ROUND[3:-2]},
                accuracy=None if pd.isna(row["accuracy"]) else row["accuracy"],
                warm_up=row["warm_up"],
            )
            for row in self._rounds[trial_id].to_dict("records")
        )


def _is_whole(rows: list[dict[str, Any]]) -> bool:
    """Whether a match was measured to its end, be it that of a contender which failed."""
    return bool(rows) and all(row["failure_kind"] != INTERRUPTED for row in rows)


def _lasted_s(rows: list[dict[str, Any]]) -> float:
    begun = min(row["started_at"] for row in rows)
    ended = max(row["started_at"] + pd.Timedelta(seconds=row["wall_s"]) for row in rows)
    return float((ended - begun).total_seconds())
