"""Where a CSV has empty lines: its reader skips them, but an editor counts them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np

from features.arrays import Array

CHUNK_BYTES = 1 << 24
LINE_FEED, CARRIAGE_RETURN, QUOTE = 10, 13, 34


def blank_rows(file: Path) -> Array:
    """The row numbers of the empty lines below the header, counted from 1 like every row; int64, ascending.

    A row of several lines (a quoted cell with a line break) is one row, and a blank inside it is no line.
    """
    if not any(b"\n\n" in piece or b"\n\r\n" in piece for piece in _overlapping(file)):
        return np.zeros(0, dtype=np.int64)
    blank: list[Array] = []
    n_records, open_quote, since_end, seen_header = 0, 0, 0, False
    for piece in _pieces(file):
        content = np.frombuffer(piece, dtype=np.uint8)
        ends = np.flatnonzero(content == LINE_FEED)
        quotes = np.flatnonzero(content == QUOTE)
        n_before = np.searchsorted(quotes, ends)
        ends = ends[(n_before + open_quote) % 2 == 0]
        text = np.cumsum(content != CARRIAGE_RETURN)  # bytes that are no carriage return, up to each place
        up_to = text[ends] - 1 if len(ends) else np.zeros(0, dtype=np.int64)
        lengths = np.diff(np.r_[-since_end, up_to + 1]) - 1
        empty = lengths == 0
        if not seen_header and len(empty) and empty.all():
            seen = 0  # nothing but empty lines yet
        else:
            first = 0 if seen_header else int(np.argmin(empty)) if len(empty) else 0
            seen_header = seen_header or bool(len(empty))
            blank.append(n_records + np.flatnonzero(empty[first:]))
            seen = len(empty) - first
        n_records += seen
        open_quote = (open_quote + len(quotes)) % 2
        total = int(text[-1]) if len(text) else 0
        since_end = since_end + total if not len(ends) else total - int(up_to[-1]) - 1
    return np.concatenate(blank).astype(np.int64) if blank else np.zeros(0, dtype=np.int64)


def _pieces(file: Path) -> Iterator[bytes]:
    with cast(IO[bytes], gzip.open(file) if file.suffix == ".gz" else file.open("rb")) as stream:
        while piece := stream.read(CHUNK_BYTES):
            yield piece


def _overlapping(file: Path) -> Iterator[bytes]:
    """The pieces, each with the end of the one before, so that no pair of line ends is cut in two."""
    before = b""
    for piece in _pieces(file):
        yield before + piece
        before = piece[-2:]
