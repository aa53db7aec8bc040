"""What one side testifies: named arrays and words, exchanged through an .npz file without pickle."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import ProtocolError

Array = NDArray[np.generic]

# Kinds of fact. What a side found has to be what was asked of it.
_ASKED: Final = "asked"
_FOUND: Final = "found"
_MEASURED: Final = "measured"


@dataclass(frozen=True, slots=True)
class Evidence:
    """`asked` and `found` are facts by (check, quantity), in words; `measured` are arrays by name."""

    asked: dict[tuple[str, str], str] = field(default_factory=dict)
    found: dict[tuple[str, str], str] = field(default_factory=dict)
    measured: dict[str, Array] = field(default_factory=dict)

    def fact(self, check: str, quantity: str, *, asked: object, found: object) -> None:
        self.asked[check, quantity] = str(asked)
        self.found[check, quantity] = str(found)

    def write(self, path: Path) -> None:
        arrays: dict[str, Any] = {f"{_MEASURED}/{name}": array for name, array in self.measured.items()}
        for kind, facts in ((_ASKED, self.asked), (_FOUND, self.found)):
            arrays |= {f"{kind}/{'/'.join(key)}": np.array(word) for key, word in facts.items()}
        np.savez(path, **arrays)


def read(path: Path) -> Evidence:
    """Read what `Evidence.write` wrote.

    Raises:
        ProtocolError: the file is missing, damaged, or holds anything but plain arrays.
    """
    evidence = Evidence()
    facts = {_ASKED: evidence.asked, _FOUND: evidence.found}
    try:
        # Opened here: given a path, NumPy leaves a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            for key in arrays.files:
                kind, _, name = key.partition("/")
                if kind == _MEASURED:
                    evidence.measured[name] = arrays[key]
                else:
                    check, _, quantity = name.partition("/")
                    facts[kind][check, quantity] = str(arrays[key])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ProtocolError(f"{path}: not evidence ({error})") from error
    return evidence
