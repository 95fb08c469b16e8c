"""The simulated town: its size, its determinism, what its tables keep to, and that nothing hidden leaks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from features.check import check_dataset
from features.contract import TABLES
from recsys.cli import build_app
from recsys.errors import UsageError
from training.town.config import TownConfig
from training.town.simulate import simulate
from training.town.truth_files import truth_path

TINY = TownConfig(n_owners=20, n_members=100, n_products=50, n_days=14, seed=3)


def _hashes(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def _one(query: str) -> tuple[object, ...]:
    return tuple(duckdb.sql(query).fetchall()[0])


def test_same_arguments_give_the_same_bytes_in_dataset_and_truth(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate(TINY, tmp_path / name)
    assert _hashes(tmp_path / "a") == _hashes(tmp_path / "b")
    assert _hashes(tmp_path / "a.truth") == _hashes(tmp_path / "b.truth")


def test_another_seed_gives_another_town(tmp_path: Path) -> None:
    simulate(TINY, tmp_path / "a")
    simulate(TownConfig(20, 100, 50, 14, seed=4), tmp_path / "b")
    assert _hashes(tmp_path / "a")["orders.parquet"] != _hashes(tmp_path / "b")["orders.parquet"]


def test_every_table_but_impressions_is_there_and_the_contract_is_kept(small_town: Path) -> None:
    there = {file.stem for file in small_town.glob("*.parquet")}
    assert there == {table.name for table in TABLES} - {"impressions"}
    report = check_dataset(small_town)
    assert report.n_errors == 0


def test_sizes_are_as_asked_for(small_town: Path) -> None:
    def count(table: str) -> int:
        return int(str(_one(f"select count(*) from '{small_town}/{table}.parquet'")[0]))

    assert (count("products"), count("owners")) == (100, 30)
    assert abs(count("orders") - 3_000) <= 0.05 * 3_000
    n_members = _one(f"select count(distinct member_id) from '{small_town}/orders.parquet'")[0]
    assert n_members == pytest.approx(300, abs=30)


def test_nothing_happens_after_the_last_midnight(small_town: Path) -> None:
    for table in TABLES:
        file = small_town / f"{table.name}.parquet"
        if not file.exists():
            continue
        for column in table.columns:
            if column.kind != "time" or column.name == "expire_time":
                continue
            held = _one(f"select count(*) from (describe from '{file}') where column_name='{column.name}'")
            if held[0]:
                late = _one(
                    f"select count(*) from '{file}' where {column.name} >= timestamptz '2026-02-10 00:00:00Z'"
                )
                assert late[0] == 0, (table.name, column.name)


def test_order_lines_pay_the_offer_that_holds(small_town: Path) -> None:
    query = f"""
        select count(*) from '{small_town}/orders.parquet' o
        asof join '{small_town}/offers.parquet' f
          on o.product_id = f.product_id and o.order_time >= f.effective_time
        where o.price_minor > 1 and o.group_buy_id is null
          and o.price_minor <> f.price_minor - coalesce(f.coupon_minor, 0)"""
    assert _one(query) == (0,)


def test_some_of_everything_rare_is_there(small_town: Path) -> None:
    orders, groups = f"'{small_town}/orders.parquet'", f"'{small_town}/group_buys.parquet'"
    rare = {
        "test orders": f"from {orders} where price_minor = 1",
        "undelivered orders": f"from {orders} where delivered_time is null",
        "self purchases": f"from {orders} o join '{small_town}/owners.parquet' w using (owner_id) "
        "where o.member_id = w.member_id",
        "filled groups": f"from {groups} where status = 'succeeded'",
        "failed groups": f"from {groups} where status = 'failed'",
        "unverified reviews": f"from '{small_town}/reviews.parquet' where order_id is null",
        "paid reviews": f"from '{small_town}/reviews.parquet' where incentivised",
        "private shares": f"from '{small_town}/shares.parquet' where recipient_id is not null",
        "shares passed on": f"from '{small_town}/shares.parquet' where parent_share_id is not null",
        "mutes": f"from '{small_town}/share_events.parquet' where event_type = 'mute'",
        "coupons": f"from '{small_town}/offers.parquet' where coupon_minor > 0",
        "owners who never shared": f"from '{small_town}/owners.parquet' anti join "
        f"'{small_town}/shares.parquet' using (owner_id)",
    }
    for what, rest in rare.items():
        assert int(str(_one(f"select count(*) {rest}")[0])) > 0, what
    assert int(str(_one(f"select count(*) from {orders} where price_minor = 1")[0])) < 10


def test_titles_read_in_chinese_and_in_english(small_town: Path) -> None:
    for (title,) in duckdb.sql(f"select title from '{small_town}/products.parquet'").fetchall():
        assert any("一" <= c <= "鿿" for c in title) and any(c.isascii() and c.isalpha() for c in title), (
            title
        )


def test_group_orders_come_only_from_filled_groups_at_the_group_price(small_town: Path) -> None:
    query = f"""
        select count(*) filter (g.status <> 'succeeded' or o.price_minor <> g.price_minor), count(*)
        from '{small_town}/orders.parquet' o join '{small_town}/group_buys.parquet' g using (group_buy_id)"""
    wrong, n = _one(query)
    assert wrong == 0 and int(str(n)) > 0


def test_the_truth_never_lies_inside_the_dataset(small_town: Path) -> None:
    assert truth_path(small_town).parent == small_town.parent
    known = {table.name: {column.name for column in table.columns} for table in TABLES}
    for file in small_town.iterdir():
        if file.name == "dataset.toml":
            continue
        columns = {row[0] for row in duckdb.sql(f"describe from '{file}'").fetchall()}
        assert columns <= known[file.stem]


@pytest.mark.parametrize(
    ("sizes", "option"),
    [
        ({"n_owners": 0}, "--owners"),
        ({"n_members": 1}, "--members"),
        ({"n_products": -5}, "--products"),
        ({"n_days": 0}, "--days"),
        ({"seed": -1}, "--seed"),
        ({"n_orders": 0}, "--orders"),
    ],
)
def test_impossible_sizes_are_refused_with_the_option_and_what_came(
    sizes: dict[str, int], option: str
) -> None:
    with pytest.raises(UsageError, match=f"{option} must be .* got {next(iter(sizes.values()))}"):
        TownConfig(**sizes)


@pytest.mark.parametrize("sizes", [(1, 2, 2, 1), (1, 2, 2, 40), (50, 10, 3, 3), (2, 50, 7, 2)])
def test_the_smallest_towns_can_be_played(sizes: tuple[int, int, int, int], tmp_path: Path) -> None:
    simulate(TownConfig(*sizes, seed=1, n_orders=40), tmp_path / "town")
    assert check_dataset(tmp_path / "town").n_errors == 0


def test_a_taken_place_is_refused_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    simulate(TINY, tmp_path / "town")
    before = _hashes(tmp_path / "town")
    with pytest.raises(UsageError, match="already exists"):
        simulate(TINY, tmp_path / "town")
    assert _hashes(tmp_path / "town") == before

    def interrupt(done: int, n_days: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(TINY, tmp_path / "other", progress=interrupt)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["town", "town.truth"]


def test_the_command_prints_rows_as_json(tmp_path: Path) -> None:
    path = tmp_path / "town"
    sizes = ["--owners", "3", "--members", "20", "--products", "10", "--days", "3", "--seed", "2"]
    result = CliRunner().invoke(build_app(), ["simulate", str(path), *sizes, "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["rows"]["products"] == 10 and Path(said["truth"]).is_dir()


def test_commission_does_not_follow_quality_and_list_prices_are_inflated(tmp_path: Path) -> None:
    simulate(TownConfig(n_owners=5, n_members=20, n_products=5_000, n_days=2, n_orders=50), tmp_path / "town")
    rows = duckdb.sql(f"""
        select p.quality, p.commission_rate, f.commission_rate, f.list_price_minor / p.base_price_minor
        from '{tmp_path}/town.truth/products.parquet' p
        join '{tmp_path}/town/offers.parquet' f using (product_id)
        """).fetchnumpy()
    quality, commission, shown, inflation = rows.values()
    assert abs(np.corrcoef(quality, commission)[0, 1]) < 0.04
    assert np.array_equal(commission, shown)
    assert np.quantile(inflation, 0.5) > 1.5
