"""Rows of a source file as text, and the sentence that refuses one.

Rows are numbered as a spreadsheet shows them: a header is row 1, and empty lines do not count.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from recsys.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLANK_VALUES = ["", "NaN", "nan"]


def find_file(source: Path, names: Sequence[str]) -> Path:
    """The first of `names` in folder `source`, or `source` itself when it is a file; else a DataError."""
    if source.is_file():
        return source
    if not source.exists():
        raise DataError(f"{source}: no such file or folder; expected one with {' or '.join(names)}")
    for name in names:
        if (source / name).is_file():
            return source / name
    raise DataError(f"{source}: {' or '.join(names)} must be in this folder; no such file is")


def read_text_rows(file: Path, columns: Sequence[str], *, header: bool) -> pd.DataFrame:
    """The named columns of a comma-separated file (plain or .gz) as text, blanks as missing.

    Without `header` the file must have exactly these columns, in this order. With it, other columns are
    ignored. DataError names the file, the row, the rule and what came.
    """
    odd: list[pa_csv.InvalidRow] = []

    def keep_odd(row: pa_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    try:
        table = pa_csv.read_csv(
            str(file),
            # one thread, or pyarrow cannot tell which row is at fault
            read_options=pa_csv.ReadOptions(
                use_threads=False, column_names=None if header else list(columns), block_size=1 << 24
            ),
            parse_options=pa_csv.ParseOptions(invalid_row_handler=keep_odd),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in columns},
                null_values=BLANK_VALUES,
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, OSError) as error:
        what = str(error).removeprefix("CSV parse error: ").splitlines()[0]
        raise DataError(f"{file.name}: not readable as comma-separated UTF-8 text: {what}") from error
    if odd:
        first = min(odd, key=lambda row: row.number)
        raise DataError(
            f"{file.name} row {first.number}: a row must have {first.expected_columns} columns "
            f"({','.join(columns)}); got {first.actual_columns} in {first.text[:80]!r}{_and_more(len(odd))}"
        )
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise DataError(
            f"{file.name} row 1: the header must name {', '.join(columns)}; missing {', '.join(missing)}"
        )
    rows: pd.DataFrame = table.select(list(columns)).to_pandas()
    return rows


def refuse_where(
    bad: pd.Series[bool], file: Path, values: pd.Series, rule: str, *, header: bool = True
) -> None:
    """DataError naming the first row where `bad` holds, its value and how many more there are."""
    rows: NDArray[np.intp] = np.flatnonzero(bad.to_numpy(dtype=bool))
    if len(rows) == 0:
        return
    value = values.iloc[rows[0]]
    came = "nothing" if pd.isna(value) else repr(str(value)[:80])
    raise DataError(
        f"{file.name} row {rows[0] + 1 + header}: {values.name} must {rule}; got {came}{_and_more(len(rows))}"
    )


def refuse_blank(frame: pd.DataFrame, file: Path, columns: Sequence[str], *, header: bool = True) -> None:
    """DataError when one of these columns has a blank."""
    for name in columns:
        refuse_where(frame[name].isna(), file, frame[name], "not be blank", header=header)


def parse_local_times(texts: pd.Series, file: Path) -> pd.Series:
    """Naive times of a column of `YYYY-MM-DD HH:MM:SS`; DataError when one is not."""
    times = pd.to_datetime(texts, format="%Y-%m-%d %H:%M:%S", errors="coerce")
    refuse_where(times.isna(), file, texts, "be a time like 2022-10-14 10:42:06")
    return times


def parse_numbers(texts: pd.Series, file: Path) -> pd.Series:
    """float64 of a column of numbers; DataError when one is blank, not a number or not finite."""
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    refuse_where(~numbers.abs().lt(np.inf), file, texts, "be a finite number")
    return numbers


def read_lines(file: Path) -> list[str]:
    """The lines of a UTF-8 file, plain or .gz; DataError when it is not one.

    Only a newline ends a line: JSON strings may hold the other separators that Unicode knows.
    """
    if not file.exists():
        raise DataError(f"{file}: no such file")
    if file.is_dir():
        raise DataError(f"{file}: this importer reads one file, and this is a folder; name a file in it")
    try:
        if file.suffix == ".gz":
            with gzip.open(file, "rt", encoding="utf-8") as stream:
                return stream.read().split("\n")
        return file.read_text("utf-8").split("\n")
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{file.name}: not readable as UTF-8 text (plain or .gz): {error}") from error


def sorted_ids(*columns: pd.Series) -> list[str]:
    """Every id of these columns once, in bytewise order (of code points, which for UTF-8 is the same)."""
    ids: set[str] = set()
    for column in columns:
        ids.update(column.unique())
    return sorted(ids)


def _and_more(n_rows: int) -> str:
    return f" (and {n_rows - 1:,} more rows)" if n_rows > 1 else ""
