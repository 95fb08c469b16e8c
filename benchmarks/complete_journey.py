"""Good value on a year of grocery baskets: is it blind to package size, and is what has its badge rebought?

The Complete Journey, cut after two thirds of its year; what the value is computed from holds no later line.

Size: a random half of the products with a size is restated as another package (size and every price times
2, 5 or a half; the contract knows g and ml, so there is no kg to restate them in). Printed is the largest
change of the price percentile and of the value score, also with the price of quality held as it was, and by a
red control that changes the prices alone. All prices are in tenths of a cent, so that half of one is whole.

Rebuys: of the households that bought a product in the 30 days after the cut, the share that bought it again,
on a later day, within 90 days of that. Badged products stand against unbadged ones of the same leaf category
and quartile of the unit price percentile (Mantel-Haenszel over these cells), with a 95 % interval from 1,000
resamples of products.

The source tells of no return, complaint, review or delivery, so as imported no product has a good value, and
that is said. Here each line is told to be delivered when it was paid, as goods from a shop's shelf are: then
quality is what the rebuys before the cut say.

    python benchmarks/complete_journey.py                     imports through the extra complete-journey
    python benchmarks/complete_journey.py --dataset DIR --json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recsys.threads import limit_threads

limit_threads()

import duckdb  # noqa: E402  after the thread limits
import numpy as np  # noqa: E402
from scipy.stats import spearmanr  # noqa: E402

from features.columns.payable import payable  # noqa: E402
from features.columns.products import product_columns  # noqa: E402
from features.dataset import DatasetWriter, open_dataset  # noqa: E402
from features.expressions import SECONDS_PER_DAY  # noqa: E402
from features.importers import import_into  # noqa: E402
from features.window import open_window  # noqa: E402
from recsys.good_value import GoodValue  # noqa: E402
from recsys.quality import Quality  # noqa: E402
from recsys.value import (  # noqa: E402
    BADGE_VALUE_LOW,
    BADGES,
    GOOD_VALUE,
    MIN_MATURE,
    Comparables,
    Scores,
    scores_of,
    worth,
)  # fmt: skip
from training import rebought  # noqa: E402
from training.config import Graphs  # noqa: E402
from training.good_value import good_value  # noqa: E402
from training.inputs import Inputs  # noqa: E402
from training.read_inputs import read_inputs  # noqa: E402

FACTORS = (2.0, 5.0, 0.5)
TENTHS = 10  # of a cent
N_BANDS = 4

Rows = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Valued:
    """Good value as of the cut, an entry per product; `usual`: the lower of the medians of 30 and 90 days."""

    inputs: Inputs
    ids: list[str]
    category_row: Rows
    usual: Floats
    value: GoodValue


def main() -> None:
    """Prints what was found, as text or as one JSON object."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="sharepicks-cj-") as folder:
        source = asked.dataset
        if source is None:
            source = Path(folder) / "imported"
            import_into("complete-journey", Path("-"), source)
        found = measure(source, Path(folder), asked.seed)
    sys.stdout.write((json.dumps(found) if asked.json else _text(found)) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, help="Complete Journey, imported already; it is only read")
    parser.add_argument("--seed", type=int, default=1, help="of the restated half and the resamples")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(source: Path, folder: Path, seed: int) -> dict[str, Any]:
    """Everything that is printed, from the dataset in `source`."""
    cut, last = _cut(source)
    assert cut + timedelta(days=rebought.ENTRY_DAYS + rebought.FOLLOW_DAYS) <= last, (
        "the year is too short after the cut"
    )
    valued = value_of(restate(source, folder / "valued", cut), cut)
    assert valued is not None
    as_imported = value_of(restate(source, folder / "as-imported", cut, delivered=False), cut, valued.inputs)
    rng = np.random.default_rng(seed)
    return {
        "cut": cut.isoformat(), "seed": seed, "as_imported": as_imported is not None,
        "size": _size_moves(source, folder, cut, valued, rng), "size_as_it_is": _size_as_it_is(valued),
        "badge": _conditions(valued), "rebuys": _compared(valued, rebuys_after(source, valued.ids, cut), rng),
    }  # fmt: skip


