"""From the tables on disk to one verdict a case, phase and two frameworks: frames in, a frame out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from harness.analysis.blocks import Known, variation
from harness.analysis.disturbed import disturbances
from harness.analysis.effects import MATCH, TURN, effects, ratios
from harness.analysis.intervals import FloatArray, ratio_interval
from harness.analysis.match import totals_differ
from harness.analysis.of_trials import compared, pairs
from harness.analysis.statistics import Judgement, Verdict, judge_family, without_tests
from harness.work.records import SKIPPED, TOO_LARGE, UNABLE, Phase, Status
from harness.work.workload import Mode

CASE: Final = [
    "case_id", "device", "mode", "precision", "dataset", "synthetic", "batch_size", "hidden", "workers",
    "epochs",
]  # fmt: skip
_UNPROVEN: Final = "no certificate: nothing shows that both frameworks did the same work"

FASTER: Final = " faster"

# A case and two of its frameworks.
_Asked = tuple[str, tuple[str, str]]

# A mode whose contenders do different work, and are meant to.
_DIFFERENT: Final = {
    Mode.ARTICLE: "no certificate: the article's listings do different work, as printed; `harness explain` "
    "measures what tells them apart"
}

# What a verdict says, after the other columns that name its case.
DTYPES: Final[dict[Hashable, str]] = {
    "case_id": "str",
    "phase": "str",
    "replicates": "int32",
    "speed_of": "str",
    "speed_over": "str",
    "speed_ratio": "float64",
    "speed_ratio_low": "float64",
    "speed_ratio_high": "float64",
    "confidence": "float64",
    "total_ratio": "float64",
    "total_ratio_low": "float64",
    "total_ratio_high": "float64",
    "total_differs": "bool",
    "p_value": "float64",
    "p_adjusted": "float64",
    "p_equivalence": "float64",
    "p_equivalence_adjusted": "float64",
    "verdict": "str",
    "reason": "str",
}

# What it says beside these where the hosts are told.
OF_HOSTS: Final[dict[Hashable, str]] = {
    "hosts": "int32",
    **dict.fromkeys(("here_low", "here_high", "host_sd", "replicate_sd"), "float64"),
}


def verdicts(
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    certificates: pd.DataFrame | None = None,
    *,
    hosts: Mapping[str, str] | None = None,
    margin: float = 0.03,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Judge every two frameworks of every case of the frames, training and evaluation apart.

    Only matches in which both finished count, and of their rounds only those that both ran.
    All that is asked of a phase is judged as one family (`statistics.judge_family`), so the frames should
    hold what is read together: normally one run.

    Args:
        trials: one row a trial, columns as in `store.schema.TRIALS`.
        rounds: one row a timed round, columns as in `store.schema.ROUNDS`.
        certificates: one row a certificate, with `case_id`, `holds`, `failed_check` and `reason`. A case
            with none, or with one that does not hold, gets no verdict and enters no family; its ratio is
            still given. None: certificates are not asked for.
        hosts: where each run was measured, by its identifier: of one kind of hardware. None: on one host.
        margin: smallest relative difference worth calling.
        confidence: of the intervals; 1 - confidence is the error rate of a family.

    Returns:
        One row per case, phase and two frameworks: cases in order of appearance, phases in `Phase`'s, and of
        the frameworks those of `of_trials.pairs`. `speed_ratio` is the
        throughput of the framework `speed_of` over that of `speed_over` in a typical turn, `total_ratio` over
        all turns together, and `total_differs` says whether the two differ by more than the interval of
        their difference (`match.totals_differ`): what strikes fewer than half of the rounds of one shows in
        the second alone. `p_value` and `p_adjusted` (Holm) belong to the test for a difference,
        `p_equivalence` and `p_equivalence_adjusted` to that for equivalence. What could not be computed is
        null, with the `reason` beside it; `verdict` is null only for want of a certificate.

        Of several hosts ratio, interval and verdict are those of hosts of the kind (`blocks.Known`). With
        `hosts` there are further columns: how many (`hosts`), the interval of the mean of these alone
        (`here_low`, `here_high`), and the standard deviations of log-ratios between hosts and within one
        (`host_sd`, `replicate_sd`), which are null of a single host.
    """
    cases = trials[CASE].drop_duplicates("case_id")
    case_ids = [str(case_id) for case_id in cases["case_id"]]
    refused = refusals(cases, certificates) | left_out(trials)
    notes = failure_notes(trials)
    measured = effects(trials, rounds)
    found = {pair: ratios(measured, "framework", *pair) for pair in pairs(compared(trials))}
    rows = []
    for phase in Phase:
        matches = {
            (case_id, pair): one[one["phase"].eq(phase) & one["case_id"].eq(case_id)]
            for case_id in case_ids
            for pair, one in found.items()
        }
        samples = {asked: _sample(one) for asked, one in matches.items()}
        where = {asked: hosts_of(one, hosts) for asked, one in matches.items()}
        judgements = _judge_phase(samples, where, refused, margin, 1 - confidence)
        for asked, judgement in judgements.items():
            case_id, pair = asked
            refusal = refused.get(case_id)
            row = {
                "case_id": case_id,
                "phase": str(phase),
                "replicates": samples[asked].size,
                "speed_of": pair[0],
                "speed_over": pair[1],
                "confidence": confidence,
                "verdict": None if refusal else called(judgement.verdict, pair),
                "reason": refusal or judgement.reason + notes.get(case_id, ""),
            }
            rows.append(
                row
                | numbers(judgement)
                | of_hosts(samples[asked], where[asked], confidence)
                | totals(matches[asked], confidence, where[asked])
            )
    dtypes = DTYPES if hosts is None else {**DTYPES, **OF_HOSTS}
    judged = pd.DataFrame(rows, columns=list(dtypes)).astype(dtypes)
    return cases.merge(judged, on="case_id")


