"""Group buys opened since the store began: who opened each, and how many joined it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from recsys.live import DAY_US

Row = Mapping[str, Any]


class GroupsOpen:
    """Groups by their ids and who joined each; a group that names no deadline has one day."""

    def __init__(self) -> None:
        self._groups: dict[str, Row] = {}
        self._joined: dict[str, set[str]] = {}

    def apply(self, table_name: str, row: Row) -> None:
        """Take in one row; applied twice it says the same."""
        if table_name == "group_buys":
            self._groups[row["group_buy_id"]] = row
        elif table_name == "group_buy_joins":
            self._joined.setdefault(row["group_buy_id"], set()).add(row["member_id"])

    def forget_member(self, is_hers: Callable[[str], bool]) -> None:
        """Drop the members that `is_hers` names, and the groups that they opened."""
        for members in self._joined.values():
            members -= {name for name in members if is_hers(name)}
        self._keep(lambda row: not is_hers(row["initiator_id"]))

    def let_go(self, since_us: int) -> None:
        """Drop what ended before a moment."""
        self._keep(lambda row: _ends_us(row) >= since_us)

    def short_of(self, initiators: Collection[str], now_us: int) -> dict[str, tuple[int, int] | None]:
        """Product → (members required, end in µs) of a group of theirs that lacks one; None: none does."""
        found: dict[str, tuple[int, int] | None] = {}
        for group_id, row in self._groups.items():
            if row["initiator_id"] not in initiators:
                continue
            ends_us, n_joined = _ends_us(row), len(self._joined.get(group_id, ()))
            is_open = row.get("status", "open") == "open" and ends_us > now_us
            if is_open and row["required_count"] - n_joined == 1:
                known = found.get(row["product_id"])
                if known is None or ends_us < known[1]:
                    found[row["product_id"]] = (row["required_count"], ends_us)
            else:
                found.setdefault(row["product_id"], None)
        return found

    def _keep(self, is_kept: Callable[[Row], bool]) -> None:
        self._groups = {name: row for name, row in self._groups.items() if is_kept(row)}
        self._joined = {name: found for name, found in self._joined.items() if name in self._groups}


def _ends_us(row: Row) -> int:
    found: int = row.get("expire_time", row["open_time"] + DAY_US)
    return found
