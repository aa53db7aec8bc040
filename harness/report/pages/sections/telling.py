"""What this machine can tell apart, before any result: control, calibration, and noise during the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from harness.analysis import ways
from harness.analysis.calibration import calibration
from harness.analysis.certified import certified
from harness.analysis.disturbed import disturbances
from harness.analysis.kinds import by_kind
from harness.analysis.verdicts import undisturbed
from harness.report import figures, words
from harness.report.pages import context
from harness.report.pages.context import Section
from harness.report.pages.evidence import Evidence
from harness.report.pages.sections.drawing import drawn, named
from harness.report.sentences.telling import calibrated, calibration_told, control_told, residents_told
from harness.store.frames import Frames
from harness.work.records import Phase


def telling(shown: Evidence, pictures: Path) -> Section:
    """The control and the calibrations; drawn: how often each way is wrong where nothing differs."""
    attempts = shown.frames.attempts
    summed = calibration(attempts)
    same = summed[summed["planted_share"] == 0]
    cells = calibrated(summed)
    return drawn(
        pictures,
        "telling",
        title="What this machine can tell apart",
        intro=control_told(shown.frames),
        points=(*calibration_told(shown.frames), *residents_told(shown.frames)),
        reason=None if len(same) else "No calibration compared a framework with itself here.",
        draw=lambda: figures.false_alarms(same),
        table=context.table(
            "Calibration: how often each way was right and wrong; shares with their intervals of 95 %",
            cells,
            tuple((str(name), str(name), None) for name in cells),
        ),
    )


def noise(shown: Evidence) -> Section:
    """What disturbed the rounds, and whether the verdicts hold without them."""
    rounds = shown.rounds[shown.rounds["phase"] == Phase.TRAIN]
    marked = disturbances(rounds).notna()
    settled = ~rounds["warm_up"].eq(True)  # noqa: FBT003  (null in files older than the column)
    recorded = rounds["others_cpu_s"].notna().any()
    return Section(
        name="noise",
        title="Noise during the run",
        intro=_noise_told(shown, rounds, marked, settled),
        reason=None if recorded else "What else the machine did was not recorded.",
        table=context.table(
            "Noise in the training rounds of each case",
            _noise(rounds.assign(disturbed=marked, warming=~settled)),
            (
                ("case", "label", None),
                ("framework", "framework", words.framework),
                ("rounds", "rounds", words.count),
                ("warm-up", "warming", words.count),
                ("disturbed", "disturbed", words.count),
                ("others' CPU", "others_share", words.share),
                ("stolen", "steal_share", words.share),
                ("switched out, per s", "involuntary_per_s", words.number),
                ("own CPU while idle", "idle_share", words.share),
            ),
        ),
    )


def _noise_told(shown: Evidence, rounds: pd.DataFrame, marked: pd.Series, settled: pd.Series) -> str:
    if rounds.empty:
        return "No training round was measured."
    said = (
        f"{int(marked.sum())} of {words.plural(len(rounds), 'training round')} were disturbed: others took "
        "more than a quarter of a core, or the hypervisor more than a twentieth of the round. "
        f"{int((~settled).sum())} belonged to warm-up and are left out. "
    )
    if not marked.any():
        return said + "So there is nothing to leave out of the verdicts."
    without = by_kind(shown.frames, _undisturbed)
    asked = ["case_id", "phase", "speed_of", "speed_over"]
    with_all = shown.judged.assign(label=named(shown, shown.judged, "label")).set_index(asked)
    beside = without.set_index(asked).join(with_all[["label"]])
    differ = beside[beside["verdict"].fillna("") != with_all["verdict"].fillna("").reindex(beside.index)]
    if differ.empty:
        return said + "Without the disturbed rounds every verdict is the same."
    told = words.listed(
        f"{words.plain(row['label'])}: {row['verdict']} at {words.ratio(row['speed_ratio'])}"
        for row in differ.to_dict("records")
    )
    return f"{said}Without the disturbed rounds other verdicts come out: {told}."


def _undisturbed(of_kind: Frames, hosts: Mapping[str, str] | None) -> pd.DataFrame:
    proofs = certified(of_kind.certificates)
    if of_kind.ways.empty:
        return undisturbed(of_kind.trials, of_kind.rounds, proofs, hosts=hosts)
    return ways.undisturbed(of_kind.of_all_ways, of_kind.rounds_of_all_ways, proofs, hosts=hosts)


def _noise(rounds: pd.DataFrame) -> pd.DataFrame:
    """Sums over the rounds of a case and framework, as shares of their wall time."""
    sides = rounds.groupby(["label", "framework"], sort=False)
    sums = sides[["wall_s", "others_cpu_s", "steal_s", "involuntary_switches", "idle_cpu_s"]].sum(min_count=1)
    counts = sides.agg(rounds=("wall_s", "size"), disturbed=("disturbed", "sum"), warming=("warming", "sum"))
    shares = counts.assign(
        others_share=sums["others_cpu_s"] / sums["wall_s"],
        steal_share=sums["steal_s"] / sums["wall_s"],
        involuntary_per_s=sums["involuntary_switches"] / sums["wall_s"],
        idle_share=sums["idle_cpu_s"] / sums["wall_s"],
    )
    return shares.reset_index()
