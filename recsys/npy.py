"""The npy format, version 1.0, C order, little endian, plain numbers only: written and recognised.

Nothing in a header is ever parsed. The manifest says which dtype and shape a file has, and the header must
be, byte for byte, the one that we would write for them; so a header cannot name an object dtype, claim more
data than there is, or be long to evaluate. `numpy.load(file, allow_pickle=False)` reads these files too.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

DTYPES = frozenset(("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"))
MAX_DIMENSIONS = 8
MAX_BYTES = 1 << 62
ALIGNMENT = 64


def npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The header of such an array, padded so that the data starts at a multiple of 64 bytes."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape!r}, }}"
    padding = -(10 + len(text) + 1) % ALIGNMENT
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(text) + padding + 1)
        + f"{text}{' ' * padding}\n".encode()
    )


def is_storable(dtype: str, shape: tuple[int, ...]) -> bool:
    """Whether dtype is a plain number and shape small enough for a machine to address."""
    if dtype not in DTYPES or len(shape) > MAX_DIMENSIONS or any(n < 0 for n in shape):
        return False
    return math.prod(max(n, 1) for n in shape) * np.dtype(dtype).itemsize <= MAX_BYTES


def npy_size(dtype: str, shape: tuple[int, ...]) -> int:
    """The size of the whole file in bytes."""
    return len(npy_header(dtype, shape)) + math.prod(shape) * np.dtype(dtype).itemsize


def stored_dtype(dtype: np.dtype[Any]) -> str:
    """How the dtype is called in a file, e.g. `<f4`: little endian whatever the machine."""
    return dtype.newbyteorder("<").str


def npy_chunks(array: npt.NDArray[Any]) -> Iterator[bytes | memoryview]:
    """The bytes of the npy file of a little-endian, C-contiguous array."""
    yield npy_header(stored_dtype(array.dtype), array.shape)
    if array.size:
        yield array.reshape(-1).view(np.uint8).data


def view_npy(content: Any, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """A read-only array over the bytes of an npy file whose size and header were checked; copies nothing."""
    start = len(npy_header(dtype, shape))
    return np.frombuffer(content, dtype=dtype, count=math.prod(shape), offset=start).reshape(shape)
