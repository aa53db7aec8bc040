"""What is said of the share of a device that was used: a sentence a case, and one for the terminal."""

from __future__ import annotations

import re

from harness.report.sentences.roofline import in_short, roofs, shares_told
from harness.work.records import Peak

LITTLE = Peak(flop_per_s=1e9, bytes_per_s=1e12, reason=None)
NONE = Peak(flop_per_s=None, bytes_per_s=None, reason="RuntimeError: no product")


def both(peak):
    return {"tensorflow": peak, "pytorch": peak}


def test_each_case_has_a_sentence_with_both_shares_and_their_intervals(frames):
    first, second = shares_told(roofs(frames(ratio=1.5)))
    share = r"\d\d % \(\d\d to \d\d\)"
    here = "of what 1 thread of this processor can do here"
    assert re.fullmatch(rf"Batch 64: TensorFlow uses {share} {here}, PyTorch {share}\.", first)
    assert second.startswith("Batch 512: ")


def test_all_cases_are_summed_up_in_one_sentence(frames):
    said = in_short(frames(ratio=1.5))
    used = r"TensorFlow uses 2\d(?: to 2\d)? % and PyTorch uses 1\d(?: to 1\d)? %"
    begins = "Of what 1 thread of this processor can do in this work"
    assert re.fullmatch(rf"{begins} {used}; the rest is overhead\.", said)


def test_a_case_that_did_more_than_the_probe_says_so(frames):
    first, _ = shares_told(roofs(frames(peaks=both(LITTLE))))
    assert "TensorFlow uses 100 %" in first
    assert first.endswith("; more than the probe found, so what the fastest did counts as what can be done.")


def test_a_peak_that_was_not_found_is_told_with_its_reason_and_not_summed_up(frames):
    made = frames(peaks=both(NONE))
    assert list(shares_told(roofs(made))) == [
        "Batch 64: not known, for RuntimeError: no product.",
        "Batch 512: not known, for RuntimeError: no product.",
    ]
    assert in_short(made) is None


def test_one_framework_s_probe_is_enough_for_both(frames):
    first, _ = shares_told(roofs(frames(peaks={"tensorflow": NONE, "pytorch": LITTLE})))
    assert "PyTorch" in first
    assert "not known" not in first


def test_cases_without_a_certificate_are_not_spoken_of(frames):
    (only,) = shares_told(roofs(frames(uncertified=(512,))))
    assert only.startswith("Batch 64: ")
