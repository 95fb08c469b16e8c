"""Laws of the check and of the hash, on random datasets."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from dataset_cases import Rows, small_town, town, write_csv, write_parquet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.check import check_dataset, clean_dataset, dataset_hash
from features.dataset import open_dataset

LAW = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
order_rows = st.lists(
    st.fixed_dictionaries(
        {
            "order_id": st.integers(0, 10**9).map("o{}".format),
            "order_time": st.datetimes()
            .filter(lambda t: t.year > 1970)
            .map(lambda t: t.isoformat() + "+08:00"),
            "member_id": words.map("m".__add__),
            "product_id": st.sampled_from(["p1", "p2", "p3"]),
            "quantity": st.integers(1, 2**62).map(str),
            "price_minor": st.integers(0, 2**62).map(str),
            "status": st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6),
        }
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row["order_id"],
)
BAD_CELLS = (
    ("quantity", "0"), ("quantity", "1.5"), ("price_minor", "-1"), ("price_minor", "ten"),
    ("order_time", "2024-05-01T08:00:00"), ("order_time", "yesterday"), ("member_id", ""),
    ("member_id", "li@shop.cn"), ("member_id", "13800138000"), ("product_id", "p9"),
)  # fmt: skip


def with_orders(rows: Rows) -> dict[str, Rows]:
    return small_town() | {"orders": rows}


@LAW
@given(order_rows, st.sampled_from(BAD_CELLS), st.randoms(use_true_random=False))
def test_random_rows_pass_and_one_bad_cell_is_found(
    rows: Rows, bad: tuple[str, str], rng: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert check_dataset(write_csv(Path(folder) / "good", with_orders(rows))).violations == ()
        place = rng.randrange(len(rows))
        column, value = bad
        rows[place] = rows[place] | {column: value}
        (found,) = check_dataset(write_csv(Path(folder) / "bad", with_orders(rows))).violations
        assert (found.file, found.row, found.column) == ("orders.csv", place + 1, column)
        assert found.value == (value or None)


@LAW
@given(order_rows, st.randoms(use_true_random=False))
def test_the_hash_knows_the_rows_and_not_their_order_or_format(rows: Rows, rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hashes = {dataset_hash(open_dataset(write_csv(Path(folder) / "csv", with_orders(rows))))}
        rng.shuffle(rows)
        hashes.add(dataset_hash(open_dataset(write_csv(Path(folder) / "gz", with_orders(rows), ".csv.gz"))))
        hashes.add(dataset_hash(open_dataset(write_parquet(Path(folder) / "parquet", with_orders(rows)))))
        assert len(hashes) == 1
        rows[0] = rows[0] | {"price_minor": str(int(rows[0]["price_minor"]) + 1)}
        assert dataset_hash(open_dataset(write_csv(Path(folder) / "other", with_orders(rows)))) not in hashes


@settings(LAW, max_examples=6)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["products", "orders", "shares", "returns"]), st.integers(0, 2),
            st.sampled_from(
                ["product_id", "order_id", "share_id", "category", "price_minor", "request_time"]
            ),
            st.sampled_from(["", "p2", "o1", "s1", "-1", "2020-01-01T00:00:00Z"]),
        ), max_size=4,
    )
)  # fmt: skip
def test_what_is_left_keeps_the_contract_whatever_was_broken(
    changes: list[tuple[str, int, str, str]],
) -> None:
    tables = {name: town()[name] for name in ("products", "shares", "orders", "returns")}
    for name in tables:  # rows that nothing below touches, so that something is always left
        tables[name] += [{c: f"{v}x" if c.endswith("_id") else v for c, v in r.items()} for r in tables[name]]
    for name, place, column, value in changes:
        if column in tables[name][0] and place < len(tables[name]) // 2:
            tables[name][place][column] = value
    with tempfile.TemporaryDirectory() as folder:
        source = write_csv(Path(folder) / "town", tables)
        cleaned, report = clean_dataset(source, Path(folder) / "bad", Path(folder) / "good")
        left = check_dataset(cleaned)
        assert left.errors == ()
        for name, rows in tables.items():
            assert left.n_rows[name] + report.n_quarantined.get(name, 0) == len(rows)


def test_the_hash_counts_copies_once_and_no_unknown_columns(tmp_path: Path) -> None:
    tables = small_town()
    plain = dataset_hash(open_dataset(write_csv(tmp_path / "plain", tables)))
    tables["orders"].append(dict(tables["orders"][0]))
    tables["orders"][1]["sales"] = "9"
    assert dataset_hash(open_dataset(write_csv(tmp_path / "copied", tables))) == plain


def test_the_hash_tells_a_value_from_the_same_value_in_the_next_column(tmp_path: Path) -> None:
    here = dataset_hash(open_dataset(write_csv(tmp_path / "here", small_town(products={0: {"brand": "x"}}))))
    there = dataset_hash(open_dataset(write_csv(tmp_path / "there", small_town(products={0: {"gtin": "x"}}))))
    assert here != there
