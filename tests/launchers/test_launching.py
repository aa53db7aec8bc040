"""What a driver does with a fleet that loses, refuses and delays shards; each is a folder and a note here."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.launchers import notes, registry
from harness.launchers.notes import Note
from harness.launchers.record import Seen, Standing
from harness.sessions import launching
from harness.sessions.launching import Orders, State, launch
from harness.sessions.sharding import Planned
from harness.settings.sharding import Shard
from harness.store.progress import Progress

RUNNING, GONE, WAITING = (Seen(standing=one) for one in (Standing.RUNNING, Standing.GONE, Standing.WAITING))


class Fleet:
    """Plays what each sending of a shard is to come to, one act a look."""

    def __init__(self, output, plays):
        self.output = output
        self.plays = {number: iter(acts) for number, acts in plays.items()}
        self.sent, self.recalled, self.shunned = [], [], []
        self.finished = set()
        self._now = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def send(self, tasks, *, shunned):
        self.shunned.append(shunned)
        for task in tasks:
            sending = int(task.command[task.command.index("harness.launchers.attempt") + 3])
            self.sent.append((task.number, sending))
            self._now[task.number] = (sending, iter(next(self.plays[task.number])))

    def look(self):
        seen = {}
        for number, (sending, acts) in self._now.items():
            act = next(acts)
            if isinstance(act, dict):
                self._note(number, sending, act)
                act = GONE
            elif act == "finished":
                self.finished.add(number)
                act = GONE
            if act is not None:
                seen[number] = act
        return seen

    def recall(self, number):
        self.recalled.append(number)
        self._now.pop(number, None)

    def _note(self, number, sending, told):
        folder = notes.folder_of(self.output, number)
        folder.mkdir(parents=True, exist_ok=True)
        note = Note(shard=number, sending=sending, host="node1", pid=1, started_at="20261129T214500")
        notes.write(folder / f"{sending:02d}-x.json", replace(note, **told))


@pytest.fixture
def launched(monkeypatch, tmp_path):
    """Launch shards that come to what is given; the fleet, and how each shard ended."""
    output, clock, happened = tmp_path / "out", [0.0], []

    def run(plays, tries=3):
        fleet = Fleet(output, plays)
        planned = [
            Planned(shard=Shard(plan_id="p", number=n, of=len(plays)), path=tmp_path, matches=4, pass_env=())
            for n in plays
        ]
        monkeypatch.setattr(launching, "read_plan", lambda _: planned)
        monkeypatch.setattr(registry, "opened", lambda *_: fleet)
        monkeypatch.setattr(launching.time, "monotonic", lambda: clock[0])
        monkeypatch.setattr(launching.time, "sleep", lambda s: clock.__setitem__(0, clock[0] + s))
        monkeypatch.setattr(
            launching,
            "_progress",
            lambda _, charge: Progress(matches=0, is_finished=charge.number in fleet.finished),
        )
        observer = SimpleNamespace(looked=lambda _: None, happened=lambda one, what: happened.append(what))
        orders = Orders(
            plan=tmp_path, output=output, launcher=registry.record("local"), settings=None, tries=tries,
            silent_s=100, data_dir=None,
        )  # fmt: skip
        done = launch(orders, tmp_path / "results", observer)
        return fleet, {one.number: one.state for one in done.charges}, happened

    return run


ENDED = {"ended_at": "20261129T220000"}


def test_one_failed_shard_leaves_the_others_alone(launched):
    refused = {"status": 2, **ENDED}
    fleet, ended, happened = launched({1: [[refused]], 2: [[WAITING, RUNNING, RUNNING, "finished"]]})
    assert ended == {1: State.GIVEN_UP, 2: State.FINISHED}
    assert fleet.sent == [(1, 1), (2, 1)]
    assert happened == ["given up: exit status 2"]


def test_what_dies_is_sent_again_but_not_for_ever(launched):
    killed = [RUNNING, {"status": -9, **ENDED}]
    fleet, ended, _ = launched({1: [killed, killed, killed]})
    assert ended == {1: State.GIVEN_UP}
    assert fleet.sent == [(1, 1), (1, 2), (1, 3)]


def test_preemptions_are_no_tries(launched):
    preempted = [RUNNING, Seen(standing=Standing.PREEMPTED)]
    fleet, ended, _ = launched({1: [preempted] * 5 + [["finished"]]}, tries=1)
    assert ended == {1: State.FINISHED}
    assert len(fleet.sent) == 6


def test_a_host_that_falls_silent_is_recalled_and_shunned_within_the_time_stated(launched):
    silent = [Seen(standing=Standing.RUNNING, host="node1")] * 1000
    fleet, ended, happened = launched({1: [silent, ["finished"]]})
    assert ended == {1: State.FINISHED}
    assert fleet.recalled == [1]
    assert fleet.shunned == [frozenset(), frozenset({"node1"})]
    assert happened[0].startswith("no sign of life of node1 for 10")


def test_an_engine_that_cannot_tell_is_waited_for_as_long_as_notes_may_be_silent(launched):
    fleet, ended, _ = launched({1: [[RUNNING, None, None, None, "finished"]]})
    assert ended == {1: State.FINISHED}
    assert fleet.recalled == []
