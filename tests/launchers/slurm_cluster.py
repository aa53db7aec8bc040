"""A real SLURM of two nodes on this machine, for as long as a block lasts.

Each node has a host name, process numbers, and a place for the machine's lock of its own, so that the two are
hosts to everything that the harness does. Killed, it goes with all that runs on it, as a host without power.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from contextlib import ExitStack, contextmanager

from tests.processes import ended, until

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "unshare", "setpriv")

NODES = ("node1", "node2")

# How long SLURM takes to call a node down that does not answer: its default, so that the driver is first.
DOWN_S = 300

_CONFIG = """
ClusterName=evenmatch
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdTimeout={down_s}
KillWait=20
MaxArraySize=4
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=node1 NodeHostname=node1 NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus}
NodeName=node2 NodeHostname=node2 NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus}
PartitionName=low Nodes=node1,node2 Default=YES PriorityTier=1 MaxTime=INFINITE
PartitionName=high Nodes=node1,node2 PriorityTier=10 PreemptMode=off
"""


def why_not():
    """Why there can be none here; None where it can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "only root can make nodes of SLURM with host names of their own"
    tried = subprocess.run(
        ["unshare", "--uts", "--mount", "--pid", "--fork", "true"], check=False, capture_output=True
    )
    return None if tried.returncode == 0 else "namespaces cannot be made here"


class Cluster:
    """`environment` is what SLURM's commands need; `kill` takes a node away, `revive` brings it back."""

    def __init__(self, folder, stack):
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._stack = stack
        self._nodes = {}

    def run(self, *command, check=True):
        environment = os.environ | self.environment
        done = subprocess.run(
            command, check=False, env=environment, capture_output=True, text=True, timeout=60
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def revive(self, node):
        locks = "mount -t tmpfs tmpfs /dev/shm"
        self._nodes[node] = self.begin(
            node, "unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
            "sh", "-c", f"hostname {node} && {locks} && exec slurmd -D -N {node}",
        )  # fmt: skip

    def kill(self, node):
        """Without a word, as when the power goes."""
        self._nodes[node].kill()
        self._nodes[node].wait()

    def begin(self, name, *command):
        output = self._stack.enter_context((self.folder / f"{name}.out").open("ab"))
        process = subprocess.Popen(
            # Should the tests be killed, nothing is left behind.
            ("setpriv", "--pdeathsig", "KILL", *command),
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True,
            env=os.environ | self.environment,
        )  # fmt: skip
        self._stack.callback(ended, process)
        return process

    def idle(self, *nodes):
        """Wait until these can be given jobs."""
        asked = ("--partition", "low", "--nodes", ",".join(nodes), "--format", "%t")
        idle = ["idle"] * len(nodes)
        until(
            lambda: self.run("sinfo", "--noheader", "--Node", *asked, check=False).split() == idle,
            within_s=60,
        )


@contextmanager
def cluster(folder):
    """Two nodes that can be given jobs, in a folder of their own with a short name."""
    with ExitStack() as stack:
        (folder / "state").mkdir(parents=True)
        for node in NODES:
            (folder / node).mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        (folder / "slurm.conf").write_text(
            _CONFIG.format(
                host=socket.gethostname(), folder=folder, ports=_free_ports(3), cpus=os.cpu_count(),
                down_s=DOWN_S,
            )
        )  # fmt: skip
        made = Cluster(folder, stack)
        made.begin(
            "munged", "munged", "--foreground", "--force", f"--socket={folder}/munge.sock",
            f"--key-file={key}", f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log",
            f"--seed-file={folder}/munged.seed",
        )  # fmt: skip
        until((folder / "munge.sock").exists, within_s=60)
        made.begin("slurmctld", "slurmctld", "-D")
        for node in NODES:
            made.revive(node)
        made.idle(*NODES)
        yield made


def _free_ports(count):
    with ExitStack() as stack:
        open_ones = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in open_ones:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in open_ones]
