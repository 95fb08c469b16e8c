"""Good value in a snapshot: written and read, in the picks, at the gate, and explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_model import AS_OF, small_model, town
from valued_model import value_of, valued_model

from recsys import ranking
from recsys.domain import Query
from recsys.explain_value import explain_value
from recsys.good_value import PRODUCT_ARRAYS, GoodValue
from recsys.model_files import model_of, write_model
from recsys.recommend import recommend
from recsys.snapshot import Snapshot, open_snapshot
from recsys.snapshot_writer import SnapshotWriter


def written(folder: Path, **changes: Any) -> Snapshot:
    with SnapshotWriter(folder / "s") as writer:
        write_model(writer, valued_model(town(), **changes), ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    return open_snapshot(folder / "s")


def poor(product_id: str, n_mature: int = 40) -> dict[str, Any]:
    """One product that ends 70 of 100 orders well where 80 are asked for."""
    model = small_model(town())
    value, row = value_of(model), model.products.ids.row(product_id)
    quality, mature = value.quality.copy(), value.n_mature.copy()
    quality[row], mature[row] = 0.7, n_mature
    return {"quality": quality, "n_mature": mature}


def ids(snapshot: Snapshot) -> set[str]:
    return {pick.product_id for pick in recommend(snapshot, Query("o-noodles", n=100)).picks}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found, wanted = model_of(written(tmp_path)).value, valued_model(town()).value
    assert isinstance(found, GoodValue)
    assert isinstance(wanted, GoodValue)
    for name in (*PRODUCT_ARRAYS, "rates"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name
    assert found.weights == wanted.weights
    assert np.array_equal(found.comparables_of(3), wanted.comparables_of(3))


def test_a_pick_says_how_good_a_value_it_is(tmp_path: Path) -> None:
    snapshot = written(tmp_path)
    value = model_of(snapshot).value
    assert value is not None
    for pick in recommend(snapshot, Query("o-noodles", n=5)).picks:
        row = model_of(snapshot).products.ids.row(pick.product_id)
        assert pick.value_score == pytest.approx(float(value.value_score[row]))
        assert pick.good_value is not None
        assert pick.good_value["n_comparables"] == len(town().products) - 1


def test_quality_under_the_floor_is_never_picked_at_any_price(tmp_path: Path) -> None:
    snapshot = written(tmp_path, **poor("n1"))
    assert "n1" not in ids(snapshot)
    assert recommend(snapshot, Query("o-noodles", n=100)).left_out == {"low_quality": 1}


def test_red_control_without_gates_it_is_picked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "gates", lambda *_: {})
    assert "n1" in ids(written(tmp_path, **poor("n1")))


def test_little_evidence_does_not_close_the_gate(tmp_path: Path) -> None:
    assert "n1" in ids(written(tmp_path, **poor("n1", n_mature=19)))


def test_the_explanation_can_be_worked_out_by_hand(tmp_path: Path) -> None:
    shown = explain_value(written(tmp_path), "n3")
    assert shown is not None
    assert shown["arithmetic"]["unit_price_minor"] == 800
    assert shown["arithmetic"]["parts"] == [{"part": "returns", "rate": pytest.approx(0.05), "weight": 1.0}]
    assert shown["arithmetic"]["worth"] == pytest.approx(0.4 * np.log(0.95 / 0.05) - np.log(800))
    chances = [other["p_worse"] for other in shown["comparables"]]
    assert len(chances) == len(town().products) - 1
    assert np.mean(chances) == pytest.approx(shown["good_value"]["value_score"], abs=1e-6)
    cheaper = [o["p_worse"] < 0.5 for o in shown["comparables"] if o["unit_price_minor"] < 800]
    assert cheaper
    assert all(cheaper)


def test_a_product_nobody_knows_has_no_explanation(tmp_path: Path) -> None:
    assert explain_value(written(tmp_path), "nothing") is None


def test_a_snapshot_without_value_says_so(tmp_path: Path) -> None:
    with SnapshotWriter(tmp_path / "s") as writer:
        write_model(writer, small_model(town()), ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    snapshot = open_snapshot(tmp_path / "s")
    shown = explain_value(snapshot, "n3")
    assert shown is not None
    assert shown["good_value"] is None
    assert shown["comparables"] == []
    assert recommend(snapshot, Query("o-noodles", n=1)).picks[0].value_score is None
