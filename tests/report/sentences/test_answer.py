"""The answer names the faster side, the ratio, the interval and the replicates, or says why there is none."""

from __future__ import annotations

import re

from harness.report.sentences.answer import all_answers, answers, judge, learned
from harness.work.records import Failure, Phase
from harness.work.workload import Dataset, Mode


def said(frames, **kind):
    return all_answers(frames(**kind))


def test_the_faster_framework_comes_first_with_a_ratio_above_one(frames):
    (answer,) = said(frames, ratio=1.5)
    assert re.match(r"TensorFlow trains 1\.\d\d( to 1\.\d\d)? times as fast as PyTorch", answer.says)
    assert answer.verdict == "tensorflow faster"


def test_the_ratio_is_turned_when_pytorch_wins(frames):
    (answer,) = said(frames, ratio=0.5, batch_sizes=(64,))
    ratio = float(re.search(r"PyTorch trains (\d\.\d\d) times as fast as TensorFlow", answer.says)[1])
    low, high = map(
        float, re.search(r"interval (\d\.\d\d) to (\d\.\d\d); 6 replicates", answer.sure).groups()
    )
    assert 1.9 < low <= ratio <= high < 2.1


def test_equal_speeds_are_called_equal_within_the_margin(frames):
    (answer,) = said(frames, ratio=1.0)
    assert answer.says == "both train equally fast, within 3 %, at batch 64 and 512"


def test_too_few_replicates_are_inconclusive_and_say_how_many_are_needed(frames):
    (answer,) = said(frames, replicates=2)
    assert answer.says == "inconclusive at batch 64 and 512"
    assert "at least 6" in answer.sure
    assert "so far: 1.5" in answer.sure


def test_cases_with_one_verdict_share_a_sentence(frames):
    (answer,) = said(frames, batch_sizes=(32, 64, 128, 256))
    assert answer.says.endswith("at batch 32, 64, 128 and 256")
    assert re.match(
        r"all 4 intervals \(95 %\) lie within 1\.4\d to 1\.5\d; 6 replicates or more each", answer.sure
    )


def test_modes_decided_alike_share_a_sentence_in_the_order_of_the_modes(frames):
    (answer,) = said(frames, modes=(Mode.IDIOMATIC, Mode.COMPILED, Mode.LOOP), batch_sizes=(64,))
    assert answer.where == "On the CPU, modes loop, compiled and idiomatic, fp32"


def test_data_sets_and_training_sets_of_different_size_are_answered_apart(several_runs):
    shown = several_runs(
        {"ratio": 1.2, "batch_sizes": (64,), "dataset": Dataset.FASHION_MNIST},
        {"ratio": 1.9, "batch_sizes": (64,), "train_samples": 6000},
        {"ratio": 1.5, "batch_sizes": (64,)},
    )
    told = {answer.where: answer.says for answer in all_answers(shown)}
    assert [where.partition("fp32, ")[2] for where in told] == [
        "Fashion-MNIST, 60,000 training samples",
        "MNIST, 6,000 training samples",
        "MNIST, 60,000 training samples",
    ]
    assert all(says.endswith("at batch 64") for says in told.values())


def test_modes_open_for_the_same_reason_share_a_sentence_too(frames):
    modes = (Mode.LOOP, Mode.EAGER)
    refused, *others = said(frames, modes=modes, batch_sizes=(64,), uncertified=(64,))
    assert others == []
    assert refused.where == "On the CPU, modes loop and eager, fp32"
    assert refused.says == "no verdict at batch 64"


def test_open_cases_of_several_modes_never_list_ratios_by_batch_size_alone(frames):
    (answer,) = said(frames, modes=(Mode.LOOP, Mode.EAGER), batch_sizes=(64,), replicates=1)
    assert answer.where == "On the CPU, modes loop and eager, fp32"
    assert re.search(r"so far: 1\.\d\d( to 1\.\d\d)?, each in the table$", answer.sure)


def test_modes_open_for_different_reasons_are_told_apart(several_runs, failure):
    shown = several_runs(
        {"modes": (Mode.LOOP,), "batch_sizes": (64,), "replicates": 2},
        {"modes": (Mode.EAGER,), "batch_sizes": (64,), "replicates": 2, "fail": failure},
    )
    assert len(all_answers(shown)) == 2


def test_many_open_cases_are_summed_up(frames):
    (answer,) = said(frames, replicates=1, batch_sizes=(32, 64, 128, 256))
    assert answer.says == "inconclusive at batch 32, 64, 128 and 256"
    assert re.search(r"so far: 1\.\d\d to 1\.\d\d, each in the table$", answer.sure)


def test_what_failed_trials_said_cannot_steer_the_terminal(frames):
    broken = Failure(kind="raised", reason="\x1b[31mred\u202e\nnext line")
    (answer,) = said(frames, fail=broken, replicates=1, batch_sizes=(64,))
    assert r"\u001b[31mred\u202e next line" in answer.sure
    assert answer.sure.isprintable()


def test_evaluation_is_answered_in_its_own_words(frames):
    (answer,) = answers(judge(frames(ratio=2.0)), Phase.EVALUATE)
    assert answer.says.startswith("TensorFlow evaluates 2")


def test_a_failed_certificate_takes_the_verdict_away_and_says_what_was_found(frames):
    certified, refused = said(frames, uncertified=(512,))
    assert certified.says.endswith("at batch 64")
    assert refused.says == "no verdict at batch 512"
    assert "certificate failed at optimizer: pytorch: epsilon: 1e-08, asked 1e-07" in refused.sure
    assert "so far" not in refused.sure


def test_a_case_that_was_refused_is_answered_though_it_has_no_trials(frames):
    (answer,) = said(frames, uncertified=(64,), batch_sizes=(64,), replicates=0)
    assert answer.says == "not measured: the frameworks did not do the same work"
    assert "pytorch: epsilon: 1e-08, asked 1e-07" in answer.sure


def test_it_says_in_how_many_cases_the_accuracies_are_shown_to_agree(frames):
    said = learned(frames())
    assert said.startswith(
        "Final accuracies are shown to agree within 0.5 percentage points in 2 of 2 cases;"
    )
    assert re.search(r"the largest mean difference is 0\.\d\d points\.$", said)


def test_without_a_finished_match_accuracies_are_not_compared(frames, failure):
    shown = frames(fail=failure, replicates=1)
    assert (
        learned(shown)
        == "Accuracies could not be compared: no whole training of both frameworks has finished."
    )


def test_a_ratio_of_totals_is_told_where_it_is_another_turned_towards_the_faster(frames):
    judged = judge(frames(ratio=0.5, batch_sizes=(64,)))
    (plain,) = answers(judged)
    assert "over all turns" not in plain.sure
    of_totals = {"total_ratio": 0.4, "total_ratio_low": 0.32, "total_ratio_high": 0.5, "total_differs": True}
    (told,) = answers(judged.assign(**of_totals))
    assert told.sure == (
        f"{plain.sure}; over all turns together, the few slow ones included, 2.50 (2.00 to 3.12) at batch 64"
    )


def test_a_ratio_of_totals_is_told_also_where_nothing_is_decided(frames):
    judged = judge(frames(replicates=2, batch_sizes=(64,)))
    (told,) = answers(
        judged.assign(total_ratio=2.0, total_ratio_low=1.8, total_ratio_high=2.2, total_differs=True)
    )
    assert told.sure.endswith(
        "; over all turns together, the few slow ones included, 2.00 (1.80 to 2.20) at batch 64"
    )
