"""What a kept order is worth, and the gates that follow: fewer picks are an answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_model import AS_OF, small_model, town
from valued_model import value_of, valued_model

from recsys import ranking
from recsys.domain import Query, Reply, Target
from recsys.gates import gates
from recsys.list_rules import ListRules
from recsys.model_files import model_of, write_model
from recsys.ranking import scoring_of
from recsys.recommend import recommend
from recsys.share_value import dearer_than_elsewhere, gain_of, no_good_value
from recsys.snapshot import open_snapshot
from recsys.snapshot_writer import SnapshotWriter

MODEL = small_model(town())
N = MODEL.n_products


def changed(**rows: tuple[str, float]) -> dict[str, Any]:
    """One figure of one product changed in each array named."""
    found = {}
    for name, (product_id, figure) in rows.items():
        found[name] = getattr(value_of(MODEL), name).copy()
        found[name][MODEL.products.ids.row(product_id)] = figure
    return found


def asked(folder: Path, n: int = 100, **changes: Any) -> Reply:
    with SnapshotWriter(folder / "s") as writer:
        write_model(writer, valued_model(town(), **changes), ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    return recommend(open_snapshot(folder / "s"), Query("o-noodles", n=n))


def ids(reply: Reply) -> set[str]:
    return {pick.product_id for pick in reply.picks}


def single(*values: float) -> np.ndarray[Any, Any]:
    return np.resize(np.array(values, np.float32), N)


def test_gain_by_hand() -> None:
    """surplus .8, ends badly .1, kept .9: .8 − .1 / .9 · 1 = .68889"""
    value = value_of(MODEL, value_score=single(0.8), quality=single(0.9), return_rate=single(0.1))
    assert gain_of(value, 1.0) == pytest.approx(0.8 - 0.1 / 0.9)
    assert gain_of(value, 3.0) == pytest.approx(0.8 - 0.3 / 0.9)


def test_what_is_unknown_is_neither_praised_nor_punished() -> None:
    quality, returns = single(0.9), single(0.1)
    quality[:2], returns[:2] = (-1, 0.7), -1
    quality[2] = 0.98
    mean = (0.7 + 0.98 + 0.9 * (N - 3)) / (N - 1)
    found = gain_of(value_of(MODEL, value_score=single(-1), quality=quality, return_rate=returns), 1.0)
    assert found[0] == pytest.approx(0.5 - (1 - mean) / 0.9, abs=1e-6)
    assert found[1] < found[0] < found[2]


def test_without_any_outcome_the_gain_is_the_value_score() -> None:
    value = value_of(MODEL, value_score=single(0.6), quality=single(-1), return_rate=single(-1))
    assert gain_of(value, 1.0) == pytest.approx(0.6)


def test_what_does_more_harm_than_good_is_no_good_value_at_any_price() -> None:
    value = value_of(MODEL, value_score=single(0.3), quality=single(0.6, 0.9), return_rate=single(0.1))
    assert no_good_value(value, ListRules()).tolist() == (single(1, 0) > 0).tolist()
    assert not no_good_value(value, ListRules(cost_of_spoiled_tie=0)).any()


def test_parity_needs_a_known_public_price() -> None:
    public, price = value_of(MODEL).price.copy(), MODEL.products.price_minor
    public[0], public[1], public[2] = -1, public[1] - 1, public[2] + 1
    value = value_of(MODEL, public_price=public)
    assert np.flatnonzero(dearer_than_elsewhere(value, price)).tolist() == [1]
    assert np.flatnonzero(dearer_than_elsewhere(value, np.full(N, -1))).tolist() == [1]


def test_parity_counts_no_shipping_and_a_coupon() -> None:
    """Price 600, elsewhere 599 to 601: shipping of 100 makes no odds, a coupon of 50 does."""
    price = MODEL.products.price_minor
    for payable, public, closed in ((700, 601, False), (700, 599, True), (550, 599, False), (550, 549, True)):
        value = value_of(MODEL, **changed(price=("n1", payable), public_price=("n1", public)))
        assert price[MODEL.products.ids.row("n1")] == 600
        assert dearer_than_elsewhere(value, price).any() == closed


def test_value_under_the_floor_is_never_picked(tmp_path: Path) -> None:
    reply = asked(tmp_path, value_score=changed(value_score=("n1", 0.09))["value_score"])
    assert "n1" not in ids(reply)
    assert reply.left_out["no_good_value"] >= 1


def test_a_value_nobody_knows_is_no_reason_to_leave_out(tmp_path: Path) -> None:
    assert "n1" in ids(asked(tmp_path, **changed(value_score=("n1", -1.0))))


def test_what_a_stranger_gets_for_less_is_never_picked(tmp_path: Path) -> None:
    reply = asked(tmp_path, value_score=single(0.5), **changed(public_price=("n1", 599.0)))
    assert "n1" not in ids(reply)
    assert reply.left_out == {"parity": 1}
    assert reply.shorter_because == "parity"


def test_what_she_would_buy_herself_is_hers_to_judge() -> None:
    figures = {"value_score": single(0.05), **changed(public_price=("n1", 599.0))}
    model = replace(MODEL, value=value_of(MODEL, **figures))

    def worth_gates(target: Target) -> set[str]:
        profiles = scoring_of(model, np.zeros(1, np.int32), target).profiles
        return {"no_good_value", "parity"} & gates(model, profiles, Query("o", target=target)).keys()

    assert worth_gates("circle") == {"no_good_value", "parity"}
    assert worth_gates("self") == set()


def test_fewer_is_an_answer(tmp_path: Path) -> None:
    """Only three of 21 products are worth a share: she asked for ten and gets three, and why."""
    poor = single(0.05)
    poor[:3] = 0.7
    reply = asked(tmp_path, n=10, value_score=poor)
    assert len(reply.picks) == 3
    assert reply.shorter_because == "no_good_value"
    assert reply.left_out == {"no_good_value": N - 3}


def test_where_nothing_is_worth_sharing_the_list_is_empty_and_says_why(tmp_path: Path) -> None:
    reply = asked(tmp_path, value_score=single(0.05))
    assert (reply.picks, reply.shorter_because) == ((), "no_good_value")


def test_red_control_without_gates_all_of_it_is_picked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "gates", lambda *_: {})
    assert len(asked(tmp_path, value_score=single(0.05)).picks) == N


def test_commission_is_written_and_read(tmp_path: Path) -> None:
    from dataclasses import replace

    rates = np.linspace(-1, 1, N).astype(np.float32)
    with SnapshotWriter(tmp_path / "s") as writer:
        write_model(writer, replace(valued_model(town()), commission=rates), ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    found = model_of(open_snapshot(tmp_path / "s")).commission
    assert found is not None
    assert np.array_equal(found, rates)
