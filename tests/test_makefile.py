"""The Makefile, with interpreters that only write down what they were asked: nothing is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import typer.main

from harness import cli

TESTED = [
    "-m",
    "pytest",
    "-n",
    "auto",
    "--maxprocesses",
    "4",
    "--dist",
    "loadfile",
    "--no-loadscope-reorder",
]

REPOSITORY = Path(__file__).parents[1]
LOCKS = ("requirements-setup.lock", "requirements.lock", "requirements-cuda.lock")
ENGINE_LOCKS = ("requirements-slurm.lock", "requirements-ray.lock")
JAX_LOCKS = ("requirements-jax.lock", "requirements-jax-cuda.lock")

# Stands for python3, for .venv/bin/python and for .venv/bin/uv: logs its arguments, makes what the real
# one would make, and fails where $FAIL says.
FAKE = """\
#!/bin/sh
{ printf '%s' "${0##*/}"; for word; do printf '|%s' "$word"; done; echo; } >> "$LOG"
[ -z "$SURROUNDINGS" ] || { echo "${0##*/} $2 $3"; env; } >> "$SURROUNDINGS"
case "$*" in
  *"${FAIL:-nothing fails}"*) exit 1 ;;
  *'-m venv'*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *'-m pip install'*) cp "$0" .venv/bin/uv ;;
  *'-m pip config list'*) printf '%s' "$PIP_SAYS" ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


