"""The page of a snapshot and of two: one file, nothing fetched, nothing run, and terms that sum up."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from live_service import write_live_snapshot
from small_model import Item, World, town
from test_report import _evaluation, _Nesting
from typer.testing import CliRunner
from valued_model import valued_model

from features.whole_text import write_whole
from recsys.columns import StringColumn
from recsys.domain import Query
from recsys.errors import SnapshotError, UsageError
from recsys.model_files import model_of
from recsys.ranker import BoostedTrees
from recsys.recommend import recommend
from recsys.run_card import evaluation_path, run_card_path
from recsys.snapshot import open_snapshot
from training.calibration_check import CalibrationCheck, Tenth
from training.evaluation_kept import evaluation_from, kept_evaluation
from training.snapshot_commands import app
from training.snapshot_examples import example_of, example_owners, explain, spread_of
from training.snapshot_page import MAX_BYTES, pair_page, snapshot_page

HOSTILE = "<img data-x src=x onerror=window.ran=1>"
CARD = {
    "train_seconds": 12.5, "peak_memory_mb": 321, "threads": 2,
    "stages": [{"stage": "fitting operators", "seconds": 3.25, "peak_memory_mb": 300}],
    "audits": {
        "n_owners": 60, "n_places": 20,
        "commission": {"inversions_above_band": 0, "shuffle_tau": 0.974, "regret": 0.0021},
        "exposure": {"largest_share": 0.4, "worth_kept_at_cap": {"0.05": 0.98}},
    },
}  # fmt: skip


def trees(names: tuple[str, ...]) -> BoostedTrees:
    rng = np.random.default_rng(1)
    features = rng.random((800, len(names))).astype(np.float32)
    label = features[:, 0] * features[:, 1] + features[:, 2]
    data = lightgbm.Dataset(features, label, feature_name=list(names), params={"verbose": -1})
    plan = {"objective": "regression", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": 1}
    return BoostedTrees(lightgbm.train(plan, data, 20).model_to_string())


def world(**more: Item) -> World:
    ranker = trees(("co_orders_relative", "spectral_relative", "log_popularity", "interest"))
    return replace(town(), products={**town().products, **more}, rankers={"circle": ranker, "self": ranker})


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`one` with a run card, an evaluation and hostile titles; `two` with dearer noodles, nothing beside."""
    folder = tmp_path_factory.mktemp("pages")
    model = valued_model(world())
    titles = [HOSTILE if n % 3 == 0 else f"Title {n}" for n in range(model.n_products)]
    hostile = replace(model, products=replace(model.products, titles=StringColumn.of(titles)))
    write_live_snapshot(hostile, folder / "one")
    write_live_snapshot(valued_model(world(n0=Item("Food > Noodles", 99_000))), folder / "two")
    run_card_path(folder / "one").write_text(json.dumps(CARD))
    check = CalibrationCheck((Tenth(9, 0.4, 0.5, 0.3, 0.7),), 9, 0.4, 0.5, 0.1, 0.02)
    found = replace(_evaluation(), calibration=check)
    write_whole(evaluation_path(folder / "one"), json.dumps(found.as_json()))
    return folder


def page(registry: Path) -> str:
    return snapshot_page(open_snapshot(registry / "one"), "one")


def both(registry: Path) -> str:
    out = registry / "pair.html"
    words = ["compare", "one", "two", "--snapshots", str(registry), "--html", str(out)]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    return out.read_text()


def test_nothing_is_fetched_and_nothing_can_run(registry: Path) -> None:
    for text in (page(registry), both(registry)):
        assert len(text.encode()) < MAX_BYTES
        assert not re.search(r"<script|<link|<iframe|@import|\bon[a-z]+=[\"']", text)
        assert not re.search(r'(?:src|href)="(?!#)', text)
        assert "http" not in re.sub(r'xmlns(:xlink)?="http://www\.w3\.org/[^"]*"', "", text)
        assert HOSTILE not in text and "&lt;img data-x" in text
        nesting = _Nesting()
        nesting.feed(text)
        assert nesting.open == []


def test_every_id_in_a_page_stands_once(registry: Path) -> None:
    for text in (page(registry), both(registry)):
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))


