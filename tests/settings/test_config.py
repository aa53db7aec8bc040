"""Options, environment, file and presets: who wins, and what a bad value is told."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.errors import BadOption
from harness.measure import host
from harness.settings import config
from harness.work.workload import Dataset, Mode


def resolve(folder, environment=None, **given):
    return config.resolve(given, environment or {}, folder)


def test_lists_take_commas_spaces_or_both_and_drop_repeats(tmp_path):
    settings = resolve(tmp_path, batch_size="32, 256 32", mode="loop,eager")
    assert settings.batch_size == (32, 256)
    assert settings.mode == (Mode.LOOP, Mode.EAGER)


def test_hidden_layers_are_widths_joined_by_x_and_networks_are_a_list(tmp_path):
    assert resolve(tmp_path).hidden == ((128,),)
    assert resolve(tmp_path, hidden="32, 512x256 32").hidden == ((32,), (512, 256))
    (tmp_path / "harness.toml").write_text('hidden = [64, "512x512"]\n')
    settings = resolve(tmp_path)
    assert settings.hidden == ((64,), (512, 512))
    assert resolve(tmp_path, {"HARNESS_HIDDEN": "16"}).hidden == ((16,),)
    assert config.restored(json.loads(json.dumps(asdict(settings), default=str))) == settings


@pytest.mark.parametrize("text", ["0", "512x", "x512", "16385", "2x" * 8 + "2", "wide", "", "512X512", "-3"])
def test_what_are_no_hidden_layers_is_named_with_what_is_allowed(tmp_path, text):
    with pytest.raises(BadOption, match=f"HIDDEN={text}: not allowed; use 1 to 8 widths from 1 to 16384"):
        resolve(tmp_path, hidden=text)


def test_the_command_line_beats_the_environment_beats_the_file_beats_the_preset(tmp_path):
    (tmp_path / "harness.toml").write_text('epochs = [2, 3]\nseed = 5\npreset = "smoke"\n')
    environment = {"HARNESS_SEED": "6", "HARNESS_DATASET": "synthetic"}
    settings = resolve(tmp_path, environment, dataset="fashion-mnist")
    assert settings.dataset is Dataset.FASHION_MNIST
    assert settings.seed == 6
    assert settings.epochs == (2, 3)
    assert settings.train_samples == 6000


def test_a_preset_is_only_a_default(tmp_path):
    assert resolve(tmp_path, preset="smoke", epochs="4").epochs == (4,)


def test_shares_are_percentages_or_fractions(tmp_path):
    assert resolve(tmp_path, within="1.5%").within == pytest.approx(0.015)
    assert resolve(tmp_path, within="0.015").within == pytest.approx(0.015)
    assert resolve(tmp_path, planted="0%, 5%").planted == (0.0, 0.05)


def test_variables_to_pass_are_names_each_once(tmp_path):
    (tmp_path / "harness.toml").write_text('pass_env = ["XLA_FLAGS", "LD_PRELOAD"]\n')
    assert resolve(tmp_path).pass_env == ("XLA_FLAGS", "LD_PRELOAD")
    assert resolve(tmp_path, {"HARNESS_PASS_ENV": "A B,A"}).pass_env == ("A", "B")
    assert resolve(tmp_path, pass_env="PYTHONPATH").pass_env == ("PYTHONPATH",)
    (tmp_path / "harness.toml").unlink()
    assert resolve(tmp_path).pass_env == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("XLA_FLAGS,1X", "PASS_ENV=1X: not allowed; use names of variables, without values"),
        ("DB=hunter2", "PASS_ENV=DB=...: not allowed; use names of variables, without values"),
        (
            "OMP_NUM_THREADS",
            "PASS_ENV=OMP_NUM_THREADS: not allowed; use a variable that the harness does not",
        ),
        ("KERAS_HOME", "PASS_ENV=KERAS_HOME: not allowed; use a variable that the harness does not"),
        ("TF_VAR_db_pass", "PASS_ENV=TF_VAR_db_pass: not allowed; use a name that holds no secret"),
    ],
)
def test_a_variable_that_cannot_be_passed_is_named_with_what_can(tmp_path, text, said):
    with pytest.raises(BadOption, match=re.escape(said)):
        resolve(tmp_path, pass_env=text)


def test_auto_leaves_a_core_free(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "usable_cores", lambda: 8)
    assert resolve(tmp_path).threads == 7
    monkeypatch.setattr(host, "usable_cores", lambda: 1)
    assert resolve(tmp_path).threads == 1


def test_auto_shares_the_cores_out_among_as_many_workers_as_there_will_be(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "usable_cores", lambda: 9)
    assert resolve(tmp_path, workers="1,4").threads == 2
    assert resolve(tmp_path, workers="1,4", threads="8").threads == 8
    monkeypatch.setattr(host, "usable_cores", lambda: 2)
    assert resolve(tmp_path, workers="2").threads == 1


@pytest.mark.parametrize(
    ("option", "value", "label"),
    [
        ("batch_size", "abc", "BATCH=abc"),
        ("batch_size", "0", "BATCH=0"),
        ("batch_size", " ", "BATCH= "),
        ("epochs", "1,-2", "EPOCHS=1,-2"),
        ("mode", "fast", "MODE=fast"),
        ("precision", "fp32,fp8", "PRECISION=fp32,fp8"),
        ("precision", "2%", "PRECISION=2%"),
        ("device", "tpu", "DEVICE=tpu"),
        ("device", "cuda:x", "DEVICE=cuda:x"),
        ("dataset", "mnist,synthetic", "DATASET=mnist,synthetic"),
        ("preset", "huge", "PRESET=huge"),
        ("seed", "-1", "SEED=-1"),
        ("threads", "1000000", "THREADS=1000000"),
        ("budget_s", "nan", "BUDGET=nan"),
        ("within", "0%", "WITHIN=0%"),
        ("within", "2", "WITHIN=2"),
        ("within", "two", "WITHIN=two"),
        ("round_s", "0", "ROUND=0"),
        ("planted", "-1%", "PLANTED=-1%"),
        ("planted", "100%", "PLANTED=100%"),
        ("tries", "x", "TRIES=x"),
        ("budget_s", "0", "BUDGET=0"),
        ("timeout_s", "soon", "TIMEOUT=soon"),
        ("replicates", "2.5", "REPLICATES=2.5"),
    ],
)
def test_a_bad_value_is_named_in_one_line_with_what_is_allowed(tmp_path, option, value, label):
    with pytest.raises(BadOption, match=re.escape(label) + ": not allowed; use ") as caught:
        resolve(tmp_path, **{option: value})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_unknown_key_in_the_file_is_named(tmp_path):
    (tmp_path / "harness.toml").write_text("batchsize = 3\n")
    with pytest.raises(BadOption, match="batchsize"):
        resolve(tmp_path)


def test_a_file_that_is_not_toml_is_named(tmp_path):
    (tmp_path / "harness.toml").write_text("epochs = [1,\n")
    with pytest.raises(BadOption, match=r"harness\.toml"):
        resolve(tmp_path)


@pytest.mark.parametrize(
    ("option", "label"),
    [("batch_size", "BATCH=128"), ("eval_batch_size", "EVAL_BATCH=128"), ("hidden", "HIDDEN=128")],
)
def test_a_size_for_the_articles_listings_alone_is_refused(tmp_path, option, label):
    with pytest.raises(BadOption, match=f"{label}: not allowed; use no "):
        resolve(tmp_path, mode="article", **{option: "128"})
    assert resolve(tmp_path, mode="loop,article", **{option: "128"})


@pytest.mark.parametrize("option", ["results", "reports", "data_dir"])
def test_a_home_folder_is_put_in_full_wherever_a_path_comes_from(tmp_path, monkeypatch, option):
    monkeypatch.setenv("HOME", "/home/somebody")
    file = tmp_path / "folder"
    file.mkdir()
    (file / "harness.toml").write_text(f'{option} = "~/bench"\n')
    ways = (
        resolve(tmp_path, **{option: "~/bench"}),
        resolve(tmp_path, {f"HARNESS_{option.upper()}": "~/bench"}),
        resolve(file),
    )
    assert {getattr(settings, option) for settings in ways} == {Path("/home/somebody/bench")}


def test_a_home_that_nobody_has_is_refused(tmp_path):
    with pytest.raises(
        BadOption, match=r"RESULTS=~no-such-user/x: not allowed; use a path; there is no such"
    ):
        resolve(tmp_path, results="~no-such-user/x")


@pytest.mark.parametrize("option", ["results", "reports", "data_dir"])
@pytest.mark.parametrize("typed", [os.fsdecode(b"/tmp/r\xe9s"), "/tmp/a\0b"])
def test_a_path_that_parquet_and_pages_cannot_hold_is_refused_in_words_that_can_be_printed(
    tmp_path, option, typed
):
    with pytest.raises(BadOption, match="use a path that is text in UTF-8") as refused:
        resolve(tmp_path, **{option: typed})
    assert str(refused.value).encode().decode().isprintable()