class Clone:
    """A fresh clone of what the Makefile looks at, on a machine with a fake Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.python = folder / "bin folder" / "python3"
        self.python.parent.mkdir()
        self.python.write_text(FAKE, encoding="utf-8")
        self.python.chmod(0o755)
        for name in ("Makefile", "pyproject.toml", *LOCKS, *JAX_LOCKS, *ENGINE_LOCKS):
            _age(Path(shutil.copy(REPOSITORY / name, folder)), 120)

    def make(
        self, *words: str, path: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run make as a user would, free of what an outer make has put into the environment."""
        path = path or f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["make", *words],
            cwd=self.folder,
            env={"PATH": path, "LOG": str(self.log), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self, *words: str, **environment: str) -> list[list[str]]:
        """The commands that a successful make ran, each as its words."""
        self.log.write_text("", encoding="utf-8")
        done = self.make(*words, **environment)
        assert done.returncode == 0, done.stderr
        said = [line.split("|") for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [command for command in said if command[2:4] != ["pip", "config"]]

    def harness(self, *words: str, **environment: str) -> list[str]:
        """The words after `python -m harness`, with an interpreter that needs no set-up."""
        [[_, module, package, *given]] = self.asked(*words, f"PYTHON={self.python}", **environment)
        assert (module, package) == ("-m", "harness")
        return given

    def lock_files_installed(self, *words: str, **environment: str) -> list[str]:
        known = (*LOCKS, *JAX_LOCKS, *ENGINE_LOCKS)
        return [word for command in self.asked(*words, **environment) for word in command if word in known]

    def change(self, name: str) -> None:
        """Edit a file after everything that was set up so far."""
        for stamp in (self.folder / ".venv").glob(".installed*"):
            _age(stamp, 60)
        (self.folder / name).touch()


def _age(path: Path, by_s: float) -> None:
    then = time.time() - by_s
    os.utime(path, (then, then))


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def options_of(command):
    """The options of a harness command that take a value; a flag is typed, it is no variable of make."""
    parameters = typer.main.get_command(cli.app).commands[command].params
    options = [one for one in parameters if one.param_type_name == "option" and not one.is_flag]
    return {word for one in options for word in one.opts}


def variables_in_help(clone):
    return re.findall(r"^  ([A-Z_]+)  ", clone.make("help").stdout, flags=re.MULTILINE)


def test_make_alone_shows_the_help(clone):
    assert clone.make().stdout == clone.make("help").stdout
    assert {"make bench", "make test"} <= set(re.findall(r"make [a-z]+", clone.make().stdout))


def test_every_target_in_the_help_exists_and_every_public_target_is_in_it(clone):
    shown = set(re.findall(r"^  make ([a-z]+)", clone.make("help").stdout, flags=re.MULTILINE))
    assert shown == {
        *(
            "help",
            "setup",
            "bench",
            "sweep",
            "calibrate",
            "explain",
            "report",
            "data",
            "doctor",
            "selfcheck",
            "test",
            "check",
            "lock",
        ),
        "clean",
    }
    for target in shown:
        assert clone.make("-n", target).returncode == 0


def test_an_option_that_is_not_given_is_not_passed(clone):
    assert clone.harness("bench") == ["bench"]
    assert clone.harness("bench", "BATCH=", DEVICE="") == ["bench"]


def test_every_variable_in_the_help_reaches_an_option_of_a_command(clone):
    variables = [name for name in variables_in_help(clone) if name not in {"PYTHON", "CASES"}]
    reached = set()
    for target in ("bench", "calibrate", "explain", "selfcheck", "report"):
        given = clone.harness(target, *(f"{name}=value-of-{name}" for name in variables))
        assert set(given[1::2]) == options_of(target)
        reached |= set(given[2::2])
    plan, launch = sweeping(clone, *(f"{name}=value-of-{name}" for name in variables))
    assert set(plan[1::2]) == options_of("plan")
    assert set(launch[2::2]) == options_of("launch")
    reached |= {*plan, *launch}
    reached |= {f"value-of-{name}" for name in ("SWEEP",) if f"value-of-{name}/out" in launch}
    assert {f"value-of-{name}" for name in variables} <= reached


def sweeping(clone, *words):
    """What `make sweep` gives to `harness plan` and to `harness launch`."""
    return [words for _, _, _, *words in clone.asked("sweep", *words, f"PYTHON={clone.python}")]


def test_a_sweep_is_planned_once_and_gone_on_with_and_an_engine_has_its_options(clone):
    given = ("LAUNCHER=slurm", "LAUNCHER_OPTIONS=partition=a,b constraint=gpu&fast", "SHARDS=3", "BATCH=64")
    plan, launch = sweeping(clone, *given)
    assert plan == ["plan", "--batch-size", "64", "--shards", "3", "--output", "sweep/plan"]
    options = ["--option", "partition=a,b", "--option", "constraint=gpu&fast"]
    assert launch == ["launch", "sweep/plan", "--launcher", "slurm", "--output", "sweep/out", *options]
    (clone.folder / "sweep" / "plan").mkdir(parents=True)
    assert sweeping(clone, *given) == [launch]
    done = clone.make("sweep", *given, f"PYTHON={clone.python}")
    assert done.stderr == "going on with the plan in sweep/plan; SWEEP=another-folder plans anew\n"


def test_an_engine_is_installed_once_it_is_named(clone):
    assert not set(ENGINE_LOCKS) & set(clone.lock_files_installed("sweep"))
    for engine, lock in (("slurm", "requirements-slurm.lock"), ("ray", "requirements-ray.lock")):
        assert clone.lock_files_installed("sweep", f"LAUNCHER={engine}") == [lock]
        assert clone.lock_files_installed("setup", f"LAUNCHER={engine}") == []


def test_two_cases_reach_explain_as_two_arguments(clone):
    a, b = "tensorflow/mnist-cpu-loop-fp32-b64-e5", "pytorch/mnist-cpu-loop-fp32-b64-e5"
    assert clone.harness("explain", f"CASES={a} {b}", "BUDGET=60") == ["explain", "--budget", "60", a, b]
    assert clone.harness("explain") == ["explain"]


@pytest.mark.parametrize("target", ["report", "data", "doctor"])
def test_the_other_commands_are_given_only_options_that_they_have(clone, target):
    variables = [name for name in variables_in_help(clone) if name != "PYTHON"]
    given = clone.harness(target, *(f"{name}=x" for name in variables))
    assert set(given[1::2]) == options_of(target)


@pytest.mark.parametrize(
    "value", ["32,256", "cpu cuda:0", "two  spaces", "it's", 'say "hi"', "a;b|c&d", "*", "back\\slash", "a=b"]
)
def test_a_value_arrives_as_it_was_typed(clone, value):
    given = clone.harness("bench", f"RESULTS={value}")
    assert "|".join(given) == f"bench|--results|{value}"


def test_a_dollar_sign_is_no_variable_of_make_or_the_shell(clone):
    assert clone.harness("bench", "RESULTS=runs-$HOME-$(PATH)") == [
        "bench",
        "--results",
        "runs-$HOME-$(PATH)",
    ]


def test_variables_may_come_from_the_environment(clone):
    assert clone.harness("bench", BATCH="32,256") == ["bench", "--batch-size", "32,256"]


def test_an_own_interpreter_is_used_without_any_set_up(clone):
    assert clone.asked("test", f"PYTHON={clone.python}") == [["python3", *TESTED]]
    assert clone.asked("setup", "DEVICE=cuda", f"PYTHON={clone.python}") == []
    assert not (clone.folder / ".venv").exists()


@pytest.mark.parametrize("target", ["bench", "report", "data", "doctor", "test", "check"])
def test_a_fresh_clone_sets_itself_up_before_anything_else(clone, target):
    commands = clone.asked(target)
    venv, pip, packages, project, first, *_ = [
        command for command in commands if "-c" not in command[:2] and "--version" not in command
    ]
    assert venv == ["python3", "-m", "venv", ".venv"]
    assert {"--require-hashes", "requirements-setup.lock"} <= set(pip)
    assert packages[0] == "uv"
    assert {"--require-hashes", "--compile-bytecode", "requirements.lock"} <= set(packages)
    assert {"--no-deps", "--no-build-isolation", "--offline", "--editable"} <= set(project)
    assert first[:2] == ["python", "-m"]


def surroundings(clone, **environment):
    """The variables of each program in a set-up, by its name and the words after its first."""
    log = clone.folder / "surroundings"
    clone.asked("setup", SURROUNDINGS=str(log), **environment)
    found, last = {}, {}
    for line in log.read_text(encoding="utf-8").splitlines():
        name, is_variable, value = line.partition("=")
        if is_variable:
            last[name] = value
        elif line:
            last = found[line] = {}
    return found


def test_packages_go_into_the_environment_whatever_the_user_has_pip_do_elsewhere(clone):
    pip = surroundings(clone, PIP_USER="1", PIP_TARGET="/elsewhere", PIP_PREFIX="/elsewhere")[
        "python pip install"
    ]
    assert (pip["PIP_USER"], pip["PIP_TARGET"], pip["PIP_PREFIX"]) == ("0", "", "")


@pytest.mark.parametrize("section", [":env:", "global", "install"])
def test_an_index_that_only_pip_was_told_is_handed_on(clone, section):
    says = f"{section}.cert='/a/bundle.pem'\n{section}.index-url='mirror'\n{section}.extra-index-url='no'\n"
    uv = surroundings(clone, PIP_SAYS=says)["uv install --quiet"]
    assert (uv["UV_DEFAULT_INDEX"], uv["SSL_CERT_FILE"]) == ("mirror", "/a/bundle.pem")


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_an_index_that_uv_was_told_stays(clone, variable):
    uv = surroundings(clone, PIP_SAYS="global.index-url='mirror'\n", **{variable: "own"})[
        "uv install --quiet"
    ]
    assert uv["UV_DEFAULT_INDEX"] == "own"


def test_packages_that_cannot_be_had_say_what_to_set(clone):
    done = clone.make("setup", FAIL="-r requirements.lock")
    assert done.returncode == 2
    assert "is named by UV_DEFAULT_INDEX" in done.stderr


def test_a_second_call_does_no_set_up_work(clone):
    clone.asked("setup")
    assert clone.asked("setup") == []
    assert clone.asked("test") == [["python", *TESTED]]


@pytest.mark.parametrize("step", ["-m venv", "requirements-setup.lock", "requirements.lock", "--editable"])
def test_a_set_up_that_was_cut_short_is_started_afresh(clone, step):
    assert clone.make("setup", FAIL=step).returncode == 2
    (clone.folder / ".venv" / "half-a-package").touch()
    assert clone.lock_files_installed("setup") == ["requirements-setup.lock", "requirements.lock"]
    assert not (clone.folder / ".venv" / "half-a-package").exists()
    assert clone.asked("setup") == []


def test_a_set_up_that_another_make_is_busy_with_is_left_alone(clone):
    (clone.folder / ".venv").mkdir()
    (clone.folder / ".venv" / ".unfinished").write_text(f"{os.getpid()}\n")
    done = clone.make("setup")
    assert done.returncode == 2
    assert done.stderr.startswith("another make is setting up .venv")
    assert (clone.folder / ".venv" / ".unfinished").exists()


def test_the_marker_names_the_make_that_is_at_work(clone):
    seen = clone.folder / "seen"
    clone.python.write_text(f"{FAKE}[ ! -e .venv/.unfinished ] || cat .venv/.unfinished >> '{seen}'\n")
    with subprocess.Popen(
        ["make", "setup", "DEVICE=cuda"],
        cwd=clone.folder,
        env={"PATH": f"{clone.python.parent}{os.pathsep}{os.environ['PATH']}", "LOG": str(clone.log)},
    ) as make:
        pass
    assert set(seen.read_text().split()) == {str(make.pid)}


def test_a_changed_lock_is_installed_once_over_what_is_there(clone):
    clone.asked("setup")
    clone.change("requirements.lock")
    commands = clone.asked("setup")
    assert [word for command in commands for word in command if word in LOCKS] == list(LOCKS[:2])
    assert not any("venv" in command for command in commands)
    assert clone.asked("setup") == []


def test_a_changed_project_file_has_the_project_installed_once_more(clone):
    """Its entry points and its command are then those that are written there."""
    clone.asked("setup")
    clone.change("pyproject.toml")
    assert any("--editable" in command for command in clone.asked("setup"))
    assert clone.asked("setup") == []


def test_a_changed_file_that_is_no_lock_installs_nothing(clone):
    clone.asked("setup")
    clone.change("Makefile")
    assert clone.asked("setup") == []


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "cpu,cuda", "cpu cuda:0", "GPU-8f2c"])
def test_a_cuda_device_adds_the_second_lock_once(clone, device):
    assert clone.lock_files_installed("setup", f"DEVICE={device}") == list(LOCKS)
    assert clone.asked("setup", f"DEVICE={device}") == []


