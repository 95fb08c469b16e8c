"""Splits, truth and judging by hand; then the whole on a small world, with and without a twin."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from features.dataset import DatasetWriter, open_dataset
from features.window import open_window
from recsys.errors import ConfigError, DataError, SnapshotError, UsageError
from recsys.model_files import model_of
from recsys.snapshot import open_snapshot
from training.ablation import without_social
from training.assemble import assemble
from training.baselines import fit_baseline
from training.closed import Closed, closed_by
from training.config import Graphs, config_from
from training.evaluate import evaluate
from training.evaluation_text import evaluation_text
from training.evaluation_words import said_of
from training.facts import gather_facts
from training.holding_out import write_without_held_out
from training.judging import judge, rank_baseline, top_rows
from training.problem import Facts, Lines, build_problem
from training.rank_ours import map_facts, rank_ours
from training.read_inputs import read_inputs
from training.split import datetime_of, hold_out, time_cut, us_of
from training.train import train

CUT = datetime(2025, 3, 1, tzinfo=UTC)
BEFORE, AFTER = datetime(2025, 2, 1, tzinfo=UTC), datetime(2025, 3, 2, tzinfo=UTC)


def test_cut_leaves_a_fifth_to_be_judged() -> None:
    times = np.arange(10, dtype=np.int64)[::-1] * 100
    assert time_cut(times) == 799
    assert (times > time_cut(times)).sum() == 2


def test_orders_of_one_instant_are_never_divided() -> None:
    assert time_cut(np.array([1, 2, 5, 5, 5], dtype=np.int64)) == 4


def test_a_world_of_one_instant_cannot_be_cut() -> None:
    with pytest.raises(DataError, match="two instants"):
        time_cut(np.array([7, 7, 7], dtype=np.int64))


def test_microseconds_round_trip() -> None:
    moment = datetime(2025, 3, 1, 12, 30, 1, 5, tzinfo=UTC)
    assert datetime_of(us_of(moment)) == moment


@given(seed=st.integers(0, 500))
def test_holding_out_leaves_everybody_something_and_takes_a_fifth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    person = rng.integers(0, 8, 60).astype(np.int32)
    product = rng.integers(0, 15, 60).astype(np.int32)
    held = hold_out(person, product, rng)
    for one in np.unique(person):
        mine = person == one
        all_products, left = set(product[mine]), set(product[mine & ~held])
        n_held = len(all_products) - len(left)
        assert n_held == (max(1, len(all_products) // 5) if len(all_products) > 1 else 0)
        assert not left & set(product[mine & held])  # a product goes whole


def test_holding_out_is_the_same_for_the_same_seed() -> None:
    person, product = np.repeat(np.arange(5, dtype=np.int32), 4), np.tile(np.arange(4, dtype=np.int32), 5)
    first, again = (hold_out(person, product, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)


def _lines(
    pairs: list[tuple[int, int]], kept: list[bool] | None = None, scene: list[int] | None = None
) -> Lines:
    n = len(pairs)
    rows = np.array(pairs, dtype=np.int32).reshape(n, 2)
    return Lines(
        rows[:, 0],
        rows[:, 1],
        np.array(kept or [True] * n, dtype=bool),
        np.array(scene or [-1] * n, dtype=np.int32),
    )


# Owner 0 is member 0, her circle members 0, 1 and 2; owner 1 is member 3, her circle member 2.
FACTS = Facts(
    owner_ids=np.array(["ann", "bo"]), product_ids=np.array(["p0", "p1", "p2", "p3"]), n_members=4,
    owner_member=np.array([0, 3], dtype=np.int32),
    before=_lines([(0, 0), (1, 0), (2, 1), (3, 3)]),
    after=_lines(
        [(0, 0), (0, 1), (1, 2), (2, 2), (1, 1), (1, 0), (3, 2)],
        kept=[True, True, True, True, False, True, True], scene=[-1, -1, 0, -1, -1, -1, -1],
    ),
    circle=sp.csr_array(np.array([[1, 1, 1, 0], [0, 0, 1, 0]], dtype=np.float32)),
    n_shares=np.array([2, 0]), category_row=np.array([0, 0, 1, 1], dtype=np.int32),
    supplier_row=np.array([0, 0, 1, 1], dtype=np.int32), scenes=("festival",),
)  # fmt: skip


FACTS_MATRIX = build_problem(FACTS, "circle", np.random.default_rng(0)).matrix


def test_self_truth_is_what_she_orders_later_and_never_before() -> None:
    problem = build_problem(FACTS, "self", np.random.default_rng(0))
    assert problem.truth.toarray().tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]  # p0 she had before
    assert problem.seen.toarray().tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]


def test_circle_truth_counts_members_who_kept_it_and_leaves_herself_out() -> None:
    problem = build_problem(FACTS, "circle", np.random.default_rng(0))
    # p1: she herself, and member 1 who returned it; p2: members 1 and 2; p0: member 1 again
    assert problem.truth.toarray().tolist() == [[1, 0, 2, 0], [0, 0, 1, 0]]
    assert problem.seen.nnz == 0
    assert problem.asked.history.toarray().tolist() == [[1, 1, 0, 0], [0, 1, 0, 0]]


def test_slices_pick_owners_and_products() -> None:
    facts = dataclasses.replace(FACTS, before=_lines([(0, 0), (1, 0), (2, 1), (1, 3), (3, 3)]))
    slices = {s.name: s for s in build_problem(facts, "circle", np.random.default_rng(0)).slices}
    assert slices["owners without shares"].owners.tolist() == [False, True]  # type: ignore[union-attr]
    assert slices["new owners"].owners.tolist() == [False, True]  # type: ignore[union-attr]
    assert slices["cold products"].truth.toarray().tolist() == [[0, 0, 2, 0], [0, 0, 1, 0]]  # type: ignore[union-attr]
    assert slices["scene: festival"].truth.toarray().tolist() == [[0, 0, 2, 0], [0, 0, 0, 0]]  # type: ignore[union-attr]


def test_small_suppliers_stand_outside_the_largest() -> None:
    ordered = np.array([0, 0, 0, 0, 0, 0, 0, 0, 2], dtype=np.int32)
    facts = dataclasses.replace(FACTS, before=_lines([(1, int(p)) for p in ordered]))
    slices = {s.name: s for s in build_problem(facts, "circle", np.random.default_rng(0)).slices}
    assert slices["small suppliers"].truth.toarray().tolist() == [[0, 0, 2, 0], [0, 0, 1, 0]]  # type: ignore[union-attr]


def test_nothing_relevant_is_said() -> None:
    nobody = dataclasses.replace(FACTS, after=_lines([(0, 0)]))
    with pytest.raises(DataError, match="no owner has a relevant product"):
        build_problem(nobody, "self", np.random.default_rng(0))


def test_owners_are_drawn_when_there_are_too_many() -> None:
    assert build_problem(FACTS, "self", np.random.default_rng(0), max_owners=1).asked.n == 1


def test_top_rows_break_ties_by_the_smaller_row_and_end_at_what_is_masked() -> None:
    scores = np.array([[1, 3, 3, 0], [-np.inf, 2, -np.inf, 1]], dtype=np.float32)
    assert top_rows(scores, 3).tolist() == [[1, 2, 0], [3 - 2, 3, -1]]
    assert top_rows(scores, 6).tolist() == [[1, 2, 0, 3, -1, -1], [1, 3, -1, -1, -1, -1]]


def test_baseline_lists_never_hold_what_she_has() -> None:
    problem = build_problem(FACTS, "self", np.random.default_rng(0))
    ranked = rank_baseline(fit_baseline("popular", problem.matrix, np.random.default_rng(0)), problem)
    assert ranked[0, :3].tolist() == [1, 3, 2] and (ranked[0, 3:] == -1).all()
    assert ranked[1, :3].tolist() == [0, 1, 2]


def test_a_baseline_sums_what_each_member_lacks_where_nobody_buys_again() -> None:
    """Red control: with repeats the circle's own purchases lead, which could never be right here."""
    facts = dataclasses.replace(FACTS, before=_lines([(1, 0), (2, 0), (2, 1), (3, 3)]), repeats=False)
    for repeats, expected in ((True, [0, 1, 3]), (False, [3, 1, 0])):
        problem = build_problem(
            dataclasses.replace(facts, repeats=repeats), "circle", np.random.default_rng(0)
        )
        ranked = rank_baseline(fit_baseline("popular", problem.matrix, np.random.default_rng(0)), problem)
        # popular: p0 2, p1 1, p3 1; members 1 and 2 both have p0, member 2 has p1, so 0, 1 and 2 are left
        assert ranked[0, :2].tolist() == expected[:2]


