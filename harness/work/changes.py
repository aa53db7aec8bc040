"""From one program to another, one change at a time: what differs, and in which orders it can be changed.

What a change does may depend on what was changed before it. So a walk from end to end is made again and
again in random orders, and the mean over walks is what a change counts for: its Shapley value (Shapley
1953), estimated from sampled orders (Castro, Gómez & Tejada 2009). Every second order is the first reversed,
which makes the estimate steadier (Mitchell, Cooper, Frank & Holmes 2022). Where a level exists in one
framework only, the orders are those that keep to programs that exist (Faigle & Kern 1992), and what a
framework brings along stays beside its change, as a group (Owen 1977).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from typing import Any, Final

from harness.errors import BadOption
from harness.work.contender import Contender
from harness.work.listings import ONLY, PROGRAMS, listed
from harness.work.program import Partial, Step, Update
from harness.work.workload import (
    FULL_TRAIN_SAMPLES,
    USUAL_HIDDEN,
    Case,
    Dataset,
    Mode,
    Precision,
    Workload,
    widths,
)

# Where in a contender each thing is that can be changed.
_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "framework": ("framework",),
    "step": ("case", "program", "step"),
    "scaling": ("case", "program", "scaling"),
    "batch size": ("case", "workload", "batch_size"),
    "input pipeline": ("case", "program", "pipeline"),
    "metrics": ("case", "program", "metrics"),
    "progress": ("case", "program", "progress"),
    "output": ("case", "program", "output"),
    "Adam's constants": ("case", "workload", "adam"),
    "first weights": ("case", "program", "initial"),
    "evaluation batch": ("case", "workload", "eval_batch_size"),
    "dropout": ("case", "workload", "dropout_rate"),
    "hidden layers": ("case", "workload", "hidden"),
    "optimiser implementation": ("case", "program", "update"),
    "partial batches": ("case", "program", "partial"),
    "mode": ("case", "mode"),
    "implementation of Adam": ("case", "update"),
    "precision": ("case", "workload", "precision"),
    "device": ("case", "device"),
}

# The name of what both ends show directly, instead of one change.
WHOLE: Final = "everything"

# What neither listing types, and people do.
_ASIDES: Final[tuple[tuple[str, Any], ...]] = (
    ("step", Step.COMPILED),
    ("optimiser implementation", Update.FOREACH),
    ("optimiser implementation", Update.FUSED),
    ("dropout", 0.0),
    ("partial batches", Partial.DROPPED),
)

# What the choice of a framework brings along; all else is typed, or left untyped, by whoever uses it.
FRAMEWORKS_OWN: Final = frozenset({"framework", "step"})

_CASE: Final = re.compile(
    rf"(?P<framework>[a-z][a-z0-9_]*)/(?P<dataset>{'|'.join(Dataset)})-(?P<device>cpu|cuda\d*)"
    rf"-(?P<mode>{'|'.join(mode for mode in Mode if mode is not Mode.BEST)})"
    rf"-(?P<precision>{'|'.join(Precision)})"
    r"(-b(?P<batch_size>\d+))?-e(?P<epochs>\d+)(-n(?P<train_samples>\d+))?"
    r"(-h(?P<hidden>\d+(x\d+)*))?"
    rf"(-(?P<update>{'|'.join(Update)}))?"
)

# What an identifier of a contender looks like.
EXAMPLE: Final = f"{next(iter(PROGRAMS))}/mnist-cpu-loop-fp32-b64-e5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """Two neighbours that differ in the one thing that `name` says. One `aside` is on no way between ends."""

    name: str
    before: Contender
    after: Contender
    aside: bool = False


def exists(contender: Contender) -> bool:
    """Whether the framework has every level of its program."""
    program = contender.case.program
    others = {level for name, only in ONLY.items() if name != contender.framework for level in only}
    return program is None or others.isdisjoint(astuple(program))


def level(contender: Contender, name: str) -> Any:
    """What a contender has in the place of this name; None in one without a program."""
    held: Any = contender
    for part in _PLACES[name]:
        held = getattr(held, part, None)
    return held


def differences(a: Contender, b: Contender) -> list[str]:
    """Names of all in which two contenders differ."""
    return [name for name in _PLACES if level(a, name) != level(b, name)]


def change(contender: Contender, name: str, to: Any) -> Contender:
    """The contender with another level in one place."""
    changed: Contender = _put(contender, _PLACES[name], to)
    return changed


def _put(held: Any, place: Sequence[str], to: Any) -> Any:
    first, *rest = place
    return replace(held, **{first: _put(getattr(held, first), rest, to) if rest else to})


def orders(a: Contender, b: Contender, seed: int) -> Iterator[list[str]]:
    """Orders in which a becomes b, without end: random ones, each followed by its reverse."""
    names, shuffler = differences(a, b), random.Random(seed)  # noqa: S311  (order, not secrecy)
    while True:
        order = shuffler.sample(names, len(names))
        yield _possible(order, a, b)
        yield _possible(order[::-1], a, b)


def _possible(order: list[str], a: Contender, b: Contender) -> list[str]:
    """The order, with those that a framework binds sorted into their own places around its change.

    What a framework brings along is changed right beside it: nothing else is measured in between.
    """
    if "framework" not in order:
        return order

    def when(name: str) -> int:
        return (level(b, name) in _only(b)) - (level(a, name) in _only(a))

    own = sorted((name for name in order if name in FRAMEWORKS_OWN), key=when)
    others = [name for name in order if name == "framework" or name not in own]
    bound = [name for name in others if name == "framework" or when(name)]
    settled = iter(sorted(bound, key=when))
    placed = [next(settled) if name in bound else name for name in others]
    return [one for name in placed for one in (own if name == "framework" else [name])]


def _only(contender: Contender) -> frozenset[Any]:
    return ONLY.get(contender.framework, frozenset())


def walk(a: Contender, b: Contender, order: Sequence[str]) -> list[Leg]:
    """The legs from a to b in this order."""
    stops = [a]
    for name in order:
        stops.append(change(stops[-1], name, level(b, name)))
    return [
        Leg(name=name, before=before, after=after)
        for name, (before, after) in zip(order, pairwise(stops), strict=True)
    ]


def asides(ends: Sequence[Contender]) -> list[Leg]:
    """One change away from an end with a program: what it could have typed and neither has."""
    legs = [
        Leg(name=name, before=end, after=change(end, name, to), aside=True)
        for end in ends
        for name, to in _ASIDES
        if end.case.program is not None
    ]
    return [leg for leg in legs if exists(leg.after) and _matters(leg)]


def _matters(leg: Leg) -> bool:
    """Dropping a partial batch changes nothing where there is none."""
    work = leg.before.case.workload
    return leg.name != "partial batches" or work.train_samples % work.batch_size > 0


def listings(workload: Workload, device: str) -> tuple[Contender, Contender]:
    """The article's two listings, in its order."""
    first, second = (
        Contender(
            framework=framework,
            case=replace(listed(workload, framework, device), program=program),
        )
        for framework, program in PROGRAMS.items()
    )
    return first, second


