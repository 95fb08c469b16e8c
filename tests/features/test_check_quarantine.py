"""Setting bad rows aside: every row is kept somewhere, and what is left keeps the contract."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from dataset_cases import Rows, small_town, town, write_csv, write_parquet

from features.check import check_dataset, clean_dataset
from recsys.errors import DataError, UsageError


def rows_of(file: Path) -> Rows:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def broken_town() -> dict[str, Rows]:
    tables = town(
        orders={0: {"price_minor": "-5"}, 2: {"member_id": "13800138000", "quantity": "x"}},
        shares={1: {"channel": "fax"}},
    )
    tables["returns"].append(
        {"return_id": "r2", "order_id": "o1", "product_id": "p1", "request_time": "2024-05-01T00:00:00Z"}
    )
    return tables


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_good_rows_and_rows_set_aside_are_all_rows(tmp_path: Path, write: type) -> None:
    tables = broken_town()
    if write is write_parquet:
        tables["orders"][2]["quantity"] = "0"
    folder = write(tmp_path / "town", tables)
    cleaned, report = clean_dataset(folder, tmp_path / "bad", tmp_path / "good")
    left = check_dataset(cleaned)
    assert not left.broken
    assert left.errors == ()
    assert report.n_quarantined == {"shares": 1, "orders": 2, "returns": 1}
    for name, rows in tables.items():
        assert left.n_rows[name] + report.n_quarantined.get(name, 0) == len(rows)


def test_rows_set_aside_are_whole_and_say_all_their_reasons(tmp_path: Path) -> None:
    tables = broken_town()
    tables["orders"][2]["colour"] = "蓝, 'deep'"
    check_dataset(write_csv(tmp_path / "town", tables), tmp_path / "bad")
    orders = rows_of(tmp_path / "bad" / "orders.csv")
    assert [row["row"] for row in orders] == ["1", "3"]
    assert {column: cell for column, cell in orders[1].items() if cell} == tables["orders"][2] | {
        "row": "3",
        "reasons": "member_id must not be personal data and looks like a phone number; send a pseudonym; "
        "got 13800138000; quantity must be an integer; got x",
    }


def test_a_row_that_hangs_on_a_bad_row_is_set_aside_with_it(tmp_path: Path) -> None:
    report = check_dataset(write_csv(tmp_path / "town", broken_town()), tmp_path / "bad")
    (hanging,) = rows_of(tmp_path / "bad" / "returns.csv")
    assert hanging["return_id"] == "r2"
    assert hanging["reasons"] == "its row in orders was set aside"
    assert not any(tally.table == "returns" for tally in report.errors)


def test_lines_that_are_no_rows_are_set_aside_as_they_stand(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    file = folder / "orders.csv"
    file.write_text(file.read_text() + "o9,half\n")
    report = check_dataset(folder, tmp_path / "bad", out=tmp_path / "good")
    assert rows_of(tmp_path / "bad" / "orders.malformed.csv") == [
        {"row": "4", "reasons": "the row has fewer cells than the header has names", "text": "o9,half"}
    ]
    assert (report.n_rows["orders"], report.n_quarantined) == (4, {"orders": 1})
    assert check_dataset(tmp_path / "good").n_rows["orders"] == 3


def test_without_quarantine_nothing_is_written(tmp_path: Path) -> None:
    write_csv(tmp_path / "town", broken_town())
    assert check_dataset(tmp_path / "town").broken
    assert [path.name for path in tmp_path.iterdir()] == ["town"]


def test_what_no_row_can_mend_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    tables = broken_town()
    for line in tables["orders"]:
        del line["price_minor"]
    with pytest.raises(DataError, match="the required column price_minor is missing"):
        clean_dataset(write_csv(tmp_path / "town", tables), tmp_path / "bad", tmp_path / "good")
    assert [path.name for path in tmp_path.iterdir()] == ["town"]


def test_nothing_left_is_refused(tmp_path: Path) -> None:
    bad = {place: {"quantity": "0"} for place in range(3)}
    with pytest.raises(DataError, match="no row keeps the contract"):
        clean_dataset(
            write_csv(tmp_path / "town", small_town(orders=bad)), tmp_path / "bad", tmp_path / "good"
        )


def test_places_that_hold_something_are_refused_before_any_work(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    for quarantine, out in ((tmp_path / "full", None), (tmp_path / "bad", tmp_path / "full"), (folder, None)):
        with pytest.raises(UsageError, match="not empty"):
            check_dataset(folder, quarantine, out=out)
    with pytest.raises(UsageError, match="two folders"):
        check_dataset(folder, tmp_path / "bad", out=tmp_path / "bad")
    assert (tmp_path / "full" / "note").read_text() == "mine"
