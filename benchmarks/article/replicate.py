"""One seed: a fresh listing and a fresh worker in mode `article`, whose epochs take turns."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.article.listing_process import EPOCHS, ListingProcess
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.engine.turns import turns
from harness.work.listings import listed
from harness.work.workload import FULL_TRAIN_SAMPLES, Dataset, TrialSpec, Workload
from harness.worker.protocol import Do, dump_spec

PLAIN: Final = "plain"
HARNESS: Final = "harness"

_TIMEOUT_S: Final = 1200.0

# Nothing says when a listing's last epoch ends.
_TIMED_EPOCHS: Final = EPOCHS - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """An epoch, counted from 1, as both sides took it; in the first, Keras traces and compiles."""

    framework: str
    seed: int
    epoch: int
    first: str
    plain_s: float
    harness_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Test accuracies after five epochs."""

    framework: str
    seed: int
    plain_accuracy: float
    harness_accuracy: float


def measure(
    framework: str, seed: int, *, data_root: Path, threads: int, scratch: Path
) -> tuple[list[Epoch], Learned]:
    """Run both sides from start to end, on the CPU.

    Raises:
        TrialError: a side did not do its part.
    """
    own = environment(framework=framework, device="cpu", threads=threads, compile_cache=scratch / "compiled")
    # What the harness sets by a call, TensorFlow also reads from its environment.
    plain = own | {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": "1"}
    work = Workload(dataset=Dataset.MNIST, epochs=EPOCHS, seed=seed)
    spec = TrialSpec(
        framework=framework,
        case=listed(work, framework, "cpu"),
        threads=threads,
        data_root=str(data_root),
    )
    with ExitStack() as stack:
        listing = stack.enter_context(
            ListingProcess(
                framework, data_root, seed=seed, environment=plain, log_path=scratch / "listing.log"
            )
        )
        listing.wait()
        worker = stack.enter_context(WorkerProcess(own, scratch / "worker.log"))
        worker.ask(Do.START, timeout_s=_TIMEOUT_S, spec=dump_spec(spec))

        def train(epoch: int) -> float:
            reply = worker.ask(Do.TRAIN, timeout_s=_TIMEOUT_S, epoch=epoch, first=0, last=FULL_TRAIN_SAMPLES)
            return float(reply["wall_s"])

        epochs = []
        for epoch, names in enumerate(turns((PLAIN, HARNESS), _TIMED_EPOCHS, f"{framework}-{seed}")):
            took_s = {name: listing.epoch() if name == PLAIN else train(epoch) for name in names}
            epochs.append(
                Epoch(
                    framework=framework,
                    seed=seed,
                    epoch=epoch + 1,
                    first=names[0],
                    plain_s=took_s[PLAIN],
                    harness_s=took_s[HARNESS],
                )
            )
        train(_TIMED_EPOCHS)
        learned = Learned(
            framework=framework,
            seed=seed,
            plain_accuracy=listing.finish(),
            harness_accuracy=worker.ask(Do.EVALUATE, timeout_s=_TIMEOUT_S, passes=1)["accuracy"],
        )
        worker.ask(Do.FINISH, timeout_s=_TIMEOUT_S)
    return epochs, learned
