"""How shares are taken: lifts of owner, category and product, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_model import small_model, town
from test_train import QUICK

from features.dataset import open_dataset
from features.share_outcomes import ShareOutcomes
from features.window import open_window
from recsys.category_tree import levels_of
from recsys.influence import influence_at
from recsys.pairs import Pairs
from recsys.ranking import scoring_of
from recsys.signals import Signals
from recsys.sparse import CsrView
from training.config import config_from
from training.influence import PRIOR_KEPT, PRIOR_SHARES, influence
from training.inputs import Inputs
from training.read_inputs import read_inputs


@pytest.fixture(scope="module")
def inputs(small_town: Path) -> Inputs:
    with open_window(open_dataset(small_town)) as window:
        return read_inputs(window, config_from(QUICK).graphs)


def shares(*rows: tuple[int, int, int]) -> ShareOutcomes:
    """Rows of owner, product, kept orders."""
    owner, product, kept = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    return ShareOutcomes(owner, product, np.arange(len(rows), dtype=np.int64), kept, kept)


def test_the_way_to_a_node_begins_at_the_top() -> None:
    paths = ["Food", "Food > Tea", "Food > Tea > Green", "Home"]
    assert levels_of(paths).tolist() == [[0, 0, 0, 3], [-1, 1, 1, -1], [-1, -1, 2, -1]]
    assert levels_of([]).shape == (0, 0)


def test_an_owner_whose_shares_are_kept_stands_above_the_mean_as_far_as_they_are_many(inputs: Inputs) -> None:
    found = influence(inputs, shares(*[(0, 0, 2)] * 30, *[(1, 0, 0)] * 30))
    rate = np.exp(found["share_rate"])
    assert rate[0] == pytest.approx((60 + PRIOR_SHARES * 1.0) / (30 + PRIOR_SHARES))
    assert rate[1] == pytest.approx((0 + PRIOR_SHARES * 1.0) / (30 + PRIOR_SHARES))
    assert rate[2] == pytest.approx(1.0)  # never shared: the mean


def test_a_category_in_which_she_is_heard_lifts_its_products_for_her_alone(inputs: Inputs) -> None:
    category = inputs.catalogue.category_row
    one, other = 0, int(np.flatnonzero(category != category[0])[0])
    told = [(0, one, 2), (0, other, 0), (1, one, 0), (1, other, 2)] * 20
    found = influence(inputs, shares(*told))
    levels = levels_of(inputs.catalogue.category_paths)

    def heard(owner: int, product: int) -> float:
        """The lifts on the way to the product's category, added up."""
        nodes, lifts = found["influence"].row(owner)
        of_node = dict(zip(nodes.tolist(), lifts.tolist(), strict=True))
        return sum(of_node.get(int(level[category[product]]), 0.0) for level in levels)

    assert heard(0, one) > 0.5 and heard(0, other) < -0.5
    assert heard(1, one) < -0.5 and heard(1, other) > 0.5
    assert heard(2, one) == heard(2, other) == 0.0
    assert found["share_pull"][one] == pytest.approx(found["share_pull"][other], abs=1e-5)


def test_a_lift_is_shrunk_by_a_few_kept_orders(inputs: Inputs) -> None:
    found = influence(inputs, shares((0, 0, 3)))
    rate = (3 + PRIOR_SHARES * 3) / (1 + PRIOR_SHARES)
    assert np.exp(found["share_rate"][0]) == pytest.approx(rate)
    assert found["share_pull"][0] == pytest.approx(np.log((3 + PRIOR_KEPT) / (rate + PRIOR_KEPT)), abs=1e-5)


def test_what_is_not_known_of_a_category_is_what_is_known_of_the_one_above() -> None:
    model = small_model(town())
    categories = list(model.products.categories)
    tea, noodles = categories.index("Food > Tea"), categories.index("Food > Noodles")
    cells: list[list[float]] = [[0.0] * len(categories) for _ in model.people.owners]
    owner = model.people.owners.row("o-noodles")
    cells[owner][noodles] = 0.25
    if "Food" in categories:
        cells[owner][categories.index("Food")] = 0.5
    indptr, indices, data = [0], [], []
    for line in cells:
        indices += [at for at, value in enumerate(line) if value]
        data += [value for value in line if value]
        indptr.append(len(indices))
    view = CsrView(np.array(indptr), np.array(indices, np.int32), np.array(data, np.float32), len(categories))
    model = replace(model, signals=replace(Signals(), influence=view))
    scoring = scoring_of(model, np.array([owner, -1], dtype=np.int32), "circle")
    product = [model.products.ids.row(p) for p in ("n0", "t0")] * 2
    found = influence_at(scoring, Pairs(np.array([0, 0, 1, 1], np.int32), np.array(product, np.int32)))
    above = 0.5 if "Food" in categories else 0.0
    assert model.products.category_row[product[1]] == tea
    assert found.tolist() == [0.25 + above, above, 0.0, 0.0]