def test_auto_adds_the_second_lock_where_there_is_a_driver_only(clone):
    there = Path("/proc/driver/nvidia/version").exists()
    assert clone.lock_files_installed("setup", "DEVICE=auto") == list(LOCKS if there else LOCKS[:2])


@pytest.mark.parametrize(("driver", "locks"), [("Makefile", LOCKS), ("nothing", LOCKS[:2])])
def test_auto_looks_for_the_driver_where_linux_and_wsl_have_it(clone, driver, locks):
    wsl = "/usr/lib/wsl/lib/libcuda.so.1"
    assert wsl in (clone.folder / "Makefile").read_text(encoding="utf-8")
    assert clone.lock_files_installed("setup", "DEVICE=auto", f"DRIVER={driver}") == list(locks)


@pytest.mark.parametrize(
    ("words", "environment", "file", "locks"),
    [
        ((), {"HARNESS_DEVICE": "cuda:0"}, None, LOCKS),
        ((), {"HARNESS_DEVICE": "cpu"}, 'device = "cuda"\n', LOCKS[:2]),
        (("DEVICE=cpu",), {"HARNESS_DEVICE": "cuda"}, None, LOCKS[:2]),
        (("DEVICE=cuda",), {"HARNESS_DEVICE": "cpu"}, None, LOCKS),
        ((), {}, 'seed = 1\ndevice = "cuda"\n', LOCKS),
        ((), {}, 'device = ["cpu", "GPU-8f2c"]\n', LOCKS),
        ((), {}, 'device = [\n  "cpu",\n  "cuda:1",\n]\n', LOCKS),
        ((), {}, 'device = ["cpu"]  # no cuda yet\npreset = "cuda"\n', LOCKS[:2]),
        ((), {}, 'epochs = 3\n# device = "cuda"\n', LOCKS[:2]),
        (("DRIVER=Makefile",), {}, 'device = "auto"\n', LOCKS),
        (("DRIVER=Makefile",), {"HARNESS_DEVICE": "auto"}, None, LOCKS),
    ],
)
def test_the_second_lock_follows_the_device_that_the_harness_will_take(
    clone, words, environment, file, locks
):
    if file is not None:
        (clone.folder / "harness.toml").write_text(file, encoding="utf-8")
    assert clone.lock_files_installed("setup", *words, **environment) == list(locks)


