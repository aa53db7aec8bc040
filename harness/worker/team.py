"""Several workers that train one model, driven as one adapter: what is asked of it is asked of all of them.

The adapter of each worker has its share of every batch, and joins the others by its framework's own engine
(`distributed` in its folder). Here is what is the same for all frameworks: who is asked, and that all workers
are in one state.

Training is of all. Evaluation and predictions are of the first worker alone: each has the whole model.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.errors import NoEvidence, OtherWork
from harness.frameworks.base import Adapter, Counts, Data, Score
from harness.frameworks.witness import Fact, Moments, Witness
from harness.work import recipe
from harness.work.program import Update
from harness.work.recipe import Floats, Order, Weights
from harness.work.workload import TrialSpec
from harness.worker.holding import data_digest, state_digest
from harness.worker.peers import Peers


@dataclass(eq=False)
class _Kept:
    """A state of all: that of the first worker, and the number under which the others keep theirs."""

    own: Any
    number: int


class Team(Witness):
    """The first worker's adapter, made by `opened`, and those of its peers."""

    def __init__(self, spec: TrialSpec, peers: Peers, opened: Callable[[TrialSpec], Adapter]) -> None:
        super().__init__(spec)
        self._peers = peers
        self._ranks = range(spec.case.workers)
        self._kept = 0
        self._forgotten: list[int] = []
        joining = [replace(spec, rank=rank, addresses=peers.addresses) for rank in self._ranks]
        own, *_ = self._together("open", [(one,) for one in joining], opened)
        if not isinstance(own, Witness):
            raise NoEvidence(f"{type(own).__module__}.{type(own).__name__} cannot be asked for evidence")
        self._own = own
        self.gauge = own.gauge
        # The framework's, which its class has.
        vars(self)["adam_form"] = own.adam_form

    @property
    def warming_passes(self) -> int:
        return self._own.warming_passes

    def load(self, data: Data) -> None:
        # The others read the same files: that is sooner than to be sent what is in them.
        self._together("load", [()] * len(self._ranks), lambda: self._own.load(data))

    def build(self, weights: Weights) -> None:
        self._all("build", weights)

    def reset(self) -> None:
        """Put all back; no two of them may then drop the same units of their shares.

        Raises:
            OtherWork: two would.
        """
        self._all("reset")
        states = self._all("random_state")
        if self.workload.dropout_rate and not self.spec.matched and len(set(states)) < len(states):
            raise OtherWork("dropout: two workers are to draw the same")

    def begin_epoch(self, order: Order) -> None:
        self._all("begin_epoch", order)

    def train_epoch(self) -> None:
        """Over with the first worker's last step; `synchronise` waits for the others'."""
        self._tell("train_epoch")
        self._mine(self._own.train_epoch)

    def synchronise(self) -> None:
        self._mine(self._own.synchronise)
        self._peers.hear()

    def trained(self) -> Counts:
        counts: list[Counts] = self._all("trained")
        self._require_alike("counted steps", [one.steps for one in counts])
        return Counts(steps=counts[0].steps, samples=sum(one.samples for one in counts))

    def train_loss(self) -> float:
        counts: list[Counts] = self._all("trained")
        return float(np.average(self._all("train_loss"), weights=[one.samples for one in counts]))

    def evaluate(self, steps: int) -> None:
        self._own.evaluate(steps)

    def evaluated(self) -> Counts:
        return self._own.evaluated()

    def score(self) -> Score:
        return self._own.score()

    def begin_predictions(self, batch_size: int) -> int:
        return self._own.begin_predictions(batch_size)

    def predict(self, number: int) -> Floats:
        return self._own.predict(number)

    def multiplying(self, square: Floats) -> Callable[[], object] | None:
        return self._own.multiplying(square)

    def copying(self, array: Floats) -> Callable[[], object] | None:
        return self._own.copying(array)

    def hold(self, size_bytes: int) -> None:
        self._own.hold(size_bytes)

    def places(self) -> dict[str, str]:
        every: list[dict[str, str]] = self._all("places")
        return {
            f"{name} of worker {rank}" if rank else name: where
            for rank, places in enumerate(every)
            for name, where in places.items()
        }

    def weights(self) -> Weights:
        self._require_one_state("weights")
        return self._own.weights()

    def effective(self) -> dict[str, str]:
        return self._own.effective()

    def warm_up(self, order: Order) -> None:
        super().warm_up(order)
        self._tell("settle")
        self._peers.hear()

    def beside_cpu_s(self) -> float:
        return self._peers.cpu_s()

    def beside_peak_bytes(self) -> int:
        self._tell("peak_bytes")
        return sum(self._peers.hear())

    def held_data(self) -> Data:
        data = self._own.held_data()
        self._tell("data_digest")
        self._require_alike("hold data", [data_digest(data), *self._peers.hear()])
        return data

    def held_batches(self) -> list[Order]:
        every: list[list[Order]] = self._all("held_batches")
        return [np.concatenate(shares) for shares in zip(*every, strict=True)]

    def trainable_shapes(self) -> list[tuple[int, ...]]:
        return self._own.trainable_shapes()

    def promised_execution(self) -> str:
        return self._own.promised_execution()

    def promised_update(self) -> Update:
        return self._own.promised_update()

    def moments(self) -> Moments:
        self._require_one_state("moments")
        return self._own.moments()

    def keep(self) -> _Kept:
        self._kept += 1
        told = (self._kept, tuple(self._forgotten))
        self._forgotten.clear()
        own, *_ = self._together("keep", [told] * len(self._ranks), lambda *_: self._own.keep())
        kept = _Kept(own=own, number=self._kept)
        # The others' copies go, at the next call, once this one has.
        weakref.finalize(kept, self._forgotten.append, kept.number)
        return kept

    def put_back(self, kept: _Kept) -> None:
        told = (kept.number,)
        self._together("put_back", [told] * len(self._ranks), lambda _: self._own.put_back(kept.own))

    def random_state(self) -> bytes:
        return b"".join(self._all("random_state"))

    def next_masks(self, rows: int) -> list[Floats]:
        shares = [recipe.share_of(rows, rank, len(self._ranks)) for rank in self._ranks]
        every: list[list[Floats]] = self._each("next_masks", [(one.stop - one.start,) for one in shares])
        return [np.concatenate(of_layer) for of_layer in zip(*every, strict=True)]

    def logits(self) -> Floats:
        return self._own.logits()

    def dropped(self, ones: Sequence[Floats], *, training: bool) -> list[Floats]:
        """Each worker's layers draw as often as the first one's: else they would not draw the same later."""
        every = self._together(
            "dropped",
            [(self._share(ones, rank), training) for rank in self._ranks],
            lambda own, training: self._own.dropped(own, training=training),
        )
        return [np.concatenate(of_layer) for of_layer in zip(*every, strict=True)]

    def put_masks(self, masks: Sequence[Floats]) -> None:
        self._each("put_masks", [([self._dealt(one, rank) for one in masks],) for rank in self._ranks])

    def constants(self) -> dict[str, Fact]:
        every: list[dict[str, Fact]] = self._all("constants")
        self._require_alike("have an optimiser", every)
        return every[0]

    def settings(self) -> dict[str, Fact]:
        every: list[dict[str, Fact]] = self._all("settings")
        self._require_alike("have settings", every)
        return every[0]

    def _share(self, rows: Sequence[Floats], rank: int) -> list[Floats]:
        """A worker's part of the rows of each."""
        return [one[recipe.share_of(len(one), rank, len(self._ranks))] for one in rows]

    def _dealt(self, masks: Floats, rank: int) -> Floats:
        """Of masks (steps, rows, h) for whole batches those of a worker's shares, the first rows of each."""
        dealt, work = np.ones_like(masks), self.workload
        for step, one in enumerate(recipe.batches(np.arange(work.train_samples), work.batch_size)):
            share = masks[step, recipe.share_of(len(one), rank, len(self._ranks))]
            dealt[step, : len(share)] = share
        return dealt

    def _all(self, name: str, *arguments: Any) -> list[Any]:
        """What each worker answers to the same call."""
        return self._each(name, [arguments] * len(self._ranks))

    def _each(self, name: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        return self._together(name, arguments, getattr(self._own, name))

    def _together(
        self, name: str, arguments: Sequence[tuple[Any, ...]], own: Callable[..., Any]
    ) -> list[Any]:
        """Make a call of the peers, meanwhile the first worker's `own`; the answers of all, by rank."""
        self._peers.tell(name, arguments[1:])
        mine = self._mine(lambda: own(*arguments[0]))
        return [mine, *self._peers.hear()]

    def _tell(self, name: str, *arguments: Any) -> None:
        """Make a call of the peers alone; `hear` what they say."""
        self._peers.tell(name, [arguments] * (len(self._ranks) - 1))

    def _mine(self, call: Callable[[], Any]) -> Any:
        """What this worker does while others do it, too: where it fails, one of them may be the reason."""
        try:
            return call()
        except Exception as error:
            raise self._peers.blamed(error) from error

    def _require_one_state(self, name: str) -> None:
        """After any step all workers have the same `weights` and `moments`, bit by bit."""
        self._tell("state_digest", name)
        self._require_alike(f"have {name}", [state_digest(self._own, name), *self._peers.hear()])

    def _require_alike(self, what: str, every: Sequence[Any]) -> None:
        """No worker of a contender differs from the first.

        Raises:
            OtherWork: one does.
        """
        for rank, one in enumerate(every):
            if one != every[0]:
                raise OtherWork(f"workers 0 and {rank} {what} that differ: {every[0]} and {one}")
