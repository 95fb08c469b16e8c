"""Beidian: purchases and shares without times or prices."""

from __future__ import annotations

from pathlib import Path

import pytest
from import_cases import do_import, has_note, real_source, records, table

from features.dataset import open_dataset
from recsys.errors import DataError


def write_source(folder: Path, train: str = "7,p1\n7,p2\n8,p1\n", share: str = "7,8,p3\n8,7,p3\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "data.train").write_text(train)
    (folder / "social.share").write_text(share)
    return folder


def test_everybody_is_owner_and_member_under_her_own_id(tmp_path: Path) -> None:
    summary = do_import("beidian", write_source(tmp_path / "src", share="7,9,p3\n"), tmp_path)
    assert records(summary, "owners", "owner_id", "member_id") == [("7", "7"), ("8", "8"), ("9", "9")]


def test_purchases_become_orders_and_shares_stay_in_both_directions(tmp_path: Path) -> None:
    summary = do_import("beidian", write_source(tmp_path / "src"), tmp_path)
    assert records(summary, "orders", "order_id", "member_id", "product_id", "quantity") == [
        ("order-1", "7", "p1", 1),
        ("order-2", "7", "p2", 1),
        ("order-3", "8", "p1", 1),
    ]
    assert records(summary, "shares", "share_id", "owner_id", "recipient_id", "product_id") == [
        ("share-1", "7", "8", "p3"),
        ("share-2", "8", "7", "p3"),
    ]
    assert records(summary, "circle", "owner_id", "member_id", "relation") == [
        ("7", "8", "friend"),
        ("8", "7", "friend"),
    ]
    assert records(summary, "products", "product_id", "title", "category") == [
        ("p1", "p1", "unknown"),
        ("p2", "p2", "unknown"),
        ("p3", "p3", "unknown"),
    ]


def test_a_pair_that_shares_twice_stands_once_in_the_circle(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src", share="7,8,p3\n7,8,p1\n7,7,p1\n")
    assert records(do_import("beidian", source, tmp_path), "circle", "owner_id", "member_id") == [("7", "8")]


def test_held_out_purchases_are_never_read(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src")
    (source / "data.val").write_text("7,secret\n")
    (source / "data.test").write_text("8,secret\n")
    summary = do_import("beidian", source, tmp_path)
    assert "secret" not in set(table(summary, "products").product_id)
    assert "secret" not in set(table(summary, "orders").product_id)


def test_the_dataset_says_it_is_timeless_and_priceless_and_what_was_lost(tmp_path: Path) -> None:
    summary = do_import("beidian", write_source(tmp_path / "src"), tmp_path)
    dataset = open_dataset(summary.path)
    assert dataset.timeless
    assert dataset.priceless
    assert dataset.notes == summary.notes
    assert has_note(summary, "who shared with whom is lost")


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        ("7,p1\n8\n", r"data\.train row 2: a row must have 2 columns .*; got 1 in '8'"),
        ("7,p1\n8,p1,p2\n9\n", r"data\.train row 2: .* got 3 in '8,p1,p2' \(and 1 more rows\)"),
        ("7,p1\n8,\n", r"data\.train row 2: product_id must not be blank; got nothing"),
        ("7,p1\nNaN,p1\n", r"data\.train row 2: member_id must not be blank"),
        ("", r"data\.train: not readable as comma-separated UTF-8 text: Empty CSV file"),
    ],
)
def test_a_malformed_line_is_named_and_nothing_is_written(tmp_path: Path, train: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        do_import("beidian", write_source(tmp_path / "src", train=train), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["src"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src")
    (source / "social.share").unlink()
    with pytest.raises(DataError, match=r"src: social\.share must be in this folder"):
        do_import("beidian", source, tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        do_import("beidian", tmp_path / "absent", tmp_path)
    with pytest.raises(DataError, match="not one file"):
        do_import("beidian", source / "data.train", tmp_path)


def test_the_real_source_imports_whole(tmp_path: Path) -> None:
    summary = do_import("beidian", real_source("beidian"), tmp_path)
    assert summary.n_rows == {
        "products": 4438, "owners": 3773, "orders": 31920, "shares": 9358, "circle": 4874,
    }  # fmt: skip
