"""What a seller can buy or claim is never read for a score: a static check of `features` and `recsys`.

Crossed-out prices, discounts, sales counters and sponsorship are read nowhere; commission in one file of
`features`, and in `recsys` only where ties inside the band are decided.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from small_model import town
from valued_model import valued_model

from recsys.pair_features import feature_names, pair_features
from recsys.pairs import Pairs
from recsys.ranking import scoring_of

ROOT = Path(__file__).parents[2]
WORDS = ("list_price", "crossed", "discount", "sales", "commission", "sponsor", "advert")
# importers put a source's own words into the contract, which has no place for most of these
READING = (file for file in ROOT.glob("features/**/*.py") if file.parent.name != "importers")
CHECKED = (
    *sorted(READING), *sorted(ROOT.glob("recsys/**/*.py")),
    *(ROOT / "training" / f"{name}.py" for name in (
        "assemble", "examples", "fit_quality", "fit_ranker", "fit_returns", "fit_value", "good_value",
        "influence", "inputs", "interests", "labels", "learn", "learn_shares", "share_examples",
        "read_inputs", "read_movement", "rebuy", "scenes", "signals",
    )),
)  # fmt: skip
# the one way of commission: declared, checked, read, kept, and weighed inside the band
ALLOWED = {
    "features/contract.py": {"list_price", "commission"},
    "features/rules.py": {"commission"},
    "features/off.py": {"commission"},
    "features/columns/commission.py": {"commission"},
    "recsys/arrival_picks.py": {"commission"},  # what she would earn by a new product, shown beside a pick
    "recsys/arrivals.py": {"commission"},  # where it is carried there from its event
    "recsys/expected.py": {"commission"},  # what she earns, shown beside a pick
    "recsys/list_rules.py": {"commission"},
    "recsys/model.py": {"commission"},
    "recsys/model_files.py": {"commission"},
    "recsys/ranking.py": {"commission"},
    "recsys/selection.py": {"commission"},
}


def words_in(source: str) -> set[str]:
    """The forbidden words among the names, attributes and texts of a module; docstrings do not count."""
    tree = ast.parse(source)
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        names = [getattr(node, field, None) for field in ("id", "attr", "arg", "name", "module")]
        if isinstance(node, ast.Constant) and id(node) not in prose:
            names.append(node.value)
        said = " ".join(name.lower() for name in names if isinstance(name, str))
        found |= {word for word in WORDS if word in said}
    return found


@pytest.mark.parametrize("file", CHECKED, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_a_seller_can_buy_or_claim_is_not_read(file: Path) -> None:
    allowed = ALLOWED.get(str(file.relative_to(ROOT)), set())
    assert words_in(file.read_text("utf-8")) <= allowed


def test_every_exception_is_needed() -> None:
    for name, allowed in ALLOWED.items():
        assert words_in((ROOT / name).read_text("utf-8")) == allowed, name


@pytest.mark.parametrize(
    ("planted", "word"),
    [
        ("yield model.commission[pairs.product]", "commission"),
        ("x = offers.list_price_minor", "list_price"),
        ("columns = offers.select('product_row', 'commission_rate')", "commission"),
        ("sql = 'select product_row, sales from products'", "sales"),
        ("from features.columns.commission import commission_rates", "commission"),
        ("is_sponsored = 1", "sponsor"),
    ],
)
def test_red_control_a_planted_reader_is_seen(planted: str, word: str) -> None:
    source = (ROOT / "recsys" / "pair_features.py").read_text("utf-8")
    assert words_in(source) == set()
    assert words_in(f"{source}\n\ndef planted(model, pairs, offers):\n    {planted}\n") >= {word}


def test_no_feature_and_no_score_moves_with_commission() -> None:
    from dataclasses import replace

    from recsys.ranking import score_pairs

    model = valued_model(town())
    rates = np.linspace(0, 1, model.n_products).astype(np.float32)
    product = np.arange(model.n_products, dtype=np.int32)
    pairs = Pairs(np.zeros(len(product), np.int32), product)
    tables, scores = [], []
    for told in (None, rates, rates[::-1].copy()):
        scoring = scoring_of(replace(model, commission=told), np.zeros(1, np.int32), "circle")
        tables.append(pair_features(scoring, pairs))
        scores.append(score_pairs(scoring, pairs))
    assert all(np.array_equal(tables[0], table, equal_nan=True) for table in tables[1:])
    assert all(np.array_equal(scores[0], score) for score in scores[1:])
    assert not any(word in name for word in WORDS for name in feature_names(model))
