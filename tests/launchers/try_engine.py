"""`python -m tests.launchers.try_engine slurm|ray [scripted|real]`: a plan on two nodes, one of them killed.

40 cases whose times are written down, or 4 of the real frameworks; minutes to a quarter of an hour. Says what
was asked for, what came, and who measured it.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from harness.data import mnist
from harness.work.workload import Dataset
from tests.launchers import ray_cluster, slurm_cluster
from tests.launchers.sweeping import Sweep

CASES = {
    "scripted": ("--batch-size", "10,20,30,40,50,60,70,80,90,100", "--hidden", "4,8,16,32"),
    "real": ("--batch-size", "50,100", "--hidden", "8,16"),
}


def main(engine, kind="scripted"):
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=engine)))
        mnist.locate(Dataset.SYNTHETIC, data_dir=None, cache=folder / "cache")
        if engine == "slurm":
            cluster = stack.enter_context(slurm_cluster.cluster(folder / "engine"))
            options = ("--launcher", "slurm")
        else:
            (folder / "engine").mkdir()
            cluster = stack.enter_context(
                ray_cluster.cluster(folder / "engine", XDG_CACHE_HOME=str(folder / "cache"))
            )
            options = ("--launcher", "ray", "--option", f"address={cluster.address}")
        sweep = Sweep(folder / "sweep", folder / "cache", scripted=kind == "scripted", **cluster.environment)
        sweep.plan(*CASES[kind], "--replicates", "1", shards=4 if kind == "scripted" else 2)
        with sweep.launched(*options, "--silent", "60") as driver:
            sweep.until(lambda: sweep.on_disk("node1") >= 2, driver)
            cluster.kill("node1")
            status = driver.wait()
        trials, runs = sweep.require_whole()
        said = [line for line in sweep.said().splitlines() if line.startswith("shard")]
        print(*said, sep="\n")  # noqa: T201  (this is what it is for)
        print(  # noqa: T201
            f"exit status {status}; {trials['case_id'].nunique()} cases, "
            f"{trials['match_id'].nunique()} matches, none twice; "
            f"trials: {trials['status'].value_counts().to_dict()}; "
            f"shards by host: {runs['hostname'].value_counts().to_dict()}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
