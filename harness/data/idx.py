"""The idx format of MNIST's files, read and written strictly.

A file is two zero bytes, a type code (8: unsigned byte), the number of dimensions, each dimension as a
big-endian 32-bit integer, then the values, the last dimension running fastest.
Source: "THE IDX FILE FORMAT" on the MNIST page (LeCun, Cortes and Burges).
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataUnavailable

_UNSIGNED_BYTE: Final = 0x08


def header(shape: tuple[int, ...]) -> bytes:
    """The bytes that open an idx file of unsigned bytes with this shape."""
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, _UNSIGNED_BYTE, len(shape), *shape)


def size_bytes(shape: tuple[int, ...]) -> int:
    """Length of an idx file of unsigned bytes with this shape."""
    return len(header(shape)) + math.prod(shape)


def encode(values: NDArray[np.uint8]) -> bytes:
    """The idx file that holds `values`."""
    return header(values.shape) + values.tobytes()


def read(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Values of the idx file at `path`, which must have exactly this shape: uint8, read-only.

    Raises:
        DataUnavailable: the file cannot be read, is not idx, holds another type, shape or length.
    """
    expected = header(shape)
    try:
        with path.open("rb") as file:
            found = file.read(len(expected))
            length = file.seek(0, os.SEEK_END)
            if found != expected:
                raise DataUnavailable(f"{path}: {_misfit(found, shape)}")
            if length != size_bytes(shape):
                raise DataUnavailable(
                    f"{path}: {length:,} bytes; an idx file of {shape} has {size_bytes(shape):,}"
                )
            # Mapped: whoever needs a few images reads a few.
            values = np.memmap(file, np.uint8, mode="r", offset=len(expected), shape=shape)
    except OSError as error:
        raise DataUnavailable(f"{path}: cannot be read ({error.strerror})") from error
    return np.asarray(values)


def _misfit(found: bytes, shape: tuple[int, ...]) -> str:
    """What is wrong with a header that is not the one expected."""
    magic = header(shape)[:4]
    if found[:4] != magic:
        return f"opens with {found[:4].hex() or 'nothing'}; idx bytes of this kind open with {magic.hex()}"
    if len(found) < len(header(shape)):
        return "ends inside the idx header"
    return f"holds {struct.unpack(f'>{len(shape)}I', found[4:])} values; expected {shape}"
