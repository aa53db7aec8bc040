"""What frameworks have on a device, by their records; what is asked for and is not there is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import product
from typing import TypeVar

from harness.errors import BadOption
from harness.frameworks import registry
from harness.frameworks.record import Place
from harness.work.contender import Contender
from harness.work.program import Update
from harness.work.workload import Mode, Precision

Choice = TypeVar("Choice", bound=StrEnum)


def certifiable(framework: str, device: str) -> list[tuple[Mode, Precision]]:
    """Every mode in which a framework can have a certificate on a device, in every number format there."""
    record, place = registry.record(framework), Place.of(device)
    modes = [one for one in Mode if one is not Mode.ARTICLE and place in record.modes.get(one, frozenset())]
    formats = [one for one in Precision if place in record.precisions.get(one, frozenset())]
    return list(product(modes, formats))


def require(
    frameworks: Sequence[str], device: str, modes: Sequence[Mode], precisions: Sequence[Precision]
) -> None:
    """Each of the frameworks has to have these modes and number formats on the device, by its record.

    Raises:
        BadOption: naming what one of them does not have, and what all have.
    """
    found = [registry.record(name) for name in frameworks]
    _require("MODE", device, modes, {one.label: one.modes for one in found})
    _require("PRECISION", device, precisions, {one.label: one.precisions for one in found})


def require_adam(contender: Contender) -> None:
    """A contender's framework has to have its implementation of Adam in its mode, by its record.

    Raises:
        BadOption: naming the ways that it has.
    """
    way, place = contender.case.way, Place.of(contender.case.device)
    record = registry.record(contender.framework)
    known = [one for one in record.ways_at(place) if one.update is not Update.STOCK]
    if way.update is not Update.STOCK and way not in known:
        has = ", ".join(one.id for one in known) or "the stock Adam alone"
        raise BadOption("CASE", contender.id, f"what {record.label} has there: {has}")


def _require(
    option: str,
    device: str,
    asked: Sequence[Choice],
    held: Mapping[str, Mapping[Choice, frozenset[Place]]],
) -> None:
    """Refuse what one of the frameworks does not have on a device; `held` has where each has what.

    Which device `auto` becomes is not known yet: it is asked again once it is.
    """
    if device == "auto":
        return
    place = Place.of(device)
    for value in asked:
        lacking = [label for label, has in held.items() if place not in has.get(value, frozenset())]
        if not lacking:
            continue
        allowed = [
            one for one in type(value) if all(place in has.get(one, frozenset()) for has in held.values())
        ]
        if not allowed:
            raise BadOption("DEVICE", device, f"another: {' and '.join(lacking)} cannot run there")
        on_a_gpu = all(Place.GPU in has.get(value, frozenset()) for has in held.values())
        else_where = ", or a GPU alone" if on_a_gpu else f": all that {' and '.join(lacking)} has there"
        raise BadOption(option, value, f"{', '.join(allowed)} with DEVICE={device}{else_where}")
