"""Did two frameworks learn the same? Frames in, one row a case out.

The certificate proves the work step by step before it is timed. Here whole trainings of the programs
that are timed, with stock optimisers and each framework's own dropout, are asked whether they ended at the
same accuracy and went there by the same curve, as closely as the spread between seeds lets anyone tell.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from harness.analysis.intervals import FloatArray
from harness.analysis.of_trials import compared, pairs, trial_numbers
from harness.analysis.statistics import equivalence_p
from harness.work.records import Phase, Status

# Half a percentage point of final accuracy, the largest difference that counts as none.
ACCURACY_MARGIN: Final = 0.005

_MATCH: Final = ["case_id", "run_id", "match_id"]
_FEWEST: Final = 2

# What a row says, after the case, its replicates and each framework's mean accuracy.
_DTYPES: Final[dict[Hashable, str]] = {
    "accuracy_difference": "float64",
    "accuracy_difference_low": "float64",
    "accuracy_difference_high": "float64",
    "accuracy_margin": "float64",
    "p_equivalence": "float64",
    "accuracies_agree": "boolean",
    "loss_gap": "float64",
    "loss_gap_epoch": "Int32",
    "losses_agree": "boolean",
    "reason": "str",
}


def agreement(
    trials: pd.DataFrame,
    rounds: pd.DataFrame,
    case_ids: Iterable[str] | None = None,
    *,
    pair: tuple[str, str] | None = None,
    margin: float = ACCURACY_MARGIN,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Compare what the two frameworks learned, over the matches in which both finished.

    Args:
        trials: one row a trial, columns as in `store.schema.TRIALS`.
        rounds: one row a round of theirs, columns as in `store.schema.ROUNDS`.
        case_ids: the cases to have a row; without it those of `trials`.
        pair: the two frameworks; without it the first two of `trials`, which may not have begun.
        margin: difference of final accuracies that counts as none, as a share.
        alpha: error rate of the equivalence test.

    Returns:
        One row a case, in order of appearance. Each framework's mean accuracy is in its `accuracy_column`;
        `accuracy_difference` is the first one's less the second's, paired by seed, with the interval of
        confidence 1 - 2 alpha that belongs to the two one-sided tests (Schuirmann 1987): `accuracies_agree`
        when it lies within the margin. `loss_gap` is the distance of the two mean loss curves in standard
        deviations between seeds of one framework, where it is largest (`loss_gap_epoch`).
        `losses_agree` when its interval of that confidence, paired by seed, lies within 1 at every epoch, and
        not when it lies beyond 1 at any; else it is null, because so few seeds cannot tell. What could not be
        computed is null, with the `reason` beside it; `reason` is null when both agree.
    """
    ended = trials[trials["status"] == Status.OK].pivot_table(
        index=_MATCH, columns="framework", values="final_accuracy", dropna=False
    )
    pair = pair or pairs(compared(trials))[0]
    ended = ended.reindex(columns=list(pair)).dropna()
    curves = _losses_by_epoch(trials, rounds).pivot_table(
        index=[*_MATCH, "epoch"], columns="framework", values="loss"
    )
    curves = curves.reindex(columns=list(pair)).dropna()
    curve_matches = curves.reset_index("epoch").index
    rows = []
    for case_id in trials["case_id"].drop_duplicates() if case_ids is None else case_ids:
        accuracies = ended[ended.index.get_level_values("case_id") == case_id]
        losses = curves[curve_matches.isin(accuracies.index)]
        row = {"case_id": case_id, "replicates": len(accuracies), "accuracy_margin": margin}
        row |= _accuracies(accuracies, pair, margin, alpha) | _losses(losses, pair, alpha)
        rows.append(row | {"reason": _reason(row, len(accuracies))})
    own: dict[Hashable, str] = {accuracy_column(name): "float64" for name in pair}
    dtypes = {"case_id": "str", "replicates": "int32", **own, **_DTYPES}
    return pd.DataFrame(rows, columns=list(dtypes)).astype(dtypes)


def accuracy_column(framework: str) -> str:
    """The column with a framework's mean final accuracy."""
    return f"accuracy_{framework}"