CLOSED = Closed(
    {"out_of_stock": np.array([False, False, False, True])},
    {"shared_recently": sp.csr_array(np.array([[0, 0, 1, 0], [0, 0, 0, 0]], dtype=np.float32))},
)


def test_what_a_gate_closes_is_no_right_answer_and_in_no_baseline() -> None:
    """Owner 0 shared p2 lately and p3 is sold out. Red control: without gates both are there."""
    open_ = build_problem(FACTS, "circle", np.random.default_rng(0))
    gated = build_problem(FACTS, "circle", np.random.default_rng(0), None, CLOSED)
    assert open_.truth.toarray().tolist() == [[1, 0, 2, 0], [0, 0, 1, 0]]
    assert gated.truth.toarray().tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert gated.n_behind_gates == {"shared_recently": 1}
    popular = fit_baseline("popular", FACTS_MATRIX, np.random.default_rng(0))
    assert set(rank_baseline(popular, open_)[0, :4]) == {0, 1, 2, 3}
    assert set(rank_baseline(popular, gated)[0]) == {0, 1, -1}
    assert set(rank_baseline(popular, gated)[1]) == {0, 1, 2, -1}


def test_an_owner_whose_every_answer_is_closed_is_not_judged() -> None:
    closed = Closed({}, {"shared_recently": sp.csr_array(np.array([[1, 0, 1, 0], [0, 0, 0, 0]], np.float32))})
    problem = build_problem(FACTS, "circle", np.random.default_rng(0), None, closed)
    assert problem.owner_ids.tolist() == ["bo"]


