"""Kinds of hardware: what makes one, how it is called, and frames of several told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.analysis.kinds import kinds

GIB = 2**30

RUN = {
    "run_id": "one",
    "hostname": "node-1",
    "cpu_model": "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz",
    "cpu_usable": 4,
    "memory_bytes": 16 * GIB,
    "gpu_names": None,
    "gpu_driver": None,
    "python_version": "3.11.9",
    "tensorflow_version": "2.21.0",
    "keras_version": "3.12.0",
    "torch_version": "2.14.1",
    "threads": 3,
}


def told(*changes, frameworks=("tensorflow", "pytorch")):
    rows = [RUN | {"run_id": str(number)} | change for number, change in enumerate(changes)]
    return kinds(pd.DataFrame(rows), frameworks)


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"cpu_model": "AMD EPYC 7763 64-Core Processor"}, "AMD EPYC 7763"),
        ({"cpu_model": None}, "an unnamed processor"),
        ({"cpu_usable": 1}, "1 core"),
        ({"memory_bytes": 64 * GIB}, "64 GiB"),
        ({"gpu_names": np.array(["NVIDIA L4", "NVIDIA L4"])}, "2 NVIDIA L4"),
        ({"torch_version": "2.15.0"}, "PyTorch 2.15.0"),
        ({"tensorflow_version": None}, "no TensorFlow"),
        ({"python_version": "3.12.1"}, "Python 3.12.1"),
        ({"threads": 1}, "1 thread"),
    ],
)
def test_what_sets_kinds_apart_is_their_name(change, label):
    found = told({}, change)
    assert list(found["kind"]) == [1, 2]
    assert list(found["label"])[1] == label
    assert list(found["name"]) == list(found["label"])


@pytest.mark.parametrize(
    "change",
    [
        {"hostname": "node-2"},
        {"memory_bytes": int(15.5 * GIB)},
        {"gpu_names": np.array([])},
    ],
)
def test_hosts_that_are_alike_are_of_one_kind(change):
    found = told({}, change)
    assert list(found["kind"]) == [1, 1]
    assert set(found["label"]) == {""}


def test_versions_of_a_framework_that_is_not_compared_set_nothing_apart():
    assert list(told({}, {"torch_version": "1.0"}, frameworks=["tensorflow"])["kind"]) == [1, 1]


def test_a_kind_is_described_in_short_whatever_sets_it_apart():
    assert set(told({})["full"]) == {
        "Intel Xeon Platinum 8370C, 4 cores, no GPU; TensorFlow 2.21.0, PyTorch 2.14.1"
    }


def test_kinds_that_differ_in_much_are_numbered_and_described():
    found = told(
        {}, {"cpu_model": "AMD EPYC 7763 64-Core Processor", "threads": 1, "torch_version": "2.15.0"}
    )
    assert list(found["name"]) == ["kind 1", "kind 2"]
    assert found["label"].iloc[1] == "AMD EPYC 7763, PyTorch 2.15.0, 1 thread"
    assert (
        found["full"].iloc[1] == "AMD EPYC 7763, 4 cores, no GPU; TensorFlow 2.21.0, PyTorch 2.15.0, 1 thread"
    )


def test_processors_that_only_their_decoration_tells_apart_keep_it():
    found = told(
        {"cpu_model": "Intel(R) Xeon(R) CPU @ 2.20GHz"}, {"cpu_model": "Intel(R) Xeon(R) CPU @ 2.00GHz"}
    )
    assert list(found["name"]) == ["Intel(R) Xeon(R) CPU @ 2.20GHz", "Intel(R) Xeon(R) CPU @ 2.00GHz"]


def test_kinds_are_numbered_as_they_appear():
    found = told({}, {"threads": 1}, {}, {"threads": 2})
    assert list(found["kind"]) == [1, 2, 1, 3]
