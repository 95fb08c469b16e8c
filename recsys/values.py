"""What the numbers and strings inside a snapshot must be; the same rules when writing and when reading.

A rule looks at one chunk of an array after the other and says what is wrong in a sentence, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys.columns import StringColumn
from recsys.ids import MAX_ID_BYTES, IdList
from recsys.layout import Entry

Rule = Callable[[npt.NDArray[Any]], str | None]

CHUNK_VALUES = 1 << 18
CHUNK_ROWS = 1 << 15


def rules_for(entry: Entry, part: str, entries: Mapping[str, Entry]) -> list[Rule]:
    """The rules for one part of an entry; fresh ones, as a rule remembers the chunks it saw."""
    rules: list[Rule] = [plain_numbers]
    if part == "indptr" and entry.kind == "csr":
        rules.append(rising(entry.parts["indptr"].shape[0], entry.parts["indices"].shape[0]))
    elif part == "indices" and entry.kind == "csr":
        rules.append(between(0, entry.shape[1]))
    elif part == "offsets" and entry.kind in ("ids", "strings"):
        rules.append(rising(entry.parts["offsets"].shape[0], entry.parts["bytes"].shape[0]))
    elif entry.rows_of is not None:
        rules.append(between(-1, entries[entry.rows_of].shape[0]))
    return rules


def complaint(chunks: Iterable[npt.NDArray[Any]], rules: list[Rule]) -> str | None:
    """The first complaint about an array given in chunks, None when it keeps all rules."""
    for chunk in chunks:
        for rule in rules:
            said = rule(chunk)
            if said:
                return said
    return None


def in_chunks(array: npt.NDArray[Any]) -> Iterable[npt.NDArray[Any]]:
    """A C-contiguous array as flat views small enough for the processor's cache."""
    flat = array.reshape(-1)
    return (flat[start : start + CHUNK_VALUES] for start in range(0, flat.size, CHUNK_VALUES))


def plain_numbers(chunk: npt.NDArray[Any]) -> str | None:
    """Floats are finite; booleans are 0 or 1."""
    if chunk.dtype.kind == "f" and not np.isfinite(chunk).all():
        return f"every number must be finite; got {chunk[~np.isfinite(chunk)][0]}"
    if chunk.dtype.kind == "b" and chunk.size and chunk.view(np.uint8).max() > 1:
        return f"every flag must be 0 or 1; got {chunk.view(np.uint8).max()}"
    return None


def between(low: int, end: int) -> Rule:
    """Every value is in [low, end)."""

    def check(chunk: npt.NDArray[Any]) -> str | None:
        if chunk.size and (chunk.min() < low or chunk.max() >= end):
            wrong = chunk[(chunk < low) | (chunk >= end)][0]
            return f"every row must be in [{low}, {end}); got {wrong}"
        return None

    return check


def rising(n: int, last: int) -> Rule:
    """n values, from 0, never falling, the last one `last`."""
    seen, before = 0, 0

    def check(chunk: npt.NDArray[Any]) -> str | None:
        nonlocal seen, before
        if seen == 0 and chunk[0] != 0:
            return f"must begin at 0; got {chunk[0]}"
        if chunk[0] < before or (chunk[1:] < chunk[:-1]).any():
            return "must never fall"
        seen, before = seen + chunk.size, int(chunk[-1])
        if seen == n and before != last:
            return f"must end at {last}; got {before}"
        return None

    return check


def strings_complaint(column: StringColumn) -> str | None:
    """What is wrong with the strings of a column whose offsets are sound; None when nothing is."""
    for start in range(0, len(column), CHUNK_ROWS):
        bounds = column.offsets[start : start + CHUNK_ROWS + 1]
        content = column.blob[bounds[0] : bounds[-1]]
        try:
            str(content.data, "utf-8")
        except UnicodeDecodeError as error:
            return f"must be UTF-8: {error}"
        firsts = bounds[:-1][np.diff(bounds) > 0] - bounds[0]
        if ((content[firsts] & 0xC0) == 0x80).any():
            return "a row must not begin inside a character"
        if isinstance(column, IdList):
            said = _ids_complaint(column, start, start + len(bounds) - 1, content)
            if said:
                return said
    return None


def _ids_complaint(ids: IdList, start: int, stop: int, content: npt.NDArray[np.uint8]) -> str | None:
    lengths = np.diff(ids.offsets[start : stop + 1])
    if lengths.min() < 1 or lengths.max() > MAX_ID_BYTES:
        row = start + int(np.flatnonzero((lengths < 1) | (lengths > MAX_ID_BYTES))[0])
        return f"an id must have 1 to {MAX_ID_BYTES} bytes; row {row} has {lengths[row - start]}"
    if not content.all():
        return "an id must not contain NUL"
    block = ids.fixed_width(max(start - 1, 0), stop)  # with the last row of the block before
    falling = np.flatnonzero(block[1:] <= block[:-1])
    if falling.size:
        row = max(start - 1, 0) + int(falling[0])
        return (
            "ids must be unique and sorted by their bytes;"
            f" got {ids[row]!r:.80} before {ids[row + 1]!r:.80} at row {row + 1}"
        )
    return None
