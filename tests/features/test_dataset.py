"""A dataset at rest: found, opened and written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from dataset_cases import small_town, write_csv, write_parquet

from features.dataset import DatasetWriter, open_dataset
from recsys.errors import DataError, UsageError


def test_tables_are_found_by_name_and_ending(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", {"orders": small_town()["orders"]}, ".csv.gz")
    write_parquet(folder, {"products": small_town()["products"]})
    (folder / "notes.csv").write_text("not a table of ours")
    found = open_dataset(folder)
    assert {name: file.name for name, file in found.tables.items()} == {
        "products": "products.parquet",
        "orders": "orders.csv.gz",
    }


def test_a_table_that_stands_twice_is_refused(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    write_parquet(folder, small_town())
    with pytest.raises(DataError, match=r"products stands twice, as products\.parquet and products\.csv"):
        open_dataset(folder)


def test_no_folder_and_no_table_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no table found"):
        open_dataset(tmp_path)


def test_a_file_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    (folder / "orders.csv").rename(tmp_path / "elsewhere.csv")
    (folder / "orders.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(DataError, match="leads out of the dataset's folder"):
        open_dataset(folder)


def test_red_control_without_its_gate_the_link_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    (folder / "orders.csv").rename(tmp_path / "elsewhere.csv")
    (folder / "orders.csv").symlink_to(tmp_path / "elsewhere.csv")
    monkeypatch.setattr("features.dataset._inside", lambda folder, file: file)
    assert "orders" in open_dataset(folder).tables


def test_a_folder_named_like_a_table_is_refused(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    (folder / "stock.parquet").mkdir()
    with pytest.raises(DataError, match="a table is one file"):
        open_dataset(folder)


@pytest.mark.parametrize(("text", "sentence"), [
    ("timeless = maybe", "not readable as TOML"),
    ('timeless = "no"', "timeless must be true or false; got 'no'"),
    ("notes = 3", "notes must be a list of sentences; got 3"),
])  # fmt: skip
def test_a_broken_dataset_toml_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    (folder / "dataset.toml").write_text(text)
    with pytest.raises(DataError, match=sentence):
        open_dataset(folder)


def test_what_is_written_is_read_back_with_its_notes(tmp_path: Path) -> None:
    note = 'a "quoted"\tnote\nof two lines \\ 中文\x7f'
    with DatasetWriter(tmp_path / "town", timeless=True) as writer:
        writer.append("products", {"product_id": ["p1"], "title": ["Tea"], "category": ["Food"]})
        writer.append("products", pa.table({"product_id": ["p2"], "title": ["Cup"], "category": ["Home"]}))
        writer.note(note)
    found = open_dataset(tmp_path / "town")
    assert (found.timeless, found.priceless, found.notes) == (True, False, (note,))
    assert list(found.tables) == ["products"]


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), DatasetWriter(tmp_path / "town") as writer:
        writer.append("products", {"product_id": ["p1"]})
        writer.append("nothing", {"product_id": ["p1"]})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="already exists and is not empty"):
        DatasetWriter(tmp_path)