def test_the_page_tells_what_is_kept_beside_the_snapshot(registry: Path) -> None:
    text = page(registry)
    for told in ("fitting operators", "shuffled among", "0.974", "12.5 s on 2 threads", "new &lt;owners&gt;",
                 "Of 9 shares after the cut", "o-noodles", "terms</summary>"):  # fmt: skip
        assert told in text, told
    for plot in ("Recall and NDCG at 20", "NDCG at 20 by slice", "Kept orders per share, expected and seen",
                 "How places spread over the catalogue", "first list: what each feature adds"):  # fmt: skip
        assert f'aria-label="{plot}' in text, plot


def test_without_anything_beside_it_the_page_says_what_is_missing(registry: Path) -> None:
    text = snapshot_page(open_snapshot(registry / "two"), "two")
    assert "No evaluation is kept beside it" in text and "There is no run card beside it" in text


def test_the_same_snapshot_gives_the_same_bytes(registry: Path) -> None:
    assert page(registry) == page(registry)


@pytest.mark.parametrize("owner_id", ["o-noodles", "o-kitchen"])
def test_the_terms_sum_up_to_the_score_of_the_pick(registry: Path, owner_id: str) -> None:
    snapshot = open_snapshot(registry / "one")
    for pick in recommend(snapshot, Query(owner_id, n=5)).picks:
        why = explain(model_of(snapshot), owner_id, pick.product_id)
        assert why.base + sum(term.adds for term in why.terms) == pytest.approx(why.score, abs=1e-5)
        assert why.score == pytest.approx(pick.score, abs=1e-5)
        assert [abs(term.adds) for term in why.terms] == sorted(
            (abs(term.adds) for term in why.terms), reverse=True
        )


def test_an_owner_that_is_named_is_explained_and_an_unknown_one_refused(registry: Path) -> None:
    snapshots = [open_snapshot(registry / name) for name in ("one", "two")]
    assert example_owners(snapshots, 0, "o-kitchen") == ["o-kitchen"]
    with pytest.raises(UsageError, match="--owner"):
        example_owners(snapshots, 0, "nobody")
    assert set(example_owners(snapshots, 0)) == {"o-noodles", "o-kitchen", "o-new"}
    assert example_of(snapshots[0], "o-kitchen").picks


def test_places_spread_as_counted_by_hand(registry: Path) -> None:
    snapshot = open_snapshot(registry / "one")
    shown = {
        pick.product_id
        for owner_id in snapshot.ids("owners")
        for pick in recommend(snapshot, Query(owner_id, n=10)).picks
    }
    spread = spread_of(snapshot, 0)
    assert spread.n_owners == 3
    assert spread.coverage == pytest.approx(len(shown) / len(snapshot.ids("products")))


def test_an_evaluation_that_was_kept_is_the_one_that_was_made(registry: Path) -> None:
    kept = kept_evaluation(registry / "one")
    assert kept is not None
    assert json.loads(json.dumps(kept.as_json())) == json.loads(evaluation_path(registry / "one").read_text())
    assert evaluation_from(kept.as_json()).ours.measures == kept.ours.measures
    assert kept_evaluation(registry / "two") is None


def test_a_file_that_is_no_evaluation_is_refused(tmp_path: Path) -> None:
    evaluation_path(tmp_path / "one").write_text('{"methods": 3}')
    with pytest.raises(SnapshotError, match="is no evaluation"):
        kept_evaluation(tmp_path / "one")


def test_lists_stand_side_by_side(registry: Path) -> None:
    text = both(registry)
    assert text.count("list before: what each feature adds") >= 2 and "same place" in text
    snapshots = open_snapshot(registry / "one"), open_snapshot(registry / "one")
    found = json.loads(CliRunner().invoke(
        app, ["compare", "one", "one", "--json", "--snapshots", str(registry)]
    ).output)  # fmt: skip
    same = pair_page(snapshots, ("one", "one"), found)
    assert "one (before)" in same and ">new<" not in same and ">gone<" not in same
    assert "one (after)" in same and "new &lt;owners&gt;" in same


def test_the_command_writes_the_page_and_says_where(registry: Path, tmp_path: Path) -> None:
    out = tmp_path / "one.html"
    words = ["show", "one", "--snapshots", str(registry), "--html", str(out)]
    found = CliRunner().invoke(app, words, catch_exceptions=False)
    assert found.output.splitlines()[-1] == f"the page: {out}"
    assert out.read_text() == page(registry)
    as_json = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert json.loads(as_json.output)["name"] == "one"
    nowhere = CliRunner().invoke(app, [*words[:-1], str(tmp_path / "no" / "one.html")])
    assert isinstance(nowhere.exception, UsageError) and not (tmp_path / "no").exists()
