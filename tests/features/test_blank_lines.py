"""The row that an error names is the line below the header that an editor shows, empty lines counted."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from features import blank_lines, staging
from features.blank_lines import blank_rows
from features.check import check_dataset

HEADER = b"order_id,order_time,member_id,product_id,quantity,price_minor\n"
PRODUCTS = b"product_id,title,category\np1,One,A\np2,Two,A\n"
ORDERS = (
    HEADER
    + b"\no1,2026-01-01T00:00:00Z,m1,p1,1,100\n\n\n"
    + b"o2,2026-01-01T00:00:00Z,m1,p2,1,-5\nragged,line\n\n"
    + b"o3,2026-01-01T00:00:00Z,m1,p2,1,-6\n\n"
)


def dataset(folder: Path, orders: bytes, ending: str = ".csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "products.csv").write_bytes(PRODUCTS)
    (folder / f"orders{ending}").write_bytes(gzip.compress(orders) if ending == ".csv.gz" else orders)
    return folder


def bad_rows(folder: Path) -> list[int | None]:
    return [violation.row for violation in check_dataset(folder).violations]


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_row_is_the_line_below_the_header(tmp_path: Path, ending: str, line_end: bytes) -> None:
    folder = dataset(tmp_path / "d", ORDERS.replace(b"\n", line_end), ending)
    lines = ORDERS.split(b"\n")
    assert [lines[row][:2] for row in (5, 6, 8)] == [b"o2", b"ra", b"o3"]
    assert bad_rows(folder) == [5, 6, 8]


def test_red_control_without_counting_them_the_rows_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "blank_rows", lambda _: np.zeros(0, dtype=np.int64))
    assert bad_rows(dataset(tmp_path / "d", ORDERS)) != [5, 6, 8]


def test_the_report_says_what_a_row_counts(tmp_path: Path) -> None:
    report = check_dataset(dataset(tmp_path / "d", ORDERS))
    assert "in a CSV, row 1 is the line below the header" in report.as_text()


@pytest.mark.parametrize("chunk_bytes", [3, 7, 1 << 24])
def test_a_blank_inside_a_quoted_cell_is_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(blank_lines, "CHUNK_BYTES", chunk_bytes)
    file = tmp_path / "t.csv"
    file.write_bytes(b'\na,b\n1,"two\n\nlines"\n\n3,4\r\n\r\n5,"say ""hi"""\n\n\n6,7\n')
    assert blank_rows(file).tolist() == [2, 4, 6, 7]


def test_a_file_without_empty_lines_has_none(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"a,b\n1,2\n3,4")
    assert blank_rows(file).tolist() == []