def test_gates_are_named_with_what_they_took_away() -> None:
    gated = build_problem(FACTS, "circle", np.random.default_rng(0), None, CLOSED)
    said = " ".join(said_of(gated, held_out=False, max_owners=None))
    assert "They took away 1 shared by the owner herself in the 14 days before it" in said
    assert "what a member has already may be right again" in said
    without = build_problem(FACTS, "circle", np.random.default_rng(0))
    assert "no right answer away" in " ".join(said_of(without, held_out=True, max_owners=None))


def test_slices_that_the_data_cannot_have_are_named() -> None:
    facts = dataclasses.replace(
        FACTS, supplier_row=np.full(4, -1, dtype=np.int32), n_shares=np.zeros(2, dtype=np.int64),
        after=_lines([(1, 2), (3, 2)]),
    )  # fmt: skip
    problem = build_problem(facts, "circle", np.random.default_rng(0))
    assert [sentence.split(":")[0] for sentence in problem.slices_off] == [
        "small suppliers", "scene", "owners without shares",
    ]  # fmt: skip
    assert {part.name for part in problem.slices} == {"new owners", "cold products"}


def test_judging_puts_a_perfect_list_above_a_baseline_and_pairs_the_difference() -> None:
    problem = build_problem(FACTS, "self", np.random.default_rng(0))
    perfect = np.full((2, 20), -1, dtype=np.int32)
    perfect[:, 0] = [1, 2]
    worst = np.full((2, 20), -1, dtype=np.int32)
    worst[:, 0] = [3, 0]
    found = judge(
        problem, {"sharepicks": perfect, "popular": worst}, {"sharepicks": "S", "popular": "P"},
        np.random.default_rng(0),
    )  # fmt: skip
    assert found.ours.measures["ndcg@20"].mean == 1.0
    main = next(c for c in found.comparisons if c.measure == "ndcg@20")
    assert (main.against, main.difference.mean, main.difference.low) == ("popular", 1.0, 1.0)
    assert main.ratio is None
    assert found.best_baseline is not None and found.best_baseline.name == "popular"
    assert found.as_json()["methods"][0]["measures"]["recall@20"]["mean"] == 1.0