def _cut(source: Path) -> tuple[datetime, datetime]:
    """Midnight UTC after two thirds of the year, and the last order."""
    first, last = _query(
        f"select epoch(min(order_time)), epoch(max(order_time)) from {_table(source, 'orders')}"
    )
    moment = float(first[0]) + (float(last[0]) - float(first[0])) * 2 / 3
    return (
        datetime.fromtimestamp(moment // SECONDS_PER_DAY * SECONDS_PER_DAY, UTC),
        datetime.fromtimestamp(float(last[0]), UTC),
    )


def restate(
    source: Path, path: Path, cut: datetime, *, factor: float = 1.0, chosen: tuple[str, ...] = (),
    delivered: bool = True,
) -> Path:  # fmt: skip
    """A dataset of what was known at the cut, the chosen products in packages `factor` times as large."""
    known = f"<= timestamptz '{cut.isoformat()}'"
    times = f"(case when product_id in (from chosen) then {factor} else 1.0 end)"
    minor = f"cast({{0}} * {TENTHS} * {times} as bigint) as {{0}}"
    queries = {
        "products": f"select * replace (unit_quantity * {times} as unit_quantity) "
        f"from {_table(source, 'products')}",
        "suppliers": f"from {_table(source, 'suppliers')}",
        "owners": f"from {_table(source, 'owners')}",
        "orders": f"select * replace ({minor.format('price_minor')})"
        f"{', order_time as delivered_time' if delivered else ''} "
        f"from {_table(source, 'orders')} where order_time {known}",
        "offers": f"select * replace ({minor.format('price_minor')}, {minor.format('coupon_minor')}) "
        f"from {_table(source, 'offers')} where effective_time {known}",
    }
    with duckdb.connect() as connection, DatasetWriter(path) as writer:
        connection.execute("set timezone = 'UTC'; create table chosen (product_id varchar)")
        if chosen:
            connection.execute("insert into chosen select unnest(?)", [list(chosen)])
        for name, query in queries.items():
            writer.append(name, connection.sql(query).to_arrow_table())
    return path


def value_of(path: Path, cut: datetime, inputs: Inputs | None = None) -> Valued | None:
    """Good value of the dataset as of the cut, or None; nothing later than the cut can be read.

    `inputs`: of the same dataset in other packages; good value takes ids, groups and co-purchases from them.
    """
    with open_window(open_dataset(path), cut, threads=1) as window:
        assert window.as_of == cut
        for table, column in (("orders", "order_time"), ("offers", "effective_time")):
            newest = window.table(table)[column].max().execute()
            assert newest.timestamp() <= cut.timestamp(), f"{table} reach {newest}, after the cut"
        inputs = inputs or read_inputs(window, Graphs())
        value = good_value(window, inputs, 0)
        if value is None:
            return None
        columns = product_columns(window)
        usual = payable(window, columns).usual
        ids = [str(product) for product in window.ids["products"]]
        return Valued(inputs, ids, columns.category_row.astype(np.int64), usual, value)


def _size_moves(
    source: Path, folder: Path, cut: datetime, before: Valued, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """How far the price percentile and the value score move where half of the packages are restated."""
    sized = np.flatnonzero(before.value.unit >= 0)
    half = np.sort(rng.permutation(sized)[: len(sized) // 2])
    chosen = tuple(before.ids[row] for row in half)
    old = before.value
    unit_price = unit_prices(old)
    as_was = rescored(old, unit_price, old.price_of_quality)
    found = []
    for factor in FACTORS:
        path = restate(source, folder / f"times-{factor}", cut, factor=factor, chosen=chosen)
        after = value_of(path, cut, before.inputs)
        assert after is not None and after.ids == before.ids
        new = after.value
        assert (new.quantity[half] == factor * old.quantity[half]).all()
        held = rescored(new, unit_prices(new), old.price_of_quality)
        dearer = unit_price.copy()
        dearer[half] *= factor
        control = rescored(old, dearer, old.price_of_quality)
        found.append({
            "factor": factor, "n_restated": len(half),
            "n_compared": int((old.price_percentile >= 0).sum()),
            "price_percentile": _largest(old.price_percentile, new.price_percentile),
            "n_percentiles_moved": int((old.price_percentile != new.price_percentile).sum()),
            "value_score": _largest(old.value_score, new.value_score),
            "value_score_mean": float(np.abs(old.value_score - new.value_score)[old.value_score >= 0].mean()),
            "value_score_held": _largest(as_was.value_score, held.value_score),
            "price_of_quality": _largest(old.price_of_quality, new.price_of_quality),
            "n_badges_moved": int((old.badge != new.badge).sum()),
            "control_price_percentile": _largest(as_was.price_percentile, control.price_percentile),
        })  # fmt: skip
    return found


def unit_prices(value: GoodValue) -> Floats:
    """The price by the unit, NaN where there is none."""
    return np.where(value.price > 0, value.price, np.nan) / value.quantity


def rescored(value: GoodValue, unit_price: Floats, price_of_quality: Any) -> Scores:
    """The scores of the same products and qualities at other unit prices or prices of quality."""
    quality = Quality(value.quality.astype(np.float64), value.quality_low.astype(np.float64))
    u, spread = worth(quality, unit_price, price_of_quality.astype(np.float64))
    return scores_of(Comparables(value.set_row, value.sets), u, spread, unit_price)


def _largest(before: Any, after: Any) -> float:
    """The largest difference; a product without a figure has none in both."""
    gap = np.abs(before.astype(np.float64) - after.astype(np.float64))
    assert (np.isnan(before) == np.isnan(after)).all()
    return float(np.nanmax(gap))


def _size_as_it_is(valued: Valued) -> dict[str, Any]:
    """How the unit price percentile goes with package size within a leaf category and unit."""
    value = valued.value
    used = np.flatnonzero((value.price_percentile >= 0) & (value.unit >= 0) & (valued.category_row >= 0))
    group = valued.category_row[used] * 4 + value.unit[used]
    place = rebought.place_within(value.quantity[used], group)
    several = np.isfinite(place)
    percentile = value.price_percentile[used][several].astype(np.float64)
    third = np.minimum((place[several] * rebought.N_THIRDS).astype(np.int64), rebought.N_THIRDS - 1)
    return {
        "n_products": int(several.sum()),
        "spearman": float(spearmanr(place[several], percentile).statistic),
        "mean_percentile_by_third_of_size": [
            float(percentile[third == t].mean()) for t in range(rebought.N_THIRDS)
        ],
    }


def _conditions(valued: Valued) -> dict[str, Any]:
    """How many products each condition of the badge closes it for, and for how many it alone does."""
    value = valued.value
    scored = value.value_score >= 0
    met = {
        f"value_low >= {BADGE_VALUE_LOW}": value.value_low >= BADGE_VALUE_LOW,
        "quality_low over the floor": value.quality_low > value.quality_floor,
        "price at or under its medians": value.price <= valued.usual,
        f"{MIN_MATURE} mature lines": value.n_mature >= MIN_MATURE,
    }
    n_met = np.sum(list(met.values()), axis=0)
    return {
        "n_products": len(scored), "n_priced": int((value.price >= 0).sum()), "n_scored": int(scored.sum()),
        "closes": {name: int((scored & ~holds).sum()) for name, holds in met.items()},
        "closes_alone": {
            name: int((scored & ~holds & (n_met == len(met) - 1)).sum()) for name, holds in met.items()
        },
        "n_by_badge": {str(name): int((scored & (value.badge == b)).sum()) for b, name in enumerate(BADGES)},
        "weights": dict(value.weights),
    }  # fmt: skip


def rebuys_after(source: Path, ids: list[str], cut: datetime) -> rebought.Rebuys:
    """What became of the households that bought each product within 30 days after the cut."""
    products, members, seconds = _query(
        f"select product_id, member_id, epoch(order_time) from {_table(source, 'orders')} "
        f"where order_time > timestamptz '{cut.isoformat()}' order by all"
    )
    product_row = np.searchsorted(np.array(ids), products.astype(str))
    assert (np.array(ids)[product_row] == products).all()
    _, member_row = np.unique(members.astype(str), return_inverse=True)
    return rebought.rebuys_of(product_row, member_row, seconds - cut.timestamp(), len(ids))


def _compared(valued: Valued, rebuys: rebought.Rebuys, rng: np.random.Generator) -> dict[str, Any]:
    """Badged against unbadged, and thirds of the value score, within leaf category and price band."""
    value = valued.value
    told = (value.value_score >= 0) & (valued.category_row >= 0) & (rebuys.buyers > 0)
    known = told & (value.n_mature >= MIN_MATURE)
    band = np.clip((value.price_percentile * N_BANDS).astype(np.int64), 0, N_BANDS - 1)
    cell = valued.category_row * N_BANDS + band
    badged, unbadged = value.badge == GOOD_VALUE, value.badge == 0
    third = rebought.thirds(value.value_score.astype(np.float64), cell, known)
    missed = value.rates[:, list(value.weights).index("no_rebuy")].astype(np.float64)
    earlier = rebought.thirds(missed, valued.category_row, known)
    alike = known & (earlier >= 0)
    groups = {
        "badge against none": (cell, told & badged, told & unbadged),
        "badge against none, 20 mature lines": (cell, known & badged, known & unbadged),
        "top third of value score against the bottom one": (cell, third == 2, third == 0),
        "middle third of value score against the bottom one": (cell, third == 1, third == 0),
        "badge against none, 20 mature lines, the same third of earlier rebuys": (
            cell * rebought.N_THIRDS + earlier, alike & badged, alike & unbadged,
        ),
    }  # fmt: skip
    return {name: rebought.matched(rebuys, *group, rng) for name, group in groups.items()}


def _table(source: Path, name: str) -> str:
    return f"read_parquet('{source / name}.parquet')"


def _query(query: str) -> list[Any]:
    """The columns of a query's answer as arrays."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        return [np.asarray(column) for column in connection.execute(query).fetchnumpy().values()]


def _text(found: dict[str, Any]) -> str:
    badge, size = found["badge"], found["size_as_it_is"]
    thirds = ", ".join(f"{mean:.3f}" for mean in size["mean_percentile_by_third_of_size"])
    lines = [
        f"cut {found['cut']}, seed {found['seed']}",
        f"as imported there is {'a' if found['as_imported'] else 'no'} good value; here lines are "
        "delivered when they are paid",
        "\nhalf of the products restated: largest change",
        *(_size_line(row) for row in found["size"]),
        f"\nsizes as they are, {size['n_products']:,} products: Spearman of size and price percentile within "
        f"category and unit {size['spearman']:.3f};\nmean percentile of small, middle and large: {thirds}",
        f"\n{badge['n_scored']:,} of {badge['n_products']:,} products have a value score; "
        f"{badge['n_by_badge']}; weights {badge['weights']}",
    ]  # fmt: skip
    for name, n in badge["closes"].items():
        lines.append(f"  {name} closes the badge for {n:,}, alone for {badge['closes_alone'][name]:,}")
    lines.append("\nbought again within 90 days, same leaf category and price band")
    for name, row in found["rebuys"].items():
        lines.append(
            f"  {name}: {row['n_one']:,} and {row['n_other']:,} products in {row['n_cells']:,} cells, "
            f"{row['buyers_one']:,} and {row['buyers_other']:,} buyers"
        )
        if "ratio" in row:
            lines.append(
                f"    {row['rate_one']:.4f} and {row['rate_other']:.4f}; difference "
                f"{_interval(row['difference'])}, ratio {_interval(row['ratio'])}"
            )
    return "\n".join([*lines, "", _sentence(next(iter(found["rebuys"].values())))])


def _size_line(row: dict[str, Any]) -> str:
    return (
        f"  times {row['factor']}: price percentile {row['price_percentile']:.2g} "
        f"({row['n_percentiles_moved']:,} of {row['n_compared']:,} moved; "
        f"red control {row['control_price_percentile']:.2g}), value score {row['value_score']:.2g} "
        f"(mean {row['value_score_mean']:.2g}; price of quality held: {row['value_score_held']:.2g}; "
        f"it moved {row['price_of_quality']:.2g}), badges moved {row['n_badges_moved']:,}"
    )


def _interval(ends: list[float]) -> str:
    return f"{ends[0]:.4f} ({ends[1]:.4f} to {ends[2]:.4f})"


def _sentence(row: dict[str, Any]) -> str:
    if "difference" not in row:
        return "No product has a badge beside an unbadged one, so nothing can be said of it."
    _, low, high = row["difference"]
    told = (
        "more than"
        if low > 0
        else "less than"
        if high < 0
        else "neither more nor less, that could be told, than"
    )
    return f"Badged products are bought again {told} unbadged ones of the same leaf category and price band."


if __name__ == "__main__":
    main()