def test_a_later_call_without_cuda_leaves_the_second_lock_installed(clone):
    clone.asked("setup", "DEVICE=cuda")
    assert clone.asked("setup") == []
    assert clone.asked("setup", "DEVICE=cuda") == []


def test_cuda_libraries_cut_short_are_not_trusted_either(clone):
    clone.asked("setup")
    assert clone.make("setup", "DEVICE=cuda", FAIL="requirements-cuda.lock").returncode == 2
    assert clone.lock_files_installed("setup", "DEVICE=cuda") == list(LOCKS)


def test_cuda_libraries_are_installed_again_after_a_set_up_that_was_cut_short(clone):
    clone.asked("setup", "DEVICE=cuda")
    clone.change("requirements.lock")
    assert clone.make("setup", FAIL="requirements.lock").returncode == 2
    assert clone.lock_files_installed("setup", "DEVICE=cuda") == list(LOCKS)


def test_other_devices_need_no_second_lock(clone):
    assert "requirements-cuda.lock" not in clone.lock_files_installed("setup", "DEVICE=cpu")


@pytest.mark.parametrize(
    ("words", "environment", "file", "asked"),
    [
        (("FRAMEWORKS=tensorflow,pytorch,jax",), {}, None, True),
        (("FRAMEWORKS=jax pytorch",), {"HARNESS_FRAMEWORKS": "tensorflow,pytorch"}, None, True),
        ((), {"HARNESS_FRAMEWORKS": "pytorch,jax"}, None, True),
        ((), {}, 'frameworks = ["tensorflow", "jax"]\n', True),
        ((), {}, 'frameworks = [\n  "jax",\n  "pytorch",\n]\n', True),
        (("FRAMEWORKS=tensorflow,pytorch",), {}, 'frameworks = "pytorch,jax"\n', False),
        ((), {}, 'frameworks = "tensorflow,pytorch"  # or jax\nresults = "jax"\n', False),
        ((), {}, None, False),
    ],
)
def test_jax_is_installed_once_where_it_is_named(clone, words, environment, file, asked):
    if file is not None:
        (clone.folder / "harness.toml").write_text(file, encoding="utf-8")
    wanted = [*LOCKS[:2], *JAX_LOCKS[:asked]]
    assert clone.lock_files_installed("bench", *words, **environment) == wanted
    assert clone.lock_files_installed("bench", *words, **environment) == []


