"""Faults planted in the real adapters: each is caught, each check is needed, correct code passes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

from harness.engine.surroundings import environment
from harness.parity.certificate import Finding
from harness.parity.judge import CHECKS
from harness.settings.presets import FRAMEWORKS
from harness.work.listings import PYTORCH

pytestmark = pytest.mark.slow

# The case is in fp32, so no other precision's steps are proven beside float64's.
CHECKS_OF_THE_CASE = [
    check for check in CHECKS if check not in ("steps in tf32", "steps in bf16", "steps in fp16")
]

# The faults that the certificate was asked to catch, and the side that they are planted in.
ASKED_FOR = [
    "batch order shifted by one batch",
    "batch order shifted by one sample",
    "missing normalisation",
    "beta2 0.99",
    "epsilon 1e-8",
    "loss summed",
    "partial batch dropped",
    "weight matrix transposed wrongly",
    "another initialiser",
    "dropout in evaluation",
    "dropout rate 0.25",
    "dropout without scaling",
    "weight decay 1e-4",
    "learning rate 1 % off",
    "bias frozen",
    "gradient clipped",
    "labels of one class swapped",
    "one test image missing",
    "float32 in float64",
    "another thread count",
]


# The faults that only a format of 16 bits can have, the checks that have to catch them, and the format.
NARROW = [
    ("fp16", "gradients left scaled", "steps in fp16"),
    ("fp16", "loss not scaled", "settings"),
    ("bf16", "loss half as large again", "steps in bf16"),
    ("bf16", "float16 in bfloat16", "settings"),
]


# The usual network, and one of several hidden layers.
USUAL, DEEP = "128", "512x512"


@pytest.fixture(scope="module", params=[USUAL, DEEP])
def hidden(request):
    return request.param


@pytest.fixture(scope="module")
def usual(hidden):
    if hidden != USUAL:
        pytest.skip("asked of the usual network alone")


@pytest.fixture(scope="module")
def judged(hidden, tmp_path_factory):
    """What the judge finds by precision, framework and fault; None is correct code."""
    folder = tmp_path_factory.mktemp("judged")
    found = {}
    for framework in FRAMEWORKS:
        done = subprocess.run(
            [sys.executable, "-m", "tests.parity.testify_all", framework, folder, hidden],
            env=environment(framework=framework, device="cpu", threads=1, compile_cache=folder),
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        for told in map(json.loads, done.stdout.splitlines()):
            findings = [Finding(**one) for one in told["findings"]]
            found[told["precision"], framework, told["fault"]] = findings
    return found


@pytest.fixture(scope="module")
def findings(judged):
    """What the judge finds in fp32, by the name of the fault and of the framework that has it."""
    return {
        f"{fault or 'none'} ({framework})": found
        for (precision, framework, fault), found in judged.items()
        if precision == "fp32"
    }


@pytest.fixture(scope="module")
def caught(findings):
    """The checks that fail, by fault."""
    return {
        fault: list(dict.fromkeys(finding.check for finding in judged if not finding.holds))
        for fault, judged in findings.items()
    }


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_correct_code_passes_every_check(caught, framework):
    assert caught[f"none ({framework})"] == []


@pytest.mark.parametrize("fault", ASKED_FOR)
def test_a_planted_fault_is_caught(caught, fault):
    assert caught[f"{fault} (pytorch)"]


def test_every_planted_fault_is_caught(caught, capsys):
    faults = {fault: checks for fault, checks in caught.items() if not fault.startswith("none")}
    with capsys.disabled():
        width = max(map(len, faults))
        sys.stdout.write(f"\n{'fault':{width}}  caught by\n")
        for fault, checks in faults.items():
            sys.stdout.write(f"{fault:{width}}  {', '.join(checks) or 'NOTHING'}\n")
    assert [fault for fault, checks in faults.items() if not checks] == []


@pytest.mark.parametrize("check", CHECKS_OF_THE_CASE)
def test_every_check_is_the_first_to_name_some_fault(caught, check):
    first = Counter(checks[0] for checks in caught.values() if checks)
    assert first[check]


def test_faults_that_only_several_layers_can_have_are_caught_by_the_timed_steps_or_the_layers_own_draws(
    hidden, caught
):
    if hidden == USUAL:
        pytest.skip("one hidden layer has none of them")
    for fault, check in (
        ("second activation left out in timed trials", "timed step"),
        ("second dropout left out in timed trials", "dropout"),
        ("both layers drop the same", "timed step"),
    ):
        assert check in caught[f"{fault} (pytorch)"]


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_sixteen_bits_pass_every_check_and_their_own_faults_fail(judged, precision):
    caught = {
        (framework, fault): [one.check for one in found if not one.holds]
        for (of, framework, fault), found in judged.items()
        if of == precision
    }
    assert [caught.pop((framework, None)) for framework in FRAMEWORKS] == [[], []]
    for of, fault, check in NARROW:
        if of == precision:
            assert check in caught.pop((PYTORCH, fault))
    assert caught == {}


def test_a_failure_names_both_values(findings):
    wrong_rate = findings["learning rate 1 % off (pytorch)"]
    (failed,) = [one for one in wrong_rate if one.check == "optimiser" and not one.holds]
    assert failed.sentence.startswith("learning_rate: 0.00101")
    assert "asked 0.001" in failed.sentence


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_steps_of_correct_code_stay_far_below_their_bounds(hidden, findings, framework):
    """Weights twentyfold: another machine's rounding must raise no alarm."""
    steps = [one for one in findings[f"none ({framework})"] if one.check.startswith("steps")]
    parameters = 2 * len(hidden.split("x")) + 2
    assert len(steps) == 2 * (1 + 2 * parameters)
    assert max(one.difference / one.bound for one in steps) < 1 / 10
    weights = [one for one in steps if one.quantity.startswith("weights")]
    assert max(one.difference / one.bound for one in weights) < 1 / 20
