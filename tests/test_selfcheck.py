"""`harness selfcheck` as a user meets it: a folder that can be sent, a page, and the exit status."""

from __future__ import annotations

import json

import pytest

from tests.test_cli import harness  # noqa: F401  (a fixture)
from tests.test_cuda import WITHOUT

pytestmark = pytest.mark.slow

ACTING = {
    f"EVENMATCH_ADAPTER_{framework}": "tests.engine.selfchecking.acting"
    for framework in ("TENSORFLOW", "PYTORCH")
}


@pytest.fixture
def selfcheck(harness, synthetic_root):  # noqa: F811
    def run(*arguments, **environment):
        cached = {"XDG_CACHE_HOME": str(synthetic_root.parent)}
        return harness("selfcheck", "--threads", "1", *arguments, **ACTING, **cached, **environment)

    return run


def left_in(folder):
    (kept,) = (folder / "results" / "selfcheck").iterdir()
    return kept, json.loads((kept / "selfcheck.json").read_text())


def test_all_that_was_found_lies_in_one_folder(selfcheck, tmp_path):
    done = selfcheck("--steps", "ways,driver,installed")
    assert done.returncode == 0, done.stderr
    kept, document = left_in(tmp_path)
    assert {path.name for path in kept.iterdir()} == {"selfcheck.html", "selfcheck.json", "logs"}
    assert [(one["name"], one["outcome"]["state"]) for one in document["steps"]] == [
        ("installed", "pass"),
        ("driver", "could not"),
        ("ways", "pass"),
    ]
    assert document["machine"]["python_version"]
    assert "could not: no GPU" in done.stdout
    assert str(kept.relative_to(tmp_path)) in done.stdout
    assert "nothing failed" in (kept / "selfcheck.html").read_text().lower()


def test_a_failed_step_ends_with_status_1_and_leaves_the_others_their_turn(selfcheck, tmp_path):
    done = selfcheck("--steps", "installed,ways", EVENMATCH_FAULT="another loss")
    assert done.returncode == 1
    kept, document = left_in(tmp_path)
    assert [one["outcome"]["state"] for one in document["steps"]] == ["pass", "fail"]
    assert "1 step failed" in (kept / "selfcheck.html").read_text()


@pytest.mark.parametrize(("missing", "left"), [("tensorflow", "pytorch"), ("torch", "tensorflow")])
def test_with_one_framework_missing_the_other_stands_in_both_places(selfcheck, tmp_path, missing, left):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT.format(missing=missing))
    path = f"{tmp_path}:{__file__.rpartition('/tests/')[0]}"
    done = selfcheck("--steps", "installed,ways,paired", PYTHONPATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    kept, document = left_in(tmp_path)
    assert document["frameworks"] == [left]
    assert "is not installed, so that the other stands in both places" in done.stdout.replace("\n", " ")
    assert not [log for log in (kept / "logs").iterdir() if left not in log.name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--steps", "clocks,moons"), "STEPS=clocks,moons: not allowed; use installed, driver, clocks"),
        (("--device", "cpu cuda"), "DEVICE=cpu,cuda: not allowed; use one device"),
        (("--budget", "soon"), "BUDGET=soon: not allowed"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_status_2(selfcheck, tmp_path, arguments, said):
    done = selfcheck(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "results").exists()


def test_a_driver_that_refuses_is_what_the_page_says(selfcheck, nvml_stub, tmp_path):
    stub = {"LD_LIBRARY_PATH": str(nvml_stub), "NVML_STUB_FAIL": "9"}
    done = selfcheck("--device", "cuda", "--steps", "installed,energy", **stub)
    assert done.returncode == 1
    _, document = left_in(tmp_path)
    installed, energy = (one["outcome"] for one in document["steps"])
    assert "NVML: no answer from NVML: Driver Not Loaded" in installed["sentence"]
    assert (energy["state"], energy["sentence"]) == (
        "could not",
        "could not: no answer from NVML: Driver Not Loaded",
    )


def test_a_gpu_that_is_not_there_is_one_line_and_status_2(selfcheck, nvml_stub, tmp_path):
    done = selfcheck("--device", "cuda:7", "--steps", "energy", LD_LIBRARY_PATH=str(nvml_stub))
    assert done.returncode == 2
    assert "DEVICE=cuda:7: is none of the visible GPUs" in done.stderr
    assert not (tmp_path / "results").exists()
