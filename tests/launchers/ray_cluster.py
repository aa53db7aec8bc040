"""A real Ray on this machine, for as long as a block lasts: a head and two nodes, or one node alone.

Of two, each has an address, a host name, process numbers and a place for the lock of its own. Killed,
it goes with all that runs on it, as a host without power.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from harness.measure.alone import PLACE_VARIABLE
from tests.processes import ended, until

NODES = ("node1", "node2")

_BRIDGE = "evenmatch0"
_NETWORK = "10.77.91"
_HEAD = f"{_NETWORK}.254"
_PORT = 6391

_RAY = (sys.executable, "-m", "ray.scripts.scripts")
_SMALL = ("--num-cpus=1", "--disable-usage-stats", "--object-store-memory=80000000")
_PLACE = '{"evenmatch": 1}'


def why_not():
    """Why there can be none here; None where it can."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "setpriv"))):
        return "only root, with iproute2 and util-linux, can make nodes of Ray with addresses of their own"
    made = subprocess.run(["ip", "link", "add", _BRIDGE, "type", "bridge"], check=False, capture_output=True)
    if made.returncode != 0:
        return f"no bridge can be made here ({made.stderr.decode().strip()})"
    _gone(_BRIDGE)
    return None


class Cluster:
    """`environment` is what a driver needs; `kill` takes a node away."""

    def __init__(self, folder, stack, environment):
        self.environment = environment
        self._folder = folder
        self._stack = stack
        self._nodes = {}

    @property
    def address(self):
        """Where the head is reached, as it said; None until it has."""
        said = re.search(r"--address='([^']+)'", (self._folder / "head.out").read_text())
        return said and said[1]

    def start_head(self, *options):
        self._begin(
            "head", *_RAY, "start", "--head", "--block", "--include-dashboard=false",
            f"--temp-dir={self._folder / 'ray'}", *_SMALL, *options,
        )  # fmt: skip

    def start(self, node):
        number = NODES.index(node) + 1
        inside = " && ".join([
            f"hostname {node}", "mount -t tmpfs tmpfs /dev/shm", "ip link set lo up",
            "while ! ip link show eth0 >/dev/null 2>&1; do sleep 0.1; done",
            f"ip address add {_NETWORK}.{number}/24 dev eth0", "ip link set eth0 up",
            " ".join(["exec", *_RAY, "start", "--block", f"--address={self.address}",
                      f"--node-ip-address={_NETWORK}.{number}", *_SMALL, f"--resources='{_PLACE}'"]),
        ])  # fmt: skip
        process = self._nodes[node] = self._begin(
            node, "unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
            "sh", "-c", inside,
        )  # fmt: skip
        outer = f"em{number}"
        _ip("link", "add", outer, "type", "veth", "peer", "name", f"{outer}p")
        self._stack.callback(_gone, outer)
        _ip("link", "set", outer, "master", _BRIDGE, "up")
        until(lambda: _child(process.pid), within_s=300)
        _ip("link", "set", f"{outer}p", "netns", str(_child(process.pid)), "name", "eth0")

    def kill(self, node):
        """Without a word, as when the power goes."""
        self._nodes[node].kill()
        self._nodes[node].wait()

    def has_places(self, count):
        """Whether so many nodes have joined."""
        code = (
            "import ray; ray.init(address='auto', logging_level='ERROR');"
            "print(ray.cluster_resources().get('evenmatch'))"
        )
        try:
            done = subprocess.run(
                [sys.executable, "-c", code.replace("auto", self.address)],
                env=os.environ | self.environment, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
        return done.stdout.strip() == str(float(count) if count else None)

    def _begin(self, name, *command):
        output = self._stack.enter_context((self._folder / f"{name}.out").open("ab"))
        process = subprocess.Popen(
            # Should the tests be killed, nothing is left behind.
            ("setpriv", "--pdeathsig", "KILL", *command),
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True,
            # Each node has a place for the machine's lock of its own.
            env={name: value for name, value in os.environ.items() if name != PLACE_VARIABLE}
            | self.environment,
        )  # fmt: skip
        self._stack.callback(ended, process)
        return process


@contextmanager
def cluster(folder, **environment):
    """A head and two nodes that have joined it, in a folder of their own with a short name."""
    with _begun(folder, environment) as (made, stack):
        _ip("link", "add", _BRIDGE, "type", "bridge")
        stack.callback(_gone, _BRIDGE)
        _ip("address", "add", f"{_HEAD}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        made.start_head(f"--node-ip-address={_HEAD}", f"--port={_PORT}")
        until(lambda: made.address, within_s=300)
        # One after the other: they share a folder for their sockets.
        for count, node in enumerate(NODES):
            until(lambda count=count: made.has_places(count), within_s=300)
            made.start(node)
        until(lambda: made.has_places(len(NODES)), within_s=300)
        yield made


@contextmanager
def alone(folder, **environment):
    """One host that is head and node, as anybody may have it, root or not; else as `cluster`."""
    with _begun(folder, environment | {PLACE_VARIABLE: str(folder)}) as (made, _):
        made.start_head("--port=0", f"--resources={_PLACE}")
        until(lambda: made.address, within_s=300)
        until(lambda: made.has_places(1), within_s=300)
        yield made


@contextmanager
def _begun(folder, environment):
    """A cluster that asks for a token, of which nothing has been started."""
    with ExitStack() as stack:
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)} | environment
        yield Cluster(folder, stack, own), stack


def _child(pid):
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return None


def _gone(link):
    """Remove a link, if its other end has not gone already."""
    subprocess.run(["ip", "link", "delete", link], check=False, capture_output=True)


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)