def test_what_jax_needs_on_a_gpu_is_installed_where_both_are_asked_for(clone):
    named = "FRAMEWORKS=pytorch,jax"
    assert set(clone.lock_files_installed("setup", named, "DEVICE=cuda")) == {*LOCKS, *JAX_LOCKS}
    assert clone.asked("setup", named, "DEVICE=cuda") == []


def test_jax_cut_short_is_not_trusted(clone):
    clone.asked("setup")
    assert clone.make("setup", "FRAMEWORKS=jax", FAIL="requirements-jax.lock").returncode == 2
    assert clone.lock_files_installed("setup", "FRAMEWORKS=jax") == [*LOCKS[:2], JAX_LOCKS[0]]


def test_a_changed_lock_of_jax_alone_is_installed_over_what_is_there(clone):
    clone.asked("setup", "FRAMEWORKS=jax")
    clone.change("requirements-jax.lock")
    assert clone.lock_files_installed("setup", "FRAMEWORKS=jax") == ["requirements-jax.lock"]


def test_jaxs_locks_have_nothing_that_an_earlier_one_has():
    environment, jax, cuda = map(names_in, ("requirements.lock", *JAX_LOCKS))
    assert {"jax", "jaxlib", "flax", "optax"} <= jax
    assert "jax-cuda13-plugin" in cuda
    assert not jax & environment
    assert not cuda & (environment | jax)


