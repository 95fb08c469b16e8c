"""Sources that read what moves, the ladder of lent profiles, and what they say for themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_model import AS_OF, AS_OF_US, DAY_US, World, csr_view, small_model, town

from recsys import gates
from recsys.domain import Pick, Query
from recsys.groups import fill_chance
from recsys.model import Model
from recsys.model_files import model_of, write_model
from recsys.pair_features import SIGNAL_FEATURES, feature_names, pair_features
from recsys.pairs import Pairs
from recsys.ranker import Blend
from recsys.ranking import scoring_of
from recsys.recommend import recommend
from recsys.signals import LAYOUT, Signals, present
from recsys.snapshot import Snapshot, SnapshotWriter, open_snapshot
from recsys.sources import SOURCES

OWNERS = ("o-kitchen", "o-new", "o-noodles")  # in the order of their rows
PRODUCTS = tuple(sorted(town().products))  # k0 to k9, n0 to n9, t0
K9, N9, T0 = 9, 19, 20
LATER_US = AS_OF_US + DAY_US


def column(**values: float) -> np.ndarray:
    """float32 (n_products,) with a few values that are not 0."""
    found = np.zeros(len(PRODUCTS), np.float32)
    for product, value in values.items():
        found[PRODUCTS.index(product)] = value
    return found


def cells(n_rows: int, found: dict[tuple[int, int], float], **extra: Any) -> Any:
    more = {name: (dict.fromkeys(found, value), dtype) for name, (value, dtype) in extra.items()}
    return csr_view(found, (n_rows, len(PRODUCTS)), **more)


def signals(**more: Any) -> Signals:
    n_members = len(town().members)
    content = np.zeros((len(PRODUCTS), 2), np.float32)
    content[:10, 0] = 1  # kitchenware is like kitchenware
    content[10:, 1] = 1
    whole: dict[str, Any] = {
        "rising": column(k9=2.0, n9=3.0),
        "rising_recent": column(k9=5, n9=7).astype(np.int32),
        "rising_before": column(k9=1).astype(np.int32),
        "new_proven": column(k8=1.5),
        "supplier_kept": np.full(len(PRODUCTS), 97, np.int32),
        "supplier_lines": np.full(len(PRODUCTS), 100, np.int32),
        "rebuy_members": cells(n_members, {(m, T0): 0.25 for m in range(n_members)}),
        "rebuy_circle": cells(3, {(2, N9): 0.75}, n_members=(3, np.int32)),
        "peers": cells(3, {(2, K9): 0.5}, n_owners=(4, np.int32)),
        "content": content,
        "price_low": np.array([7.0, -1.0, 6.0], np.float32),
        "price_high": np.array([8.0, -1.0, 6.5], np.float32),
        "group_sizes": np.array([2, 5], np.int32),
        "group_rate": np.tile(np.array([[0.5, 0.2]], np.float32), (5, 1)),
        "group_shift": np.array([-0.1, 0.0, 0.25], np.float32),
        "one_short": cells(3, {(2, 11): 1.0}, required=(3, np.int32), expire_time=(LATER_US, np.int64)),
        "share_rate": np.array([0.0, -0.5, 0.25], np.float32),
        "share_pull": column(k9=0.75),
        "usual_kept": column(k9=0.5),
        "influence": csr_view({(2, row): 0.5 for row in range(5)}, (3, 5)),
    }
    return Signals(**{**whole, **more})


def moving(world: World | None = None, **more: Any) -> Model:
    return replace(small_model(world or town()), signals=signals(**more))


def written(model: Model, folder: Path) -> Snapshot:
    with SnapshotWriter(folder) as writer:
        write_model(writer, model, ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    return open_snapshot(folder)


def proposed(model: Model, source: str, owner: str, target: str = "circle") -> list[str]:
    (found,) = [s for s in SOURCES if s.name == source]
    scoring = scoring_of(model, np.array([OWNERS.index(owner)], np.int32), target)  # type: ignore[arg-type]
    proposals = found.propose(scoring, 5)
    order = np.argsort(-proposals.score, kind="stable")
    return [PRODUCTS[row] for row in proposals.product[order]]


@pytest.mark.parametrize(
    ("source", "owner", "target", "products"),
    [
        ("rising", "o-new", "circle", ["n9", "k9"]),
        ("new_proven", "o-new", "self", ["k8"]),
        ("rebuy_due", "o-noodles", "circle", ["n9"]),
        ("rebuy_due", "o-noodles", "self", ["t0"]),
        ("rebuy_due", "o-kitchen", "circle", []),
        ("peers", "o-noodles", "circle", ["k9"]),
        ("peers", "o-kitchen", "circle", []),
        ("one_short", "o-noodles", "circle", ["n1"]),
        ("one_short", "o-noodles", "self", []),
    ],
)
def test_a_source_proposes_what_its_signal_says(
    source: str, owner: str, target: str, products: list[str]
) -> None:
    assert proposed(moving(), source, owner, target) == products


def test_content_proposes_cold_products_like_the_profile() -> None:
    model = moving()
    cold = replace(model.products, n_members=np.where(np.arange(21) % 10 == 3, 2, 9).astype(np.int32))
    assert proposed(replace(model, products=cold), "content", "o-kitchen")[0] == "k3"
    assert proposed(replace(model, products=cold), "content", "o-noodles")[0] == "n3"
    warm = replace(model.products, n_members=np.full(21, 9, np.int32))
    assert proposed(replace(model, products=warm), "content", "o-noodles") == []


@pytest.mark.parametrize("source", ["rising", "new_proven", "rebuy_due", "peers", "content", "one_short"])
def test_without_its_signal_a_source_is_silent(source: str) -> None:
    assert proposed(small_model(town()), source, "o-noodles") == []


def test_a_world_without_signals_has_todays_features_and_no_other() -> None:
    plain, more = small_model(town()), moving()
    assert feature_names(more) == (*feature_names(plain), *SIGNAL_FEATURES)
    assert not set(SIGNAL_FEATURES) & set(feature_names(plain))


def test_pair_features_of_the_signals_are_what_they_say() -> None:
    scoring = scoring_of(moving(), np.array([2, 1], np.int32), "circle")
    pairs = Pairs(np.array([0, 0, 1], np.int32), np.array([K9, N9, N9], np.int32))
    found = pair_features(scoring, pairs)[:, -len(SIGNAL_FEATURES) :]
    by_name = dict(zip(SIGNAL_FEATURES, found.T.tolist(), strict=True))
    assert by_name["rising"] == [2.0, 3.0, 3.0]
    assert by_name["rebuy_due"] == [0.0, 0.75, 0.0]
    assert by_name["peers"] == [0.5, 0.0, 0.0]
    assert by_name["content"][0] < by_name["content"][1] == pytest.approx(1.0)
    assert by_name["share_rate"] == [0.25, 0.25, -0.5]
    assert by_name["share_pull"] == [0.75, 0.0, 0.0]
    assert by_name["influence"] == [1.0, 1.0, 0.0]  # a half on each of the two nodes above a product
    # k9 costs 2900, n9 1400; the circle of o-noodles pays up to e^6.5 - 1, that of o-new is unknown
    assert by_name["price_outside_band"][:2] == pytest.approx(
        [np.log(2901) - 6.5, np.log(1401) - 6.5], abs=1e-5
    )
    assert np.isnan(by_name["price_outside_band"][2])


def test_signals_come_back_from_a_snapshot_as_they_were(tmp_path: Path) -> None:
    made = signals(regions=cells(2, {(0, K9): 1.0}), region_row=np.array([0, 1, -1], np.int32),
                   upline_row=np.array([-1, 0, -1], np.int32))  # fmt: skip
    found = model_of(written(replace(small_model(town()), signals=made), tmp_path / "s")).signals
    assert set(present(found)) == set(LAYOUT)
    for name in LAYOUT:
        one, two = getattr(made, name), getattr(found, name)
        if LAYOUT[name][0] == "csr":
            assert np.array_equal(one.indices, two.indices)
            assert np.array_equal(one.data, two.data)
            assert {k: v.tolist() for k, v in one.extra.items()} == {
                k: v.tolist() for k, v in two.extra.items()
            }
        else:
            assert np.array_equal(one, two)


def pick_of(model: Model, folder: Path, product: str, **asked: Any) -> Pick:
    reply = recommend(written(model, folder), Query("o-noodles", n=100, **asked))
    (pick,) = [pick for pick in reply.picks if pick.product_id == product]
    return pick


@pytest.mark.parametrize(
    ("product", "code", "text"),
    [
        ("n9", "rebuy_due", "3 of your circle bought it before"),
        ("k9", "peers", "4 owners like you sold it by sharing it"),
        ("k8", "new_proven", "new from a supplier of whose 100 order lines 97 were kept"),
        ("n1", "one_short", "your group of 3 lacks one member"),
    ],
)
def test_a_pick_says_what_moved_it(tmp_path: Path, product: str, code: str, text: str) -> None:
    pick = pick_of(moving(), tmp_path / "s", product)
    (reason,) = [reason for reason in pick.reasons if reason.code == code]
    assert reason.text.startswith(text)


def test_one_member_alone_is_never_given_away(tmp_path: Path) -> None:
    one = cells(3, {(2, N9): 0.75}, n_members=(1, np.int32))
    pick = pick_of(moving(rebuy_circle=one), tmp_path / "s", "n9")
    assert "rebuy_due" not in {reason.code for reason in pick.reasons}


def by_rising_alone() -> Model:
    flat = Blend({"rising": 1.0})
    return replace(moving(), rankers={"circle": flat, "self": flat})


def test_the_source_of_a_pick_is_named_and_its_reason_stands_first(tmp_path: Path) -> None:
    model = by_rising_alone()
    # at the head of the list of `rising`, deep in every other
    quiet = replace(model.products, popularity=np.arange(21, 0, -1).astype(np.float32))
    reply = recommend(written(replace(model, products=quiet), tmp_path / "s"), Query("stranger", n=1))
    (pick,) = reply.picks
    assert (pick.product_id, pick.source, pick.reasons[0].code) == ("n9", "rising", "rising")
    assert pick.reasons[0].evidence == {"n_recent": 7, "n_before": 0}


def with_upline(upline: list[int], region: list[int]) -> Model:
    of_region = cells(1, {(0, row): 1.0 for row in range(10)})  # kitchenware
    return moving(
        upline_row=np.array(upline, np.int32), region_row=np.array(region, np.int32), regions=of_region
    )


@pytest.mark.parametrize(
    ("upline", "region", "fallback", "begins_with"),
    [
        ([-1, 2, -1], [-1, 0, -1], "upline", "n"),
        ([-1, 0, -1], [-1, -1, -1], "upline", "k"),
        ([-1, -1, -1], [-1, 0, -1], "region", "k"),
        ([-1, -1, -1], [-1, -1, -1], "popular", "t"),
        ([-1, 1, -1], [-1, -1, -1], "popular", "t"),  # she brought in herself: no end of it otherwise
    ],
)
def test_a_new_owner_is_lent_the_nearest_profile(
    tmp_path: Path, upline: list[int], region: list[int], fallback: str, begins_with: str
) -> None:
    reply = recommend(written(with_upline(upline, region), tmp_path / "s"), Query("o-new", n=3))
    assert reply.fallback == fallback
    assert reply.picks[0].product_id.startswith((begins_with, "t"))
    assert len(reply.picks) == 3
    if begins_with != "t":
        assert sum(pick.product_id.startswith(begins_with) for pick in reply.picks) >= 2


def test_who_ordered_nothing_herself_is_lent_what_her_circle_orders(tmp_path: Path) -> None:
    world = replace(town(), orders=[line for line in town().orders if line[0] != "o-noodles"])
    snapshot = written(small_model(world), tmp_path / "s")
    assert recommend(snapshot, Query("o-noodles", target="self")).fallback == "circle"
    assert recommend(snapshot, Query("o-kitchen", target="self")).fallback is None


def test_lending_changes_nobody_who_has_a_profile() -> None:
    rows = np.arange(3, dtype=np.int32)
    one, two = (
        scoring_of(m, rows, "circle").profiles
        for m in (small_model(town()), with_upline([-1, 2, 0], [0] * 3))
    )
    for at in (0, 2):
        assert (one.orders[[at]] != two.orders[[at]]).nnz == 0
    assert one.orders[[1]].nnz == 0 < two.orders[[1]].nnz


def shared_yesterday() -> World:
    return replace(town(), shares=[("o-noodles", "n1", 1, 0), ("o-noodles", "n2", 1, 0)])


def test_a_group_that_lacks_one_member_may_be_shared_again(tmp_path: Path) -> None:
    reply = recommend(written(moving(shared_yesterday()), tmp_path / "s"), Query("o-noodles", n=100))
    picked = {pick.product_id for pick in reply.picks}
    assert "n1" in picked
    assert "n2" not in picked


def test_red_control_without_that_the_group_waits_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "_without_short_groups", lambda recent, *_: recent)
    reply = recommend(written(moving(shared_yesterday()), tmp_path / "s"), Query("o-noodles", n=100))
    assert "n1" not in {pick.product_id for pick in reply.picks}


def test_a_group_that_is_over_is_not_shared_again(tmp_path: Path) -> None:
    over = cells(3, {(2, 11): 1.0}, required=(3, np.int32), expire_time=(AS_OF_US - 1, np.int64))
    reply = recommend(
        written(moving(shared_yesterday(), one_short=over), tmp_path / "s"), Query("o-noodles", n=100)
    )
    assert "n1" not in {pick.product_id for pick in reply.picks}


def test_the_chance_that_a_group_fills_is_its_rate_and_the_owners_shift() -> None:
    model = moving()
    assert fill_chance(model, 2, N9, 2) == pytest.approx(0.75)
    assert fill_chance(model, 0, N9, 4) == pytest.approx(0.1)  # 5 is the nearest size
    assert fill_chance(model, -1, N9, 2) == pytest.approx(0.5)
    assert fill_chance(small_model(town()), 2, N9, 2) is None