def control(
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    *,
    hosts: Mapping[str, str] | None = None,
    margin: float = 0.03,
    confidence: float = 0.95,
) -> Judgement | None:
    """Judge the matches in which one framework ran against itself, as a case is judged.

    Of training, all replicates together, whichever framework they ran. None where no match finished.
    """
    found = ratios(effects(trials, rounds), "seat", 0, 1)
    found = found[found["phase"] == Phase.TRAIN]
    if found.empty:
        return None
    where = [hosts_of(found, hosts)]
    return judge_family([_sample(found)], margin=margin, alpha=1 - confidence, hosts=where)[0]


def called(verdict: str, pair: tuple[str, str]) -> str:
    """A verdict as it is said of two frameworks: `<framework> faster`, `equivalent` or `inconclusive`."""
    faster: dict[str, str] = {Verdict.A_FASTER: pair[0], Verdict.B_FASTER: pair[1]}
    return f"{faster[verdict]}{FASTER}" if verdict in faster else str(verdict)


def winner(said: str | None) -> str | None:
    """The framework that a verdict calls faster; None where it calls none, or is none."""
    return said.removesuffix(FASTER) if isinstance(said, str) and said.endswith(FASTER) else None


def pairs_in(judged: pd.DataFrame) -> list[tuple[str, str]]:
    """Whose speed is over whose in these verdicts, each two once."""
    return list(dict.fromkeys(zip(judged["speed_of"], judged["speed_over"], strict=True)))