def test_a_machine_without_a_fitting_python_is_told_what_fits(clone):
    tools = clone.folder / "tools"
    tools.mkdir()
    for name in ("make", "rm", "sh"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = clone.make("setup", path=str(tools))
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "no Python 3.11, 3.12 or 3.13 on PATH; install one, or use PYTHON=/path/to/python"
    )
    assert not (clone.folder / ".venv").exists()


def test_clean_keeps_results_and_reports(clone):
    clone.asked("setup")
    for folder in ("results", "reports"):
        (clone.folder / folder).mkdir()
    assert clone.make("clean").returncode == 0
    assert not (clone.folder / ".venv").exists()
    assert (clone.folder / "results").exists()
    assert (clone.folder / "reports").exists()


@pytest.mark.parametrize("name", [*LOCKS, *JAX_LOCKS, *ENGINE_LOCKS])
def test_a_lock_pins_versions_and_hashes_and_no_address(name):
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    pins = re.findall(
        r"^[a-z0-9][\w.\-\[\],]*==\S+(?: ;.*)? \\\n    --hash=sha256:[0-9a-f]{64}", text, flags=re.MULTILINE
    )
    assert len(pins) == len(re.findall(r"^\w", text, flags=re.MULTILINE))
    assert not re.search(r"://|index|find-links|file:|@", text)


def names_in(lock):
    text = (REPOSITORY / lock).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9][\w.-]*)(?:\[.*\])?==", text, flags=re.MULTILINE))


def test_the_cuda_lock_has_tensorflows_cuda_12_libraries_and_nothing_that_the_environment_has():
    environment, cuda = names_in("requirements.lock"), names_in("requirements-cuda.lock")
    assert {
        "nvidia-cublas-cu12",
        "nvidia-cudnn-cu12",
        "nvidia-cusolver-cu12",
        "nvidia-cuda-nvcc-cu12",
    } <= cuda
    assert not cuda & environment
    assert {name for name in environment | cuda if name.endswith("-cu12")} == cuda


def test_no_step_lays_packages_of_both_cudas_in_one_place(clone):
    """Wheels of CUDA 12 and 13 own files of the same name: nvidia/cudnn/lib/libcudnn.so.9."""
    places = {}
    for command in clone.asked("setup", "DEVICE=cuda"):
        if "install" in command and "uv" in command[0]:
            at = command.index("--target") + 1 if "--target" in command else command.index("--python") + 1
            places.setdefault(command[at], set()).update(set(LOCKS) & set(command))
    assert places == {
        ".venv": {"requirements.lock"},
        ".venv/tensorflow-cuda": {"requirements-cuda.lock"},
    }


def test_a_changed_cuda_lock_leaves_no_library_of_the_old_one(clone):
    clone.asked("setup", "DEVICE=cuda")
    left = clone.folder / ".venv" / "tensorflow-cuda" / "libcublas.so.11"
    left.parent.mkdir()
    left.touch()
    clone.change("requirements-cuda.lock")
    assert clone.lock_files_installed("setup", "DEVICE=cuda") == ["requirements-cuda.lock"]
    assert not left.exists()
