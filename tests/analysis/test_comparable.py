"""What stands in the way of a comparison, and what else is different."""

from __future__ import annotations

import pandas as pd
import pytest
from measured_runs import trials

from harness.analysis.comparable import differences, obstacles
from harness.store.frames import Frames

RUN = {
    "run_id": "a",
    "hostname": "quiet",
    "cpu_model": "one",
    "cpu_usable": 2,
    "gpu_names": [],
    "threads": 1,
    "torch_version": "2.14.1",
    "config_json": '{"budget_s": 240.0, "results": "here"}',
    "environment_json": None,
    "wall_s": 300.0,
}


def frames(*, holds=True, work=None, **run):
    usual = {"train_samples": 60_000, "test_samples": 10_000, "eval_batch_size": 1000, "data_sha256": "d"}
    measured = trials("a").assign(**(usual | (work or {})))
    case_id = measured["case_id"].iloc[0]
    finding = {"case_id": case_id, "certificate_id": "id", "holds": holds, "check": "epoch"}
    told = dict.fromkeys(("framework", "quantity", "expected", "found", "meaning"), "x")
    proof = pd.DataFrame([finding | told | {"difference": None, "bound": None}])
    none = pd.DataFrame()
    return Frames(
        runs=pd.DataFrame([RUN | run]),
        trials=measured,
        rounds=none,
        certificates=proof,
        controls=none,
        control_rounds=none,
        attempts=none,
        learned=none,
        learned_rounds=none,
    )


def test_nothing_stands_between_a_run_and_another_of_the_same_work_on_the_same_machine():
    assert list(obstacles(frames(), frames(torch_version="2.15.0"))) == []


@pytest.mark.parametrize(
    ("changed", "machine"),
    [
        ({"hostname": "other"}, True),
        ({"cpu_model": "two"}, True),
        ({"gpu_names": ["H100"]}, True),
        ({"threads": 2}, False),
    ],
)
def test_another_machine_or_number_of_threads_stands_in_the_way_with_both_values(changed, machine):
    ((key, value),) = changed.items()
    (found,) = obstacles(frames(), frames(**changed))
    assert (found.key, found.machine) == (key, machine)
    assert found.a == ("none" if key == "gpu_names" else str(RUN[key]))
    assert found.b == ("H100" if key == "gpu_names" else str(value))


@pytest.mark.parametrize(
    "work", [{"data_sha256": "e"}, {"eval_batch_size": 500}, {"synthetic": True}, {"train_samples": 1000}]
)
def test_other_work_under_the_same_name_stands_in_the_way(work):
    (found,) = obstacles(frames(), frames(work=work))
    assert found.key.startswith(next(iter(work)))
    assert found.b == str(next(iter(work.values())))
    assert not found.machine


def test_a_failed_certificate_stands_in_the_way():
    (found,) = obstacles(frames(), frames(holds=False))
    assert (found.key, found.a, found.b) == (
        "certificate of mnist-cpu-loop-fp32-b64-e5",
        "holds",
        "failed at epoch",
    )


def test_runs_without_a_common_case_say_what_each_holds():
    (found,) = obstacles(frames(), frames(work={"case_id": "another"}))
    assert (found.key, found.a, found.b) == ("cases", "mnist-cpu-loop-fp32-b64-e5", "another")


def test_differences_are_listed_setting_by_setting_without_what_always_differs():
    b = frames(
        run_id="b",
        wall_s=5.0,
        torch_version=None,
        config_json='{"budget_s": 60.0, "results": "there"}',
        environment_json='{"OMP_NUM_THREADS": "1"}',
    )
    assert differences(frames(), b).to_dict("records") == [
        {"what": "torch_version", "a": "2.14.1", "b": "unknown"},
        {"what": "config.budget_s", "a": "240.0", "b": "60.0"},
        {"what": "environment.OMP_NUM_THREADS", "a": "absent", "b": "1"},
    ]
