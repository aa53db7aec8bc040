"""The power may go at any moment: what is on the disk by then is readable, and the run goes on from there."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.sessions import bench, resuming
from harness.sessions.proven import identities
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.presets import FRAMEWORKS
from harness.store.earlier import Measured
from harness.store.inspection import inspect
from harness.store.reader import read, run_ids
from harness.store.writer import Store
from tests.engine.test_runner import Silent

pytestmark = pytest.mark.slow

ASKED = {
    "dataset": "synthetic", "batch_size": "500", "train_samples": "1000", "epochs": "1", "replicates": "2",
    "at_best": "no", "budget_s": "600",
}  # fmt: skip


class Disk:
    """Keeps in its order what changes which names a disk knows, with what their files hold by then."""

    def __init__(self, folder):
        self.folder = folder
        self.changes = []
        self._settled = set()

    def watch(self, monkeypatch):
        replace_, unlink, fsync = Path.replace, Path.unlink, os.fsync

        def replaced(path, target):
            # Without that its name might be on the disk before its content.
            assert path.stat().st_ino in self._settled, path
            self.changes.append((Path(target).relative_to(self.folder), path.read_bytes()))
            return replace_(path, target)

        def unlinked(path, missing_ok=False):  # noqa: FBT002  (the signature that it stands for)
            if path.exists() and not path.name.startswith("."):
                self.changes.append((path.relative_to(self.folder), None))
            return unlink(path, missing_ok=missing_ok)

        def synced(descriptor):
            self._settled.add(os.fstat(descriptor).st_ino)
            return fsync(descriptor)

        monkeypatch.setattr(Path, "replace", replaced)
        monkeypatch.setattr(Path, "unlink", unlinked)
        monkeypatch.setattr(os, "fsync", synced)

    def as_after(self, changes, folder):
        """The disk as it was after so many changes."""
        shutil.rmtree(folder, ignore_errors=True)
        Store(folder).prepare()
        for name, content in self.changes[:changes]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(content)


@pytest.fixture
def run(tmp_path, synthetic_root, fork_servers, forked_matches, monkeypatch):
    """Measure the plan into a folder, from its beginning or what is missing."""
    for framework in FRAMEWORKS:
        monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework.upper()}", "harness.frameworks.scripted")
        monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework.upper()}", json.dumps({}))
    asked = config.resolve(ASKED | {"reports": str(tmp_path / "reports")}, {}, tmp_path)

    def measure(folder, name=None):
        settings = replace(asked, results=folder)
        unfinished = None if name is None else resuming.find(name, settings)
        planned = plan(settings if unfinished is None else unfinished.settings)
        Store(folder).prepare()
        (case,) = planned.cases
        ids = identities(planned)
        proofs = pd.DataFrame(
            {"case_id": case.id, "framework": name, "certificate_id": ids[case.id, name], "holds": True}
            for name in FRAMEWORKS
        ).assign(failed_check=None, reason=None)
        return bench.bench(
            planned, synthetic_root, proofs, command="harness bench", servers=fork_servers, observer=Silent(),
            unfinished=unfinished,
        )  # fmt: skip

    return measure


def test_after_every_change_the_folder_can_be_read_and_holds_what_was_measured_once(
    run, tmp_path, monkeypatch
):
    disk = Disk(tmp_path / "results")
    with monkeypatch.context() as watching:
        disk.watch(watching)
        whole = run(disk.folder)
    planned = set(pd.read_parquet(disk.folder / "plans")["match_id"])
    assert len(disk.changes) > 3 * len(planned)
    there = tmp_path / "there"
    counts = []
    for changes in range(len(disk.changes) + 1):
        disk.as_after(changes, there)
        # Certificates are those of a fixture, which has not stored them.
        harm = [one.says for one in inspect(there) if one.is_harm and "certificate" not in one.says]
        assert harm == [], changes
        if not run_ids(there):
            continue
        measured = Measured(there, whole.run_id)
        counts.append(measured.matches)
        frames = read(there)
        assert frames.trials["trial_id"].is_unique
    # What is there is never less than it was.
    assert counts == sorted(counts)
    assert counts[-1] == len(planned)

    # From some of them it goes on to what it would have been.
    for changes in (3, len(disk.changes) // 3, len(disk.changes) // 2, len(disk.changes) - 3):
        disk.as_after(changes, there)
        done = run(there, whole.run_id)
        assert done.outcome.status == "finished"
        trials = pd.read_parquet(there / "trials")
        assert set(trials["match_id"]) == planned
        assert set(Counter(trials["trial_id"]).values()) == {1}
