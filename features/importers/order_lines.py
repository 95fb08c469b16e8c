"""What several importers do to order lines: keys for repeated lines, and prices that began."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def number_repeated_lines(order_ids: pd.Series, product_ids: pd.Series) -> pd.Series:
    """Order ids that tell every line apart: the second line of one order and product gets `#2`, and so on.

    A line is one decision to buy, and return rates count lines, so lines are told apart and not summed up.
    """
    nth = order_ids.groupby([order_ids, product_ids], sort=False).cumcount() + 1
    numbered = order_ids.astype(str)
    again = nth > 1
    return numbered.where(~again, numbered + "#" + nth.astype(str)) if again.any() else numbered


def begin_prices(lines: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Prices that began: product_id, effective_time and `columns`, one row per change, oldest first.

    `lines` has product_id, order_time (UTC) and the price `columns`. The price of a product's day is the one
    most of its lines had (of equals the lowest), and it began with its first line that day.
    """
    by = ["product_id", "day", *columns]
    days = lines.assign(day=lines["order_time"].dt.floor("D")).groupby(by, sort=False)["order_time"]
    prices = days.agg(n_lines="size", effective_time="min").reset_index()
    prices = prices.sort_values(
        ["product_id", "day", "n_lines", *columns], ascending=[True, True, False, *(True for _ in columns)]
    ).drop_duplicates(["product_id", "day"])
    before = prices.groupby("product_id", sort=False)[list(columns)].shift()
    changed = (prices[list(columns)] != before).any(axis=1)
    return prices.loc[changed, ["product_id", "effective_time", *columns]]