def _losses_by_epoch(trials: pd.DataFrame, rounds: pd.DataFrame) -> pd.DataFrame:
    """One row a trial and epoch: the mean `loss` of its training rounds, and whose it is."""
    train = rounds[rounds["phase"] == Phase.TRAIN]
    trial, epoch = trial_numbers(train, trials), train["epoch"].to_numpy()
    means = train["loss"].groupby([trial, epoch]).mean().rename_axis(["trial", "epoch"]).reset_index()
    means = means[means["trial"] >= 0]
    whose = trials[[*_MATCH, "framework"]].iloc[means["trial"]].reset_index(drop=True)
    return whose.assign(epoch=means["epoch"].to_numpy(), loss=means["loss"].to_numpy())


def _accuracies(
    accuracies: pd.DataFrame, pair: tuple[str, str], margin: float, alpha: float
) -> dict[str, Any]:
    """Two one-sided paired t-tests; without a spread there is no test, and the values stand alone."""
    if accuracies.empty:
        return {}
    one, other = pair
    difference: FloatArray = (accuracies[one] - accuracies[other]).to_numpy()
    values = {
        **{accuracy_column(name): float(accuracies[name].mean()) for name in pair},
        "accuracy_difference": float(difference.mean()),
    }
    if difference.size < _FEWEST or not np.ptp(difference) > 0:
        return values
    error = float(difference.std(ddof=1)) / math.sqrt(difference.size)
    reach = float(stdtrit(difference.size - 1, 1 - alpha)) * error
    # `equivalence_p` takes a relative margin and tests on the log scale; here the scale is plain.
    p_equivalence = equivalence_p(difference, math.expm1(margin))
    return values | {
        "accuracy_difference_low": values["accuracy_difference"] - reach,
        "accuracy_difference_high": values["accuracy_difference"] + reach,
        "p_equivalence": p_equivalence,
        "accuracies_agree": p_equivalence <= alpha,
    }


def _losses(curves: pd.DataFrame, pair: tuple[str, str], alpha: float) -> dict[str, Any]:
    """The gap between the mean curves over the spread between seeds, at the epoch where it is widest."""
    by_epoch = curves.groupby("epoch")
    if curves.empty or by_epoch.size().min() < _FEWEST:
        return {}
    mean, variance = by_epoch.mean(), by_epoch.var()
    spread = np.sqrt(variance[list(pair)].mean(axis="columns"))
    if not (spread > 0).all():
        return {}
    one, other = pair
    gap = (mean[one] - mean[other]).abs() / spread
    paired = (curves[one] - curves[other]).groupby("epoch")
    reach = stdtrit(paired.size() - 1, 1 - alpha) * paired.std() / np.sqrt(paired.size()) / spread
    within, beyond = bool((gap + reach <= 1).all()), bool((gap - reach > 1).any())
    return {
        "loss_gap": float(gap.max()),
        "loss_gap_epoch": int(gap.idxmax()),
        "losses_agree": within if within or beyond else None,
    }


def _reason(row: dict[str, Any], replicates: int) -> str | None:
    if replicates < _FEWEST:
        trainings = f"{replicates} whole training{'s' * (replicates != 1)} of both"
        return f"{trainings}; at least {_FEWEST} are needed"
    reasons = []
    if "accuracies_agree" not in row:
        reasons.append("the accuracies of all seeds differ alike, so their noise cannot be judged")
    elif not row["accuracies_agree"]:
        reasons.append(
            f"that the accuracies differ by less than {100 * row['accuracy_margin']:g} percentage points "
            f"is not shown (p = {row['p_equivalence']:.3f})"
        )
    if "losses_agree" not in row:
        reasons.append("the losses of all seeds are the same, so their spread cannot be judged")
    elif row["losses_agree"] is not True:
        too_few = "; too few seeds to tell" if row["losses_agree"] is None else ""
        reasons.append(
            f"in epoch {row['loss_gap_epoch']} the mean losses lie {row['loss_gap']:.2g} standard deviations "
            f"between seeds apart{too_few}"
        )
    return "; ".join(reasons) or None
