"""Id lists and string columns: rows by halving, many at once, and nothing found that is not there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.columns import StringColumn
from recsys.errors import SnapshotError
from recsys.ids import BLOCK_ROWS, MAX_ID_BYTES, IdList
from recsys.values import strings_complaint

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


def test_rows_are_places_in_the_order() -> None:
    ids = IdList.of(["a", "b10", "b2", "茶"])
    assert [ids.row(i) for i in ("a", "b10", "b2", "茶")] == [0, 1, 2, 3]
    assert [ids.row(i) for i in ("", "A", "b", "b1", "b3", "茶叶", "\ud800")] == [-1] * 7
    assert ids.rows(["茶", "b", "a", "a"]).tolist() == [3, -1, 0, 0]
    assert (ids[1], ids.take([3, 0]), list(ids), len(ids)) == (
        "b10",
        ["茶", "a"],
        ["a", "b10", "b2", "茶"],
        4,
    )
    assert "b2" in ids and "b3" not in ids


@settings(deadline=None)
@given(st.sets(WORDS), st.lists(WORDS))
def test_one_and_many_agree_with_a_dict(known: set[str], asked: list[str]) -> None:
    ids = IdList.of(sorted(known))
    truth = {id_: row for row, id_ in enumerate(sorted(known))}
    questions = [*asked, *sorted(known, reverse=True)]
    assert strings_complaint(ids) is None
    assert [ids.row(i) for i in questions] == [truth.get(i, -1) for i in questions]
    assert ids.rows(questions).tolist() == [truth.get(i, -1) for i in questions]
    assert list(ids) == sorted(known)


@pytest.mark.parametrize("pattern", ["p{:07d}", "m{}"], ids=["equal width", "any width"])
def test_many_rows_are_found_across_blocks(pattern: str) -> None:
    names = sorted(pattern.format(i) for i in range(2 * BLOCK_ROWS + 7))
    ids = IdList.of(names)
    rows = ids.rows([*names, "zzz", "", names[-1] + "0", "x" * 5000])
    assert rows[: len(names)].tolist() == list(range(len(names)))
    assert rows[len(names) :].tolist() == [-1] * 4
    few = [names[0], names[BLOCK_ROWS - 1], names[BLOCK_ROWS], names[-1], "none"]
    assert ids.rows(few).tolist() == [0, BLOCK_ROWS - 1, BLOCK_ROWS, len(names) - 1, -1]


def test_a_nul_at_the_end_is_another_id() -> None:
    """numpy's fixed-width bytes cannot tell them apart, so a NUL is never asked and never stored."""
    ids = IdList.of(["a"])
    assert ids.row("a\0") == -1
    assert ids.rows(["a\0", "a"]).tolist() == [-1, 0]
    assert "NUL" in str(strings_complaint(IdList.of(["a\0"])))


def test_an_empty_list_knows_nobody() -> None:
    ids = IdList.of([])
    assert (len(ids), ids.row("a"), ids.rows(["a", ""]).tolist(), list(ids)) == (0, -1, [-1, -1], [])
    assert ids.rows([]).tolist() == [] and ids.take([]) == []


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["b", "a"], "sorted"),
        (["a", "a"], "unique"),
        ([""], "1 to 1024 bytes"),
        (["x" * (MAX_ID_BYTES + 1)], "1 to 1024 bytes"),
    ],
)
def test_ids_that_break_the_rule_are_named(ids: list[str], said: str) -> None:
    assert said in str(strings_complaint(IdList.of(ids)))


def test_a_fall_between_two_blocks_is_found() -> None:
    names = [f"{i:06d}" for i in range(70_000)]
    assert strings_complaint(IdList.of(names)) is None
    names[32_768] = names[32_767]
    assert "unique" in str(strings_complaint(IdList.of(names)))


def test_rows_outside_are_refused_not_wrapped() -> None:
    column = StringColumn.of(["one", "", "二"])
    assert column.take([2, 1]) == ["二", ""]
    for row in (-1, 3):
        with pytest.raises(IndexError, match="must be in"):
            column[row]
        with pytest.raises(IndexError, match="must be in"):
            column.take([0, row])


@pytest.mark.parametrize("value", [None, 7, "\ud800"])
def test_what_is_no_string_is_refused(value: object) -> None:
    with pytest.raises(SnapshotError, match="row 1: must be"):
        StringColumn.of(["fine", value])  # type: ignore[list-item]
