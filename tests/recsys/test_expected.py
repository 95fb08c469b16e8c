"""What a share is expected to bring, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import nbinom, poisson
from small_model import AS_OF, small_model, town
from valued_model import value_of

from recsys.calibration import Calibration
from recsys.domain import Expected, Query, Spread, Target
from recsys.expected import expected_of, quantiles
from recsys.model import Model
from recsys.model_files import write_model
from recsys.recommend import recommend
from recsys.snapshot import Snapshot, open_snapshot
from recsys.snapshot_writer import SnapshotWriter

LINE = Calibration(np.array([0, 10], dtype=np.float32), np.array([0, 10], dtype=np.float32))


def told(spread: float = 0.0, commission: float = 0.1, return_rate: float = 0.2) -> Model:
    """The small model: a score is the kept orders it stands for; 10 % of the price is hers."""
    model = small_model(town())
    one = np.ones(model.n_products, dtype=np.float32)
    return replace(
        model,
        calibrations={"circle": replace(LINE, spread=spread), "self": LINE},
        commission=commission * one,
        value=value_of(model, return_rate=return_rate * one),
    )


def row_of(model: Model, product_id: str) -> int:
    return model.products.ids.row(product_id)


def of_one(model: Model, target: Target, score: float, row: int) -> Expected | None:
    return expected_of(model, target, np.array([score], np.float32), np.array([row], np.int32))[0]


@pytest.mark.parametrize("mean", [1e-4, 0.05, 0.2, 0.9, 1.3, 5.0, 300.0])
@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0, 5.0])
def test_the_ends_are_the_quantiles_of_the_count(mean: float, spread: float) -> None:
    count = nbinom(1 / spread, 1 / (1 + spread * mean)) if spread else poisson(mean)
    found = quantiles(np.array([mean, 0.0, mean]), spread)
    assert found[1].tolist() == [0, 0]
    assert found[0].tolist() == found[2].tolist()
    found = found[0]
    assert found.tolist() == count.ppf([0.1, 0.9]).tolist()
    assert not np.signbit(found).any()  # nobody reads "-0 to 4"


def test_nothing_expected_is_nothing_at_both_ends() -> None:
    assert quantiles(np.zeros(1), 0.0).tolist() == [[0, 0]]


def test_buyers_are_the_kept_by_the_chance_of_keeping_and_earnings_the_kept_by_commission_and_price() -> None:
    model = told()
    row = row_of(model, "n0")  # 500 minor units
    found = of_one(model, "circle", 2.0, row)
    assert found is not None
    assert found.kept == Spread(0, 2, 4)  # Poisson of 2: P(0) = .135, P(≤ 3) = .857, P(≤ 4) = .947
    assert found.buyers is not None and found.buyers.mid == pytest.approx(2.5)
    assert found.earnings is not None and found.earnings.mid == pytest.approx(2 * 0.1 * 500)
    assert (found.earnings.low, found.earnings.high) == (0, pytest.approx(4 * 0.1 * 500))


def test_counts_that_vary_more_than_by_chance_have_wider_ends() -> None:
    row = row_of(told(), "n0")
    tight, wide = (of_one(told(spread), "circle", 5.0, row) for spread in (0.0, 1.0))
    assert tight is not None and wide is not None
    assert wide.kept.low < tight.kept.low and wide.kept.high > tight.kept.high


def test_what_is_not_known_is_none_and_not_zero() -> None:
    row = row_of(told(), "n0")
    unknown = of_one(told(commission=-1.0, return_rate=-1.0), "circle", 1.0, row)
    assert unknown is not None
    assert unknown.buyers is None and unknown.earnings is None
    bare = replace(told(), commission=None, value=None)
    found = of_one(bare, "circle", 1.0, row)
    assert found is not None and found.buyers is None and found.earnings is None
    assert of_one(replace(told(), calibrations={}), "circle", 1.0, row) is None


def test_for_herself_it_is_a_chance_and_never_above_one() -> None:
    found = of_one(told(), "self", 7.0, row_of(told(), "n0"))
    assert found is not None
    assert found.kept.mid == 1.0 and found.kept.high == 1.0
    assert found.buyers is not None and found.buyers.mid == 1.0


def snapshot_of(model: Model, folder: Path) -> Snapshot:
    with SnapshotWriter(folder / "s") as writer:
        write_model(writer, model, ["s0"])
        writer.commit(as_of=AS_OF.isoformat())
    return open_snapshot(folder / "s")


def test_a_pick_says_what_its_own_score_stands_for_and_an_unknown_circle_says_nothing(tmp_path: Path) -> None:
    snapshot = snapshot_of(told(spread=0.5), tmp_path)
    for pick in recommend(snapshot, Query("o-noodles", n=5)).picks:
        assert pick.expected is not None
        assert pick.expected.kept.mid == pytest.approx(np.clip(pick.score, 0, 10), rel=1e-5)
    for owner in ("o-new", "nobody"):  # she has no circle; nobody knows her
        assert all(pick.expected is None for pick in recommend(snapshot, Query(owner, n=5)).picks)