def contender(text: str, seed: int) -> Contender:
    """Read an identifier: a framework's name, and after a slash a case's, such as `EXAMPLE`.

    Whether there is such a framework is not asked here.

    Raises:
        BadOption: it is not one, or a size in it is not allowed.
    """
    found = _CASE.fullmatch(text)
    if found is None or (found["batch_size"] is None) != (found["mode"] == Mode.ARTICLE):
        raise BadOption("CASE", text, f"a framework, a slash and a case, such as {EXAMPLE}")
    workload = Workload(
        dataset=Dataset(found["dataset"]),
        batch_size=int(found["batch_size"] or 1),
        epochs=int(found["epochs"]),
        precision=Precision(found["precision"]),
        seed=seed,
        train_samples=int(found["train_samples"] or FULL_TRAIN_SAMPLES),
        hidden=widths(found["hidden"]) if found["hidden"] else USUAL_HIDDEN,
    )
    device = re.sub(r"cuda(\d+)", r"cuda:\1", found["device"])
    if found["mode"] == Mode.ARTICLE:
        typed = {one.framework: one for one in listings(workload, device)}
        if found["framework"] not in typed:
            raise BadOption("CASE", text, f"mode article with {' or '.join(typed)}, which have a listing")
        return typed[found["framework"]]
    case = Case(
        workload=workload,
        device=device,
        mode=Mode(found["mode"]),
        update=Update(found["update"] or Update.STOCK),
    )
    return Contender(framework=found["framework"], case=case)


def require_walk(a: Contender, b: Contender) -> None:
    """Refuse two ends between which no walk can be measured.

    Raises:
        BadOption: they differ in nothing, in how much work they are, or one alone is of mode `article`.
    """
    apart = {
        "data sets": (a.case.workload.dataset, b.case.workload.dataset),
        "epochs": (a.case.workload.epochs, b.case.workload.epochs),
        "training samples": (a.case.workload.train_samples, b.case.workload.train_samples),
        "listings": (a.case.program is None, b.case.program is None),
    }
    for what, (first, second) in apart.items():
        if first != second:
            raise BadOption("CASE", b.id, f"a case with the same {what} as {a.id}")
    if not differences(a, b):
        raise BadOption("CASE", b.id, "two cases that differ")
