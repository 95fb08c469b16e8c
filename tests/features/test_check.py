"""The rules of the data contract, one broken cell at a time, and the sentence that it gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from dataset_cases import around, small_town, town, write_csv, write_parquet

from features.check import check_dataset
from features.contract import TABLES
from recsys.errors import DataError

LONG = "x" * 129
WHOLE = "must be an integer in minor units (cents, fen)"
PRINTABLE = "must be 1 to 128 printable characters"
PERSONAL = "must not be personal data and looks like"


def sentences(folder: Path) -> list[str]:
    return [violation.sentence for violation in check_dataset(folder).violations]


def test_whole_town_keeps_the_contract(tmp_path: Path) -> None:
    report = check_dataset(write_csv(tmp_path / "town", town()))
    assert report.violations == ()
    assert report.warnings == ()
    assert not report.broken
    assert report.n_rows == {name: len(rows) for name, rows in town().items()}
    assert {table.name for table in TABLES} == set(town()), "every table of the contract is in the town"


CELLS = [
    ("orders", 0, {"price_minor": "-5"}, "price_minor must be >= 0; got -5"),
    ("orders", 1, {"price_minor": "5.00"}, f"price_minor {WHOLE}; got 5.00"),
    ("orders", 1, {"price_minor": "9" * 30}, f"price_minor {WHOLE}; got {'9' * 30}"),
    ("orders", 1, {"quantity": "1e3"}, "quantity must be an integer; got 1e3"),
    ("orders", 2, {"quantity": "0"}, "quantity must be >= 1; got 0"),
    ("orders", 2, {"quantity": ""}, "quantity must not be empty; got nothing"),
    ("orders", 2, {"order_id": ""}, "order_id must not be empty; got nothing"),
    ("orders", 2, {"member_id": LONG}, f"member_id {PRINTABLE}; got {LONG[:80]}…"),
    ("orders", 2, {"member_id": "a\tb"}, f"member_id {PRINTABLE}; got 'a\\tb'"),
    ("orders", 2, {"member_id": "a\u200bb"}, f"member_id {PRINTABLE}; got 'a\\u200bb'"),
    ("orders", 2, {"member_id": "li@shop.cn"},
     f"member_id {PERSONAL} an e-mail address; send a pseudonym; got li@shop.cn"),
    ("orders", 2, {"member_id": "13800138000"},
     f"member_id {PERSONAL} a phone number; send a pseudonym; got 13800138000"),
    ("orders", 2, {"order_time": "2024-04-13T10:00:00"},
     "order_time must carry its offset from UTC (Z or +08:00); got 2024-04-13T10:00:00"),
    ("orders", 2, {"order_time": "2024-04-13"},
     "order_time must be an RFC 3339 time with an offset, such as 2024-05-01T08:30:00+08:00; got 2024-04-13"),
    ("orders", 2, {"order_time": "2024-02-30T10:00:00Z"},
     "order_time must be an RFC 3339 time with an offset, such as 2024-05-01T08:30:00+08:00; "
     "got 2024-02-30T10:00:00Z"),
    ("orders", 0, {"delivered_time": "2024-04-09T10:00:00Z"},
     "delivered_time must not be before order_time; got 2024-04-09T10:00:00Z"),
    ("orders", 0, {"product_id": "p9"}, "product_id must stand in products; got p9"),
    ("orders", 0, {"owner_id": "w2"},
     "owner_id must be the owner of the share that the order is credited to; got w2"),
    ("offers", 0, {"commission_rate": "15"},
     "commission_rate must be a fraction from 0 to 1; some platforms send per mille or basis points: "
     "divide by 1,000 or by 10,000; got 15"),
    ("offers", 0, {"commission_rate": "-0.1"}, "commission_rate must be >= 0; got -0.1"),
    ("offers", 0, {"commission_rate": "nan"}, "commission_rate must be a finite number; got nan"),
    ("offers", 0, {"currency": "RMB"}, "currency must be an ISO 4217 code in capitals, such as CNY; got RMB"),
    ("offers", 2, {"currency": "USD"},
     "currency must be the one currency of the category; got USD where Home > Kitchen is in CNY"),
    ("offers", 0, {"expire_time": "2024-03-01T00:00:00Z"},
     "expire_time must not be before effective_time; got 2024-03-01T00:00:00Z"),
    ("reviews", 0, {"rating": "6"}, "rating must be <= 5; got 6"),
    ("reviews", 0, {"has_photo": "maybe"}, "has_photo must be true or false; got maybe"),
    ("complaints", 0, {"severity": "0"}, "severity must be >= 1; got 0"),
    ("circle", 0, {"relation": "foe"},
     "relation must be one of follower, customer, invited, group_member, friend; got foe"),
    ("impressions", 0, {"propensity": "1.5"}, "propensity must be <= 1; got 1.5"),
    ("shares", 1, {"product_id": "p9"}, "product_id must stand in products; got p9"),
    ("share_events", 0, {"share_id": "s9"}, "share_id must stand in shares; got s9"),
    ("share_events", 0, {"event_time": "2024-04-10T00:59:59Z"},
     "event_time must not be before the share_time of its row in shares; got 2024-04-10 00:59:59+00"),
    ("returns", 0, {"order_id": "o9"}, "order_id, product_id must stand in orders; got o9, p2"),
    ("returns", 0, {"request_time": "2024-04-10T01:00:00Z"},
     "request_time must not be before the order_time of its row in orders; got 2024-04-10 01:00:00+00"),
    ("group_buy_joins", 0, {"group_buy_id": "g9"}, "group_buy_id must stand in group_buys; got g9"),
    ("group_buy_joins", 0, {"join_time": "2024-03-02T10:00:00Z"},
     "join_time must not be before the open_time of its row in group_buys; got 2024-03-02 10:00:00+00"),
    ("products", 1, {"title": ""}, "title must not be empty; got nothing"),
    ("products", 1, {"title": "a\0b"}, "title must hold no NUL characters; got 'a\\x00b'"),
    ("products", 1, {"unit_measure": "kg"}, "unit_measure must be one of g, ml, piece; got kg"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "place", "cells", "sentence"), CELLS)
def test_one_bad_cell_is_named_with_its_row_rule_and_value(
    tmp_path: Path, table: str, place: int, cells: dict[str, str], sentence: str
) -> None:
    folder = write_csv(tmp_path / "town", around(table, town(**{table: {place: cells}})))
    report = check_dataset(folder)
    assert f"{table}.csv row {place + 1}: {sentence}" in [v.sentence for v in report.violations]
    assert report.broken
    with pytest.raises(DataError, match=f"breaks the data contract: {report.n_errors} errors"):
        report.raise_if_broken()


PHONES = (
    "13800138000", "+86 138 0013 8000", "138-0013-8000", "+442079460000", "8613800138000", "008613800138000",
    "555-123-4567",
)  # fmt: skip
PLAIN = (
    "17850", "85123A", "0", "5901234123457", "12800138000", "1380013800", "会员一号", "w@home", "a b",
    "d41d8cd98f00b204e9800998ecf8427e", "550e8400-e29b-41d4-a716-446655440000", "112-1234567-1234567",
    "2024-05-01-0001", "x" * 128, "红" * 128,
)  # fmt: skip


def test_phone_numbers_are_no_ids_and_ordinary_ids_are_kept(tmp_path: Path) -> None:
    tables = small_town()
    line = tables["orders"][2]
    members = PHONES + PLAIN
    tables["orders"] = [line | {"order_id": f"o{i}", "member_id": m} for i, m in enumerate(members)]
    report = check_dataset(write_csv(tmp_path / "town", tables))
    assert [violation.value for violation in report.violations] == list(PHONES)
    assert all("looks like a phone number" in violation.rule for violation in report.violations)


def test_red_control_without_its_patterns_the_rule_finds_no_phone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_csv(tmp_path / "town", small_town(orders={2: {"member_id": "13800138000"}}))
    assert len(sentences(folder)) == 1
    monkeypatch.setattr("features.rules.PHONES", ("never",))
    assert sentences(folder) == []


def test_all_errors_are_counted_and_the_first_twenty_shown_in_the_files_order(tmp_path: Path) -> None:
    tables = small_town()
    line = tables["orders"][2]
    tables["orders"] = [
        line | {"order_id": f"o{i}", "price_minor": "-1", "quantity": "0"} for i in range(300)
    ]
    report = check_dataset(write_csv(tmp_path / "town", tables))
    assert report.n_errors == 600
    assert {(tally.column, tally.n) for tally in report.errors} == {("price_minor", 300), ("quantity", 300)}
    assert len(report.violations) == 20
    assert [violation.row for violation in report.violations] == [1 + i // 2 for i in range(20)]
    with pytest.raises(DataError, match="… and 580 more"):
        report.raise_if_broken()


def test_the_same_row_twice_counts_once_and_is_no_error(tmp_path: Path) -> None:
    tables = small_town()
    tables["orders"].append(dict(tables["orders"][0]))
    report = check_dataset(write_csv(tmp_path / "town", tables))
    assert not report.broken
    assert report.flags["n_duplicates"] == 1
    assert report.n_duplicates == {"orders": 1}


def test_the_same_key_with_another_content_is_an_error(tmp_path: Path) -> None:
    tables = small_town()
    tables["orders"].append(tables["orders"][0] | {"price_minor": "1"})
    assert sentences(write_csv(tmp_path / "town", tables)) == [
        "orders.csv row 4: order_id, product_id must name one row only; "
        "got o1, p1 (row 1 has it with another content)"
    ]


def test_test_orders_and_orders_through_her_own_link_are_flagged_and_kept(tmp_path: Path) -> None:
    changes = {0: {"price_minor": "1", "member_id": "m1"}, 1: {"owner_id": "w2", "member_id": "w2"}}
    report = check_dataset(write_csv(tmp_path / "town", town(orders=changes)))
    assert not report.broken
    assert report.flags["n_test_orders"] == 1
    assert report.flags["n_self_orders"] == 2  # m1 by the owners table, w2 by the same id


def test_what_a_history_may_lack_is_counted_and_kept(tmp_path: Path) -> None:
    changes = {"orders": {0: {"share_id": "s0"}}, "reviews": {0: {"order_id": "o9", "product_id": "p9"}}}
    report = check_dataset(write_csv(tmp_path / "town", town(**changes)))
    assert not report.broken
    assert [tally.sentence for tally in report.warnings] == [
        "orders: share_id must stand in shares",
        "reviews: product_id must stand in products",
        "reviews: order_id must stand in orders",
    ]


def test_a_missing_required_column_is_named_with_the_column_that_it_may_be(tmp_path: Path) -> None:
    tables = small_town()
    for line in tables["orders"]:
        line["Price_Minor"] = line.pop("price_minor")
    assert sentences(write_csv(tmp_path / "town", tables)) == [
        "orders.csv: the required column price_minor is missing; is it Price_Minor? Rename that column"
    ]


def test_unknown_columns_are_named_once_and_ignored(tmp_path: Path) -> None:
    report = check_dataset(
        write_csv(tmp_path / "town", small_town(orders={0: {"sales": "9"}, 1: {"sales": "8"}}))
    )
    assert not report.broken
    assert report.unknown_columns == {"orders": ("sales",)}


def test_what_will_be_off_is_listed_with_its_reason(tmp_path: Path) -> None:
    tables = small_town()
    tables["offers"] = town()["offers"]
    off = dict(check_dataset(write_csv(tmp_path / "town", tables)).off)
    assert off["picks for a circle"] == "circle is absent"
    assert off["comparison with the public price"] == "offers.public_price_minor is absent"
    assert "prices, price history and earnings" not in off
    assert "taste and co-purchase" not in off


@pytest.mark.parametrize(("missing", "sentence"), [
    ("products", "products: the table is required and absent; add products.parquet or .csv"),
    ("orders", "orders: the table is required and absent; add orders.parquet or .csv"),
])  # fmt: skip
def test_a_missing_required_table_is_a_sentence(tmp_path: Path, missing: str, sentence: str) -> None:
    tables = small_town()
    del tables[missing]
    assert sentence in sentences(write_csv(tmp_path / "town", tables))


def test_an_empty_required_table_is_a_sentence(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    (folder / "orders.csv").write_text("order_id,order_time,member_id,product_id,quantity,price_minor\n")
    assert sentences(folder) == ["orders.csv: the table has no rows; nothing can be learnt from it"]


def test_shares_alone_are_a_history(tmp_path: Path) -> None:
    tables = {name: town()[name] for name in ("products", "shares")}
    assert not check_dataset(write_csv(tmp_path / "town", tables)).broken


def test_a_world_without_times_and_prices_may_lack_them(tmp_path: Path) -> None:
    tables = small_town()
    for line in tables["orders"]:
        for column in ("order_time", "delivered_time", "price_minor"):
            line.pop(column, None)
    folder = write_csv(tmp_path / "town", tables)
    assert len(sentences(folder)) == 2
    (folder / "dataset.toml").write_text("timeless = true\npriceless = true\n")
    report = check_dataset(folder)
    assert not report.broken
    assert "the dataset is timeless" in dict(report.off).values()


MALFORMED = [
    (b"", "orders.csv: the file is empty; its first line must name the columns"),
    (b"\n\n", "orders.csv: the file is empty; its first line must name the columns"),
    (b"o1,2024-04-10T10:00:00Z,m1,p1,1,100\n", "orders.csv: the first line must name the columns"),
    (b"order_id;order_time;member_id\n", "separate the columns with commas"),
    ("order_id,order_time".encode("utf-16"), "NUL bytes; save the file as CSV in UTF-8"),
    (b"order_id,caf\xe9\n", "orders.csv: not UTF-8 (unexpected end of data); save the file as CSV in UTF-8"),
    (b"order_id,order_id,order_time\n", "orders.csv: the header names order_id twice"),
    (b"order_id,order_time,member_id,product_id,quantity,price_minor\n%s\no1,x\n",
     "orders.csv row 2: the row has fewer cells than the header has names; got o1,x"),
    (b"order_id,order_time,member_id,product_id,quantity,price_minor\n%s,7,8\n",
     "orders.csv row 1: the row has more cells than the header has names"),
    (b"order_id,order_time,member_id,product_id,quantity,price_minor\n%s\no\xff,,,,,\n",
     "orders.csv row 2: the row is not UTF-8"),
    (b"order_id,order_time,member_id,product_id,quantity,price_minor\n%s\n\"o3,,,,,\n",
     "orders.csv row 2: the row has a quote that is not closed"),
    (b"order_id,order_time,member_id,product_id,quantity,price_minor\r\n%s\no3,,,,,\r\n",
     "orders.csv: not readable"),
]  # fmt: skip
LINE = b"o1,2024-04-10T10:00:00Z,m1,p1,1,100"


@pytest.mark.parametrize(("content", "sentence"), MALFORMED)
def test_a_malformed_csv_is_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    (folder / "orders.csv").write_bytes(content.replace(b"%s", LINE))
    assert any(sentence in found for found in sentences(folder)), sentences(folder)


@pytest.mark.parametrize("name", ["orders.csv.gz", "orders.parquet"])
def test_a_file_that_is_not_what_its_ending_says_is_a_sentence(tmp_path: Path, name: str) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    (folder / "orders.csv").rename(folder / name)
    (found,) = sentences(folder)
    assert found.startswith(f"{name}: not ")


def test_a_gzip_file_cut_short_is_a_sentence(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town(), ".csv.gz")
    whole = (folder / "orders.csv.gz").read_bytes()
    (folder / "orders.csv.gz").write_bytes(whole[:-20])
    (found,) = sentences(folder)
    assert found.startswith("orders.csv.gz: not ")


def test_rows_after_a_malformed_line_keep_their_place(tmp_path: Path) -> None:
    folder = write_csv(tmp_path / "town", small_town())
    rows = [f"o{i},2024-04-10T10:00:00Z,m1,p1,1,{-1 if i in (0, 3, 6) else 5}" for i in range(8)]
    rows[1] = "short"
    rows[4] = rows[5] = "short"
    header = "order_id,order_time,member_id,product_id,quantity,price_minor"
    (folder / "orders.csv").write_text("\n".join([header, *rows]) + "\n")
    report = check_dataset(folder)
    assert [(v.row, v.column) for v in report.violations] == [
        (1, "price_minor"), (2, None), (4, "price_minor"), (5, None), (6, None), (7, "price_minor"),
    ]  # fmt: skip
    assert report.n_rows["orders"] == 8


def test_the_report_holds_no_control_characters(tmp_path: Path) -> None:
    folder = write_csv(
        tmp_path / "town", small_town(orders={2: {"member_id": "\x1b[31mred"}, 0: {"\x1bx": "1"}})
    )
    text = check_dataset(folder).as_text()
    assert "\x1b" not in text
    assert "The data contract is broken." in text


def test_parquet_and_csv_break_the_same_rules_in_the_same_rows(tmp_path: Path) -> None:
    tables = town(
        orders={1: {"price_minor": "-5", "member_id": "li@shop.cn"}}, returns={0: {"order_id": "o9"}}
    )
    found = [
        check_dataset(write_csv(tmp_path / "csv", tables)),
        check_dataset(write_csv(tmp_path / "gz", tables, ".csv.gz")),
        check_dataset(write_parquet(tmp_path / "parquet", tables)),
    ]
    broken = [[(v.row, v.column, v.rule, v.value) for v in report.violations] for report in found]
    assert broken[0] == broken[1] == broken[2] != []
    assert found[0].off == found[1].off == found[2].off
