"""Taobao shares: who came back through whose link, in China time."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from import_cases import do_import, has_note, real_source, records, table

from features.dataset import open_dataset
from recsys.errors import DataError

HEADER = "triple_id,voter_id,inviter_id,item_id,timestamp\n"
ROWS = (
    "0,ann,bea,x,2022-10-14 07:30:00\n"
    "1,ann,bea,y,2022-10-14 06:30:00\n"
    "2,bea,ann,x,2022-10-15 00:00:00\n"
)  # fmt: skip


def write_source(folder: Path, rows: str = ROWS, header: str = HEADER) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "share_events.csv.gz").write_bytes(gzip.compress((header + rows).encode()))
    return folder


def test_a_row_becomes_a_click_of_the_voter_on_the_inviters_share(tmp_path: Path) -> None:
    summary = do_import("taobao-share", write_source(tmp_path / "src"), tmp_path)
    columns = ("event_id", "event_type", "owner_id", "member_id", "product_id")
    assert records(summary, "share_events", *columns)[0] == ("0", "click", "bea", "ann", "x")
    assert set(open_dataset(summary.path).tables) == {"products", "owners", "circle", "share_events"}
    assert records(summary, "owners", "owner_id", "member_id") == [("ann", "ann"), ("bea", "bea")]


def test_china_time_is_kept_as_utc(tmp_path: Path) -> None:
    summary = do_import("taobao-share", write_source(tmp_path / "src"), tmp_path)
    assert table(summary, "share_events").event_time[0] == pd.Timestamp("2022-10-13T23:30:00Z")


def test_the_circle_holds_who_came_back_since_the_first_time(tmp_path: Path) -> None:
    summary = do_import("taobao-share", write_source(tmp_path / "src"), tmp_path)
    assert records(summary, "circle", "owner_id", "member_id", "since_time") == [
        ("ann", "bea", pd.Timestamp("2022-10-14T16:00:00Z")),
        ("bea", "ann", pd.Timestamp("2022-10-13T22:30:00Z")),
    ]
    assert has_note(summary, "there is no table shares")


def test_a_later_part_imports_alone_from_a_plain_file_or_from_the_file_itself(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "share_events.csv").write_text(HEADER + ROWS)
    assert do_import("taobao-share", tmp_path / "src", tmp_path / "a").n_rows["share_events"] == 3
    file = tmp_path / "src" / "share_events.csv"
    assert do_import("taobao-share", file, tmp_path / "b").n_rows["share_events"] == 3


def test_a_row_sent_twice_counts_once_and_is_told(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src", rows=ROWS + "2,bea,ann,x,2022-10-15 00:00:00\n")
    summary = do_import("taobao-share", source, tmp_path)
    assert summary.n_rows["share_events"] == 3
    assert has_note(summary, "1 rows repeat another row exactly")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("3,ann,bea,x,yesterday\n", r"row 5: timestamp must be a time like .*; got 'yesterday'"),
        ("3,ann,bea,x,2022-10-15T00:00:00Z\n", r"row 5: timestamp must be a time like"),
        ("3,ann,,x,2022-10-15 00:00:00\n", r"row 5: inviter_id must not be blank; got nothing"),
        ("2,ann,bea,x,2022-10-15 00:00:00\n", r"row 5: triple_id must name one event only.*; got '2'"),
        ("3,ann\n", r"row 5: a row must have 5 columns .*; got 2 in '3,ann'"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: str, sentence: str) -> None:
    with pytest.raises(DataError, match=r"share_events\.csv\.gz " + sentence):
        do_import("taobao-share", write_source(tmp_path / "src", rows=ROWS + row), tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src", header="triple_id,voter_id,inviter,item_id,timestamp\n")
    with pytest.raises(DataError, match=r"row 1: the header must name .*; missing inviter_id"):
        do_import("taobao-share", source, tmp_path)


def test_a_cut_off_archive_is_a_sentence(tmp_path: Path) -> None:
    source = write_source(tmp_path / "src")
    file = source / "share_events.csv.gz"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match="not readable as comma-separated"):
        do_import("taobao-share", source, tmp_path)


def test_the_real_source_imports_whole(tmp_path: Path) -> None:
    summary = do_import("taobao-share", real_source("taobao-share"), tmp_path)
    assert summary.n_rows == {"products": 23572, "owners": 17821, "circle": 19820, "share_events": 48213}
    assert table(summary, "share_events").event_time.min() == pd.Timestamp("2022-10-14T02:42:06Z")
