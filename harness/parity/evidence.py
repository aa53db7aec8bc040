"""What one side testifies: named arrays and words, exchanged through an .npz file without pickle."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import ProtocolError

Array = NDArray[Any]

# Kinds of fact and of array. What a side found has to be what was asked of it, and what was measured has to
# be what the reference says.
_ASKED: Final = "asked"
_FOUND: Final = "found"
_MEASURED: Final = "measured"
_REFERENCE: Final = "reference"


@dataclass(frozen=True, slots=True)
class Evidence:
    """`asked` and `found` are facts by (check, quantity), in words; `measured` are arrays by name.

    `reference` has, under the same names, what NumPy says of them.
    """

    asked: dict[tuple[str, str], str] = field(default_factory=dict)
    found: dict[tuple[str, str], str] = field(default_factory=dict)
    measured: dict[str, Array] = field(default_factory=dict)
    reference: dict[str, Array] = field(default_factory=dict)

    def fact(self, check: str, quantity: str, *, asked: object, found: object) -> None:
        self.asked[check, quantity] = str(asked)
        self.found[check, quantity] = str(found)

    def measure(self, name: str, found: Any, reference: Any) -> None:
        self.measured[name] = np.asarray(found)
        self.reference[name] = np.asarray(reference)

    def measure_step(self, name: str, found: Array, reference: Array) -> None:
        """One more step's arrays, of which the two places are kept that a judge needs, (steps, 2) in all.

        The place where they differ most, and that of the largest magnitude, by which he may scale that. Kept
        whole, the arrays of a large network fill memory and disk.
        """
        for kept, telling in zip((self.measured, self.reference), _telling(found, reference), strict=True):
            before = [kept[name]] if name in kept else []
            kept[name] = np.concatenate([*before, telling[np.newaxis]])

    def write(self, path: Path) -> None:
        arrays: dict[str, Any] = {f"{_MEASURED}/{name}": array for name, array in self.measured.items()}
        arrays |= {f"{_REFERENCE}/{name}": array for name, array in self.reference.items()}
        for kind, facts in ((_ASKED, self.asked), (_FOUND, self.found)):
            arrays |= {f"{kind}/{'/'.join(key)}": np.array(word) for key, word in facts.items()}
        np.savez(path, **arrays)


def _telling(found: Array, reference: Array) -> tuple[Array, Array]:
    """Both arrays at the place where they differ most, and at that of the largest magnitude."""
    if found.shape != reference.shape:
        return np.full(2, np.nan), np.zeros(2)
    # No number is more than any, as `argmax` has it: the place of one is where they differ most.
    differences = np.abs(found - reference)
    sizes = np.maximum(np.abs(found), np.abs(reference))
    places = [int(differences.argmax()), int(np.where(np.isnan(sizes), 0.0, sizes).argmax())]
    return found.flat[places], reference.flat[places]


def read(path: Path) -> Evidence:
    """Read what `Evidence.write` wrote.

    Raises:
        ProtocolError: the file is missing, damaged, or holds anything but plain arrays.
    """
    evidence = Evidence()
    arrays_of = {_MEASURED: evidence.measured, _REFERENCE: evidence.reference}
    facts_of = {_ASKED: evidence.asked, _FOUND: evidence.found}
    try:
        # Opened here: given a path, NumPy leaves a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            for key in arrays.files:
                kind, _, name = key.partition("/")
                if kind in arrays_of:
                    arrays_of[kind][name] = arrays[key]
                else:
                    check, _, quantity = name.partition("/")
                    facts_of[kind][check, quantity] = str(arrays[key])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ProtocolError(f"{path}: not evidence ({error})") from error
    return evidence