def _write_world(
    path: Path, *, timeless: bool, n_owners: int = 12, turned_after: datetime | None = None,
    shared: str | None = None,
) -> None:  # fmt: skip
    """Owners in two groups of taste, each with the members of her group as circle; orders over 40 days.

    `turned_after`: orders after that moment are of the other taste. `shared`: what every owner shared.
    """
    rng = np.random.default_rng(8)
    n_members, n_products = 60, 30
    product_ids = [f"p{i:02}" for i in range(n_products)]
    order_ids, members, products, times = [], [], [], []
    for member in range(n_members):
        for product in rng.choice(n_products // 2, 8, replace=False) + (member % 2) * (n_products // 2):
            order_ids.append(f"o{len(order_ids):04}")
            members.append(f"m{member:02}")
            products.append(product_ids[product])
            times.append(datetime_of(us_of(BEFORE) + int(rng.integers(0, 40 * 86_400)) * 1_000_000))
    if turned_after is not None:
        products = [
            product_ids[n_products - 1 - product_ids.index(product)] if time > turned_after else product
            for product, time in zip(products, times, strict=True)
        ]
    circle = [(f"m{o:02}", f"m{m:02}") for o in range(n_owners) for m in range(n_members) if m % 2 == o % 2]
    with DatasetWriter(path, timeless=timeless, priceless=True) as writer:
        writer.append("products", {
            "product_id": product_ids, "title": product_ids,
            "category": ["A > B", "A > C"] * (n_products // 2),
        })  # fmt: skip
        orders = {
            "order_id": order_ids,
            "member_id": members,
            "product_id": products,
            "quantity": [1] * len(members),
        }
        writer.append("orders", orders if timeless else orders | {"order_time": times})
        writer.append("owners", {"owner_id": [f"m{o:02}" for o in range(n_owners)]})
        writer.append("circle", {"owner_id": [o for o, _ in circle], "member_id": [m for _, m in circle]})
        if shared is not None:
            writer.append("shares", {
                "share_id": [f"s{o}" for o in range(n_owners)],
                "owner_id": [f"m{o:02}" for o in range(n_owners)], "product_id": [shared] * n_owners,
                "share_time": [CUT - timedelta(days=1)] * n_owners,
            })  # fmt: skip


def test_what_is_held_out_is_in_neither_the_dataset_nor_the_baselines(tmp_path: Path) -> None:
    _write_world(tmp_path / "all", timeless=True)
    dataset = open_dataset(tmp_path / "all")
    early = write_without_held_out(dataset, tmp_path / "early", np.random.default_rng(0))
    with open_window(early) as before, open_window(dataset) as everything:
        facts = gather_facts(before, everything, None)
        n_lines = everything.count("members") * 8
    assert len(facts.after.member_row) == 60  # one of eight each
    assert len(facts.before.member_row) == n_lines - 60
    earlier = set(zip(facts.before.member_row.tolist(), facts.before.product_row.tolist(), strict=True))
    assert not earlier & set(
        zip(facts.after.member_row.tolist(), facts.after.product_row.tolist(), strict=True)
    )


def test_facts_end_the_past_at_the_cut(tmp_path: Path) -> None:
    _write_world(tmp_path / "all", timeless=False)
    dataset = open_dataset(tmp_path / "all")
    with open_window(dataset, CUT) as before, open_window(dataset) as everything:
        facts = gather_facts(before, everything, CUT)
        late = everything.engine.fetch(everything.table("orders").select("order_time"))["order_time"] > us_of(
            CUT
        )
    assert len(facts.after.member_row) == late.sum()
    assert len(facts.before.member_row) == (~late).sum()
    assert facts.circle.nnz == 12 * 30
    assert facts.category_row.tolist()[:2] == [1, 2]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small matrices: more threads only wait for one another."""
    monkeypatch.setenv("SHAREPICKS_THREADS", "1")
    with threadpool_limits(1, "blas"):
        yield


CHEAP = {
    "operators": {
        "walks": ["walk"],
        "spectral_factors": [4],
        "als_factors": [],
        "als_alpha": [],
        "als_regularization": [],
    },
    "ranker": {"max_folds": 1, "n_moments": 1, "n_trees": 20, "min_examples": 50},
}


def test_a_snapshot_that_has_seen_everything_is_not_judged_on_it(tmp_path: Path) -> None:
    """A twin that has not seen the later part stands in, and the words say so."""
    _write_world(tmp_path / "world", timeless=False)
    train(tmp_path / "world", tmp_path / "all", config=CHEAP)
    found = evaluate(tmp_path / "all", tmp_path / "world", target="self", baselines=["popular"])
    assert found.facts["retrained"] is True
    assert "a twin" in found.said[0]
    cut = datetime.fromisoformat(found.facts["cut_time"])
    assert BEFORE < cut < AFTER + timedelta(days=20)
    assert 0 < found.ours.measures["ndcg@20"].mean < 1  # what it had seen by heart would have given 1
    text = evaluation_text(found)
    for word in ("Recall", "NDCG", "MRR", "coverage", "Gini", "popular", "owners without shares"):
        assert word in text


def test_a_snapshot_of_an_earlier_moment_is_judged_itself_on_what_came_later(tmp_path: Path) -> None:
    _write_world(tmp_path / "world", timeless=False)
    train(tmp_path / "world", tmp_path / "cut", as_of=CUT, config=CHEAP)
    found, again = (
        evaluate(tmp_path / "cut", tmp_path / "world", target="circle", baselines=["popular"])
        for _ in range(2)
    )
    assert found.facts["retrained"] is False
    assert found.facts["cut_time"] == CUT.isoformat()
    assert found.ours.measures["ndcg@20"].mean > found.methods[1].measures["ndcg@20"].mean
    assert found.ours.measures == again.ours.measures
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["target"] == "circle"


def test_a_snapshot_of_another_version_or_world_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_world(tmp_path / "world", timeless=True)
    train(tmp_path / "world", tmp_path / "old", config=CHEAP)

    def refuse(values: object, where: str = "config") -> None:
        raise ConfigError(f"{where}: unknown key 'n_folds'")

    monkeypatch.setattr("training.config.config_from", refuse)
    with pytest.raises(SnapshotError, match=r"trained by another version.* train it again.*n_folds"):
        evaluate(tmp_path / "old", tmp_path / "world", target="self", baselines=[])
    _write_world(tmp_path / "timed", timeless=False)
    with pytest.raises(DataError, match="not the world of this snapshot"):
        evaluate(tmp_path / "old", tmp_path / "timed", baselines=[])


def test_the_cut_leaves_nothing_of_what_came_later_in_what_is_fitted(tmp_path: Path) -> None:
    """The same world with other later orders: our lists and the baselines' stay what they were."""
    _write_world(tmp_path / "one", timeless=False)
    _write_world(tmp_path / "other", timeless=False, turned_after=CUT)
    found = []
    for name in ("one", "other"):
        train(tmp_path / name, tmp_path / f"{name}.snap", as_of=CUT, config=CHEAP)
        dataset = open_dataset(tmp_path / name)
        model = model_of(open_snapshot(tmp_path / f"{name}.snap"))
        with open_window(dataset, CUT) as before, open_window(dataset) as everything:
            problem = build_problem(gather_facts(before, everything, CUT), "circle", np.random.default_rng(0))
        knn = fit_baseline("co_purchase_knn", problem.matrix, np.random.default_rng(0))
        found.append((rank_ours(model, problem, 10), rank_baseline(knn, problem, 10), problem.truth))
    (ours, theirs, truth), (ours_too, theirs_too, other_truth) = found
    assert np.array_equal(ours, ours_too) and np.array_equal(theirs, theirs_too)
    assert (truth != other_truth).nnz > 0  # red control: the later orders do differ


def test_gates_of_the_snapshot_stand_before_every_method(tmp_path: Path) -> None:
    """Every owner shared p00 the day before the cut: nobody lists it, and it is no right answer."""
    _write_world(tmp_path / "world", timeless=False, shared="p00")
    train(tmp_path / "world", tmp_path / "cut", as_of=CUT, config=CHEAP)
    found = evaluate(tmp_path / "cut", tmp_path / "world", baselines=["popular"])
    assert any("shared by the owner herself" in sentence for sentence in found.said)
    model = model_of(open_snapshot(tmp_path / "cut"))
    dataset = open_dataset(tmp_path / "world")
    with open_window(dataset, CUT) as before, open_window(dataset) as everything:
        facts = gather_facts(before, everything, CUT)
    rows = map_facts(model, facts)
    closed = closed_by(model, rows.owner, rows.product, len(facts.product_ids), "circle")
    problem = build_problem(facts, "circle", np.random.default_rng(0), None, closed)
    assert problem.n_behind_gates["shared_recently"] > 0
    assert problem.truth[:, [0]].nnz == 0
    popular = fit_baseline("popular", problem.matrix, np.random.default_rng(0))
    for lists in (rank_ours(model, problem, 20), rank_baseline(popular, problem)):
        assert not (lists == 0).any()


def test_a_world_without_its_social_part_keeps_its_orders(tmp_path: Path) -> None:
    _write_world(tmp_path / "world", timeless=False, shared="p00")
    with open_window(open_dataset(tmp_path / "world"), CUT) as window:
        inputs = read_inputs(window, Graphs())
    assert len(inputs.shares.owner_row) == 12 and len(inputs.circle.row) == 12 * 29
    bare = without_social(inputs)
    assert len(bare.shares.owner_row) == 0 and len(bare.circle.row) == 0
    assert bare.purchases is inputs.purchases
    model = assemble(bare, config_from(CHEAP).operators, 0, {})
    assert {operator.profile for operator in model.operators} == {"orders"}
    assert (np.diff(model.people.circle.indptr) == 1).all()  # herself


def test_what_each_part_adds_is_judged_on_the_same_owners(tmp_path: Path) -> None:
    _write_world(tmp_path / "world", timeless=False, shared="p00")
    train(tmp_path / "world", tmp_path / "cut", as_of=CUT, config=CHEAP)
    found = evaluate(tmp_path / "cut", tmp_path / "world", baselines=["popular"], ablation=True)
    gains = {gain.name: gain for gain in found.gains}
    assert {"shares", "circles", "the whole social part", "source popular"} <= set(gains)
    assert gains["shares"].refitted and not gains["source popular"].refitted
    ours = found.ours.measures["ndcg@20"].mean
    for gain in found.gains:
        assert ours - gain.without["ndcg@20"].mean == pytest.approx(gain.gains["ndcg@20"].mean)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["ablation"][0]["name"]
    assert "what each part adds" in evaluation_text(found)


def test_unknown_baseline_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="baselines must be among popular"):
        evaluate(tmp_path / "nothing", tmp_path / "nothing", baselines=["magic"])
