"""Of a run that did not finish it is said why, what there is of it, and what goes on with it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from harness.report.sentences.unfinished import going_on, unfinished


def run(**columns):
    row = {
        "run_id": "20261129T180000-ab12",
        "status": "interrupted",
        "stopped_because": "it was interrupted",
        "trials_ok": 5,
        "trials_failed": 1,
        "trials_planned": 40,
        "command": "harness bench --batch-size 64",
        "config_json": json.dumps({"results": "results"}),
    }
    return pd.DataFrame([row | columns])


def test_it_is_said_why_what_there_is_and_what_goes_on():
    (told,) = unfinished(run())
    assert told == (
        "Run 20261129T180000-ab12 did not finish (it was interrupted): 6 of at most 40 trials are there; "
        "`harness bench --resume 20261129T180000-ab12` goes on."
    )


def test_what_goes_on_finds_the_run_where_it_lies():
    (told,) = unfinished(run(config_json=json.dumps({"results": "/mnt/a sweep"})))
    assert "`harness bench --resume 20261129T180000-ab12 --results '/mnt/a sweep'` goes on" in told


@pytest.mark.parametrize("config", [None, "", "[]", "{}", "[" * 100_000])
def test_a_run_that_does_not_say_where_it_lies_is_taken_to_lie_in_the_usual_folder(config):
    (told,) = unfinished(run(config_json=config))
    assert "--results" not in told


def test_a_run_that_is_being_measured_has_not_failed_to_finish():
    (told,) = unfinished(run(status="running", stopped_because=None))
    assert told == "Run 20261129T180000-ab12 is being measured now: this is what it has so far."


@pytest.mark.parametrize("command", ["harness explain", "pytest benchmarks"])
def test_what_cannot_go_on_is_not_said_to(command):
    (told,) = unfinished(run(command=command))
    assert "goes on" not in told


def test_of_a_run_that_finished_nothing_is_said():
    assert unfinished(run(status="finished")) == ()


def test_the_usual_folders_need_not_be_named_and_others_are():
    run = {"run_id": "r1", "command": "harness bench", "config_json": "{}"}
    assert going_on(run) == "harness bench --resume r1"
    usual = json.dumps({"results": "results", "reports": "reports"})
    assert going_on(run | {"config_json": usual}) == "harness bench --resume r1"
    others = json.dumps({"results": "my results", "reports": "/pages"})
    told = "harness bench --resume r1 --results 'my results' --reports /pages"
    assert going_on(run | {"config_json": others}) == told


def test_a_shard_goes_on_by_the_command_that_publishes_it():
    command = "harness run-shard plan/3.json --output out --publish s3://bucket/sweep"
    assert going_on({"run_id": "r1-s0003", "command": command, "config_json": "{}"}) == command
