"""`harness`, and pytest, as a process of its own that need not import everything first.

Of a small command's ten seconds five are imports of pandas, SciPy and seaborn. Here a process that has
imported what commands do forks them, with the arguments, folder, environment, output and exit status of a
command that a shell has begun. What a process reads only as it begins is that of its fork server.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.engine.conditions import Conditions
from harness.work.records import Role

ROOT = Path(__file__).parents[1]

# Read as a process begins: by the loader, by Python, by matplotlib's import, by the first temporary file.
_READ_EARLY = ("LD_", "PYTHON", "MPL", "TMPDIR", "LANG", "LC_")

# These stand in for a framework, and do in a forked process what they do in a fresh one.
_SCRIPTED = "harness.frameworks.scripted"

_IMPORTED = (
    "harness.cli",
    "harness.sessions.bench",
    "harness.sessions.selfcheck",
    "harness.report.pages.summary",
)


class Commands:
    """A fork server for each kind of beginning that commands are asked for with, until it is closed."""

    def __init__(self):
        self._servers = {}
        self._open = ExitStack()

    def run(self, *arguments, cwd, env, timeout, module="harness"):
        """What `subprocess.run` gives of `python -m MODULE`, with its output as text.

        Raises:
            subprocess.TimeoutExpired: it has not ended within `timeout` seconds.
        """
        early = {name: value for name, value in env.items() if name.startswith(_READ_EARLY)}
        key = tuple(sorted(early.items()))
        if key not in self._servers:
            self._servers[key] = self._open.enter_context(_Server(env))
        server = self._servers[key]
        try:
            return server.run([module, *map(os.fsdecode, arguments)], str(cwd), env, timeout)
        except subprocess.TimeoutExpired:
            del self._servers[key]
            raise

    def close(self):
        self._open.close()


class _Server:
    def __init__(self, env):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands"], cwd=ROOT, env=env, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, command, cwd, env, timeout):
        with TemporaryDirectory() as folder:
            said, errors = Path(folder) / "stdout", Path(folder) / "stderr"
            asked = {"command": command, "cwd": cwd, "env": env, "said": str(said), "errors": str(errors)}
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            if not select.select([self._process.stdout], [], [], timeout)[0]:
                os.killpg(self._process.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, timeout)
            status = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(command, status, said.read_text(), errors.read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._process:
            pass


def main():
    for name in _IMPORTED:
        importlib.import_module(name)
    # No collection in a command writes to what it shares with the others.
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            # Ends as a process of its own would, through the interpreter's own end.
            _command(asked)
            return
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


def _command(asked):
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    for descriptor, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, asked["said"], os.O_WRONLY | os.O_CREAT),
        (2, asked["errors"], os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    stand_in = [asked["env"].get(f"EVENMATCH_ADAPTER_{name}") for name in ("TENSORFLOW", "PYTORCH")]
    if stand_in == [_SCRIPTED] * 2:
        fork_all_roles()
    # As `python -m` has it: the working folder comes first.
    sys.path[0] = asked["cwd"]
    sys.argv = asked["command"]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def fork_all_roles(put=setattr):
    """Have the workers of every match forked, those of replicates too; `put` is as `setattr`."""
    of = Conditions.of
    put(Conditions, "of", lambda *given, **more: replace(of(*given, **more), forked=frozenset(Role)))


if __name__ == "__main__":
    main()
