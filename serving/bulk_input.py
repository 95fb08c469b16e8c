"""Files that the bulk commands read: owner ids, and owner–product pairs.

Rows are numbered as a spreadsheet shows them: the header is row 1, and empty lines do not count. Each error
is one sentence with file, row, rule and what came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from recsys.errors import DataError

OWNER_COLUMN = "owner_id"
PAIR_COLUMNS = ("owner_id", "product_id")
BLOCK_BYTES = 8 << 20  # of CSV text read at a time
BLOCK_ROWS = 1 << 19  # pairs scored at a time: their features take about 100 MB
PARQUET_MAGIC = b"PAR1"


def read_owner_ids(file: Path) -> pa.Array:
    """The owner ids of a file, each once, in the order of their first row; Arrow large_string.

    One id a line, or a CSV or Parquet file with a column owner_id. DataError when there is none.
    """
    _refuse_missing(file)
    if _is_parquet(file) or OWNER_COLUMN in _first_line(file).split(","):
        blocks = [block.column(0) for block in read_text_columns(file, (OWNER_COLUMN,))]
        ids = pa.chunked_array(blocks, pa.string())
    else:
        ids = pa.chunked_array([_lines(file)])
    if not len(ids):
        raise DataError(f"{file}: must hold at least one owner id; got none")
    return pc.unique(ids).cast(pa.large_string())


def read_pairs(file: Path) -> Iterator[pa.RecordBatch]:
    """Blocks of (owner_id, product_id) strings in the order of the file, about `BLOCK_ROWS` rows each."""
    _refuse_missing(file)
    waiting: list[pa.RecordBatch] = []
    for block in read_text_columns(file, PAIR_COLUMNS):
        waiting.append(block)
        if sum(b.num_rows for b in waiting) >= BLOCK_ROWS:
            yield pa.concat_batches(waiting)
            waiting = []
    if waiting:
        yield pa.concat_batches(waiting)


def read_text_columns(file: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Blocks of these columns of a CSV (plain or .gz) or Parquet file, as strings of at least one byte."""
    is_parquet = _is_parquet(file)
    blocks = _parquet_blocks(file, columns) if is_parquet else _csv_blocks(file, columns)
    n_before = 1 if is_parquet else 2  # rows count from 1, and the header of a CSV is one
    for block in blocks:
        for name in columns:
            _refuse_blank(file, name, block.column(name), n_before)
        n_before += block.num_rows
        yield block


def _csv_blocks(file: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    odd: list[pa_csv.InvalidRow] = []

    def keep_odd(row: pa_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    try:
        reader = pa_csv.open_csv(
            str(file),
            # one thread, or pyarrow cannot tell which row is at fault
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(invalid_row_handler=keep_odd),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in columns},
                include_columns=list(columns),
                strings_can_be_null=False,
            ),
        )
        for block in reader:
            _refuse_odd(file, odd)
            yield block
    except pa.ArrowKeyError as error:
        came = _first_line(file)[:80]
        if "\N{REPLACEMENT CHARACTER}" in came or "\0" in came:
            raise DataError(f"{file} row 1: must be UTF-8 text; got {came!r}") from error
        raise DataError(f"{file} row 1: the header must name {','.join(columns)}; got {came!r}") from error
    except pa.ArrowInvalid as error:
        what = str(error).removeprefix("CSV parse error: ").splitlines()[0]
        raise DataError(f"{file}: must be comma-separated UTF-8 text with a header; got: {what}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} row 1: must be UTF-8 text; got: {error}") from error
    _refuse_odd(file, odd)


def _parquet_blocks(file: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        table = pq.ParquetFile(file)
        for name in columns:
            if name not in table.schema_arrow.names:
                there = ", ".join(table.schema_arrow.names)[:80]
                raise DataError(f"{file}: must have the columns {','.join(columns)}; got {there}")
            _refuse_other_type(file, table.schema_arrow.field(name))
        schema = pa.schema([(name, pa.string()) for name in columns])
        for block in table.iter_batches(BLOCK_ROWS, columns=list(columns)):
            yield block.select(list(columns)).cast(schema)
    except pa.ArrowInvalid as error:
        raise DataError(f"{file}: must be a Parquet file; got: {str(error).splitlines()[0]}") from error


def _refuse_other_type(file: Path, field: pa.Field) -> None:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(
            f"{file}: {field.name} must be a column of strings; got {field.type}: ids are strings"
        )


def _refuse_odd(file: Path, odd: Sequence[pa_csv.InvalidRow]) -> None:
    if odd:
        first = odd[0]
        raise DataError(
            f"{file} row {first.number}: a row must have as many columns as the header, "
            f"{first.expected_columns}; got {first.actual_columns} in {first.text[:80]!r}"
        )


def _refuse_blank(file: Path, name: str, values: pa.Array, n_before: int) -> None:
    blank = pc.fill_null(pc.equal(values, ""), True)
    at = pc.index(blank, True).as_py()
    if at >= 0:
        raise DataError(f"{file} row {n_before + at}: {name} must not be empty; got nothing")


def _refuse_missing(file: Path) -> None:
    if not file.is_file():
        raise DataError(f"{file}: there is no such file; name one that can be read")


def _is_parquet(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def _first_line(file: Path) -> str:
    with pa.input_stream(str(file)) as stream:  # opens .gz as its text
        start = stream.read(4096).removeprefix(b"\xef\xbb\xbf")
    return str(start.split(b"\n", 1)[0].rstrip(b"\r"), "utf-8", "replace")


def _lines(file: Path) -> pa.Array:
    with pa.input_stream(str(file)) as stream:
        content = stream.read().removeprefix(b"\xef\xbb\xbf")
    ids = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if text := line.rstrip(b"\r"):
            try:
                ids.append(text.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise DataError(f"{file} row {number}: must be UTF-8 text; got: {error}") from error
    return pa.array(ids, pa.string())
