"""What is measured of a trial, as its worker tells it, and answers that are none."""

from __future__ import annotations

import pytest

from harness.engine.scoresheet import Scoresheet
from harness.errors import ProtocolError
from harness.work.records import Phase

QUIET = {
    "steal_s": 0.0,
    "others_cpu_s": 0.0,
    "voluntary_switches": 1,
    "involuntary_switches": 0,
    "frequency_hz": None,
}
ROUND = {
    "samples": 640,
    "steps": 10,
    "started_s": 5.0,
    "wall_s": 0.2,
    "cpu_s": 0.1,
    "idle_cpu_s": 0.0,
    "device_s": None,
    "loss": 2.0,
    "accuracy": None,
    "disturbance": QUIET,
}
STARTED = {
    "pace": {"train_sample_s": 1e-4, "evaluate_s": 0.5},
    "startup": {"import_s": 4.0, "data_s": 0.1, "build_s": 0.2, "first_step_s": 0.3},
    "effective": {"adapter": "an.adapter"},
    "digests": {"data_sha256": "d", "weights_sha256": "w"},
    "parameter_count": 42,
}
PREDICTED = {"batch_size": 1, "calls": 9, "p50_s": 0.1, "p95_s": 0.2, "p99_s": 0.3}
ALLOCATED = {"peak_in_use_bytes": 1, "peak_reserved_bytes": 2, "reason": None}
FINISHED = {
    "host_peak_bytes": 7,
    "watched_s": 0.5,
    "threads_worked": 1,
    "digests": {"order_sha256": "o"},
    "allocator": ALLOCATED,
}
BLOCK = {"started_s": 5.0, "wall_s": 2.0, "samples": 640}
PEAK = {"flop_per_s": 1e9, "bytes_per_s": None, "reason": None}

# How each kind of answer is taken down, and a whole one.
TOLD = {
    "start": (Scoresheet.started, STARTED),
    "train": (lambda sheet, reply: sheet.trained([reply], None, epoch=0, place=0), ROUND),
    "evaluate": (lambda sheet, reply: sheet.evaluated(reply, None, epoch=0, place=0), ROUND),
    "block": (lambda sheet, reply: sheet.trained_block(reply, ()), BLOCK),
    "predict": (Scoresheet.predicted, PREDICTED),
    "peak": (Scoresheet.peak_found, PEAK),
    "finish": (Scoresheet.finished, FINISHED),
}


@pytest.fixture
def sheet():
    return Scoresheet()


def test_all_that_is_told_is_in_the_trial(sheet):
    for put, answer in TOLD.values():
        put(sheet, answer)
    told = sheet.told()
    assert sheet.failure is None
    assert [one.phase for one in told["rounds"]] == [Phase.TRAIN, Phase.EVALUATE]
    assert told["startup"].import_s == 4.0
    assert told["pace"] == sheet.pace == STARTED["pace"]
    assert (told["latencies"][0].p99_s, told["energy"][0].samples) == (0.3, 640)
    assert (told["peak"].flop_per_s, told["allocator"].peak_reserved_bytes) == (1e9, 2)
    assert (told["parameter_count"], told["host_peak_bytes"], told["threads_worked"]) == (42, 7, 1)
    assert told["digests"] == {"data_sha256": "d", "weights_sha256": "w", "order_sha256": "o"}


def test_parts_of_a_round_are_one_and_rounds_of_a_phase_are_counted(sheet):
    sheet.trained([ROUND, ROUND | {"loss": 1.0}], None, epoch=1, place=1)
    sheet.trained([ROUND], None, epoch=2, place=0)
    first, second = sheet.told()["rounds"]
    assert (first.samples, first.wall_s, first.loss, first.epoch, first.place) == (1280, 0.4, 1.5, 2, 1)
    assert (first.index, second.index, second.epoch) == (0, 1, 3)
    assert sheet.trained_s == pytest.approx(0.6)
    assert sheet.epoch == 2


def test_before_any_round_training_has_come_to_the_first_epoch(sheet):
    assert sheet.epoch == 0


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        (kind, name)
        for kind, (_, whole) in TOLD.items()
        for name in whole
        if name not in {"device_s", "allocator"}
    ],
)
def test_an_answer_that_lacks_something_fails_its_trial_and_what_was_told_before_stays(sheet, kind, lost):
    sheet.trained([ROUND], None, epoch=0, place=0)
    put, whole = TOLD[kind]
    put(sheet, {name: value for name, value in whole.items() if name != lost})
    assert sheet.failure.kind == ProtocolError.kind
    assert f"an answer to {kind} that is none" in sheet.failure.reason
    assert len(sheet.told()["rounds"]) == 1


def test_a_device_without_a_clock_and_one_without_an_allocator_say_nothing_of_them(sheet):
    sheet.trained(
        [{name: value for name, value in ROUND.items() if name != "device_s"}], None, epoch=0, place=0
    )
    sheet.finished(FINISHED | {"allocator": None})
    told = sheet.told()
    assert (sheet.failure, told["rounds"][0].device_s, told["allocator"]) == (None, None, None)


@pytest.mark.parametrize(
    ("kind", "nonsense"),
    [
        ("start", {"pace": None}),
        ("start", {"startup": {"import_s": "long"}}),
        ("start", {"parameter_count": "many"}),
        ("start", {"effective": 5}),
        ("predict", {"p50_s": "short"}),
        ("train", {"wall_s": 0.0}),
        ("train", {"wall_s": float("nan")}),
        ("train", {"samples": "many"}),
        ("train", {"disturbance": None}),
        ("evaluate", {"disturbance": {"noise": 1}}),
        ("block", {"wall_s": "long"}),
        ("finish", {"host_peak_bytes": [1]}),
        ("finish", {"digests": 5}),
        ("finish", {"allocator": {"bytes": 1}}),
        ("finish", {"allocator": 5}),
    ],
)
def test_an_answer_of_nonsense_fails_its_trial_and_what_was_told_before_stays(sheet, kind, nonsense):
    sheet.trained([ROUND], None, epoch=0, place=0)
    put, whole = TOLD[kind]
    put(sheet, whole | nonsense)
    assert sheet.failure.kind == ProtocolError.kind
    assert len(sheet.told()["rounds"]) == 1


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("samples", [0, -1, None, 1.5])
def test_what_has_no_sample_is_no_round(sheet, parts, samples):
    sheet.trained([ROUND | {"samples": samples}] * parts, None, epoch=0, place=0)
    assert sheet.failure.kind == ProtocolError.kind
    assert sheet.told()["rounds"] == ()


def test_what_failed_first_is_the_reason(sheet):
    sheet.fail("died", "killed by SIGKILL")
    sheet.fail("silent", "no answer")
    assert (sheet.failure.kind, sheet.failure.reason) == ("died", "killed by SIGKILL")


def test_a_worker_that_breaks_off_still_tells_its_memory(sheet):
    sheet.broke_off({"host_peak_bytes": 9, "allocator": ALLOCATED})
    told = sheet.told()
    assert (told["host_peak_bytes"], told["allocator"].peak_in_use_bytes) == (9, 1)


@pytest.mark.parametrize(
    "facts", [{}, {"host_peak_bytes": "many", "allocator": {"bytes": 1}}, {"allocator": 5}, {"digests": 5}]
)
def test_of_a_worker_that_breaks_off_with_nonsense_nothing_is_known(sheet, facts):
    sheet.broke_off(facts)
    told = sheet.told()
    assert (told["host_peak_bytes"], told["allocator"], told["digests"]) == (None, None, {})