def undisturbed(
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    certificates: pd.DataFrame | None = None,
    *,
    hosts: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """The verdicts without the rounds in which either was disturbed (`disturbed.disturbances`).

    Arguments and columns as in `verdicts`; a replicate that was disturbed in every round is missing from it.
    """
    return verdicts(trials, rounds.loc[disturbances(rounds).isna(), TURN], certificates, hosts=hosts)


def _judge_phase(
    samples: dict[_Asked, FloatArray],
    where: dict[_Asked, list[str] | None],
    refusals: dict[str, str],
    margin: float,
    alpha: float,
) -> dict[_Asked, Judgement]:
    """Judge the certified cases as one family; the refused ones keep an interval and enter no test."""
    certified = [asked for asked in samples if asked[0] not in refusals]
    judged = judge_family(
        [samples[asked] for asked in certified],
        margin=margin,
        alpha=alpha,
        hosts=[where[asked] for asked in certified],
    )
    judgements = dict(zip(certified, judged, strict=True))
    return {
        asked: judgements.get(asked) or without_tests(sample, where[asked], confidence=1 - alpha)
        for asked, sample in samples.items()
    }


def numbers(judgement: Judgement) -> dict[str, float | None]:
    """Ratio, interval and p-values as a verdict's row holds them."""
    interval = judgement.interval
    return {
        "speed_ratio": interval.estimate if interval else None,
        "speed_ratio_low": interval.low if interval else None,
        "speed_ratio_high": interval.high if interval else None,
        "p_value": judgement.p_difference,
        "p_adjusted": judgement.p_difference_adjusted,
        "p_equivalence": judgement.p_equivalence,
        "p_equivalence_adjusted": judgement.p_equivalence_adjusted,
    }


def hosts_of(found: pd.DataFrame, hosts: Mapping[str, str] | None) -> list[str] | None:
    """The host of each match in `found`; None where all are of one."""
    named = None if hosts is None else [hosts[run_id] for run_id in found["run_id"]]
    return named if named and len(set(named)) > 1 else None


def of_hosts(
    sample: FloatArray, hosts: Sequence[str] | None, confidence: float
) -> dict[str, float | int | None]:
    """What is known of several hosts beside the ratio of their kind, as a verdict's row holds it."""
    if hosts is None or not np.isfinite(sample).all():
        return {"hosts": 1 if hosts is None else len(set(hosts))}
    low, high = Known.here(sample, hosts).interval(confidence)
    scatter = variation(sample, hosts)
    return {
        "hosts": len(set(hosts)),
        "here_low": low,
        "here_high": high,
        "host_sd": scatter.between,
        "replicate_sd": scatter.within,
    }


def totals(
    found: pd.DataFrame, confidence: float, hosts: Sequence[str] | None = None
) -> dict[str, float | bool | None]:
    """The ratio over all turns together, and whether it is another, as a verdict's row holds them.

    `found` are the matches of one case and phase, as `effects.ratios` returns them, `hosts` the host of each
    where there are several.
    """
    proper = (np.isfinite(found["log_total_ratio"]) & np.isfinite(found["log_ratio"])).to_numpy()
    known = found[proper]
    where = None if hosts is None else [name for name, kept in zip(hosts, proper, strict=True) if kept]
    if known.empty:
        return dict.fromkeys(("total_ratio", "total_ratio_low", "total_ratio_high")) | {
            "total_differs": False
        }
    interval = ratio_interval(known["log_total_ratio"], confidence, where)
    return {
        "total_ratio": interval.estimate,
        "total_ratio_low": interval.low,
        "total_ratio_high": interval.high,
        "total_differs": totals_differ(known["log_ratio"], known["log_total_ratio"], confidence, where),
    }


def _sample(found: pd.DataFrame) -> FloatArray:
    """(replicates,) log-ratios, one a match in which both finished."""
    values: FloatArray = found["log_ratio"].to_numpy(dtype=np.float64)
    return values


def failure_notes(trials: pd.DataFrame) -> dict[str, str]:
    """What to add to a case's reason when some of its matches did not finish."""
    failed = trials[trials["status"] != Status.OK].drop_duplicates(MATCH)
    total = trials.drop_duplicates(MATCH).groupby("case_id").size()
    return {
        str(case_id): f"; {len(group)} of {total[case_id]} matches failed, first with: "
        f"{group['failure_reason'].iloc[0]}"
        for case_id, group in failed.groupby("case_id")
    }


def left_out(trials: pd.DataFrame) -> dict[str, str]:
    """Why a case was not measured, for those of which no match was begun.

    They do not fit into memory or time, nobody can do them, or too little of the budget was left.
    """
    begun = trials.loc[~trials["failure_kind"].isin({TOO_LARGE, UNABLE, SKIPPED}), "case_id"]
    never = trials[~trials["case_id"].isin(begun)].drop_duplicates("case_id")
    return {str(row.case_id): f"not measured: {row.failure_reason}" for row in never.itertuples()}


def refusals(cases: pd.DataFrame, certificates: pd.DataFrame | None) -> dict[str, str]:
    """Why a case gets no verdict, for those that get none."""
    if certificates is None:
        return {}
    certified = set(certificates["case_id"])
    refusals = {
        str(case_id): _DIFFERENT.get(mode, _UNPROVEN)
        for case_id, mode in zip(cases["case_id"], cases["mode"], strict=True)
        if case_id not in certified
    }
    for failed in certificates[~certificates["holds"].astype(bool)].itertuples():
        refusals[str(failed.case_id)] = f"certificate failed at {failed.failed_check}: {failed.reason}"
    return refusals
