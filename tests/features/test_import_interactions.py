"""Interactions: lines of a person and her products."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from import_cases import do_import, has_note, real_source, records, table

from features.dataset import open_dataset
from features.importers import import_into
from recsys.errors import DataError


def write_source(folder: Path, text: str = "ann 10 2\nbea 2\n") -> Path:
    file = folder / "train.txt"
    file.write_text(text)
    return file


def test_a_line_is_a_person_and_one_order_per_product(tmp_path: Path) -> None:
    summary = do_import("interactions", write_source(tmp_path), tmp_path)
    assert records(summary, "orders", "order_id", "member_id", "product_id", "quantity") == [
        ("order-1", "ann", "10", 1),
        ("order-2", "ann", "2", 1),
        ("order-3", "bea", "2", 1),
    ]
    assert records(summary, "owners", "owner_id", "member_id") == [("ann", "ann"), ("bea", "bea")]
    assert records(summary, "products", "product_id", "title", "category") == [
        ("10", "10", "unknown"),
        ("2", "2", "unknown"),
    ]
    assert open_dataset(summary.path).timeless
    assert open_dataset(summary.path).priceless


def test_a_product_listed_twice_counts_once_also_over_two_lines(tmp_path: Path) -> None:
    summary = do_import("interactions", write_source(tmp_path, "ann 1 1 2\nann 2 3\n"), tmp_path)
    assert records(summary, "orders", "product_id") == [("1",), ("2",), ("3",)]
    assert has_note(summary, "2 products are listed twice for a person")


def test_a_person_without_products_is_known_without_an_order(tmp_path: Path) -> None:
    summary = do_import("interactions", write_source(tmp_path, "ann 1\n\nbea\n"), tmp_path)
    assert list(table(summary, "owners").owner_id) == ["ann", "bea"]
    assert has_note(summary, "1 people have no product")


def test_gzip_reads_the_same(tmp_path: Path) -> None:
    plain = do_import("interactions", write_source(tmp_path), tmp_path / "a")
    packed = tmp_path / "train.txt.gz"
    packed.write_bytes(gzip.compress(b"ann 10 2\nbea 2\n"))
    assert table(do_import("interactions", packed, tmp_path / "b"), "orders").equals(table(plain, "orders"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,2\n3,4\n", r"train\.txt: a line must be a person followed by product ids.* none of its 2 lines"),
        ("", r"none of its 0 lines"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        do_import("interactions", write_source(tmp_path, text), tmp_path)


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        do_import("interactions", tmp_path / "absent.txt", tmp_path)
    with pytest.raises(DataError, match="this is a folder; name a file in it"):
        do_import("interactions", tmp_path, tmp_path)
    broken = tmp_path / "broken.txt.gz"
    broken.write_bytes(gzip.compress(b"ann 1 2\n" * 100)[:30])
    with pytest.raises(DataError, match=r"broken\.txt\.gz: not readable as UTF-8 text"):
        do_import("interactions", broken, tmp_path)


_ids = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=4)


@given(st.dictionaries(_ids, st.lists(_ids, min_size=1, max_size=4), min_size=1, max_size=5))
def test_ids_stay_exactly_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, lists: dict[str, list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    text = "".join(" ".join([person, *products]) + "\n" for person, products in lists.items())
    (folder / "train.txt").write_text(text, "utf-8")
    orders = table(import_into("interactions", folder / "train.txt", folder / "dataset"), "orders")
    came = {person: set(rows.product_id) for person, rows in orders.groupby("member_id")}
    assert came == {person: set(products) for person, products in lists.items()}


@pytest.mark.parametrize(
    ("name", "n_orders", "n_owners"), [("ml-1m", 796244, 6022), ("amazon-electronics", 31887, 1435)]
)
def test_the_real_sources_import_whole(tmp_path: Path, name: str, n_orders: int, n_owners: int) -> None:
    summary = do_import("interactions", real_source(name) / "train.txt.gz", tmp_path)
    assert summary.n_rows["orders"] == n_orders
    assert summary.n_rows["owners"] == n_owners
