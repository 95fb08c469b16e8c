"""The report: one file, nothing fetched, nothing run, values escaped, the same bytes each time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from training.baselines.seam import Asked
from training.bootstrap import Interval
from training.calibration_check import CalibrationCheck, Tenth
from training.evaluation import Evaluation, Gain, verdict
from training.evaluation_text import evaluation_text
from training.judging import judge
from training.problem import Problem, Slice
from training.report import MAX_BYTES, render_report, write_report

VOID = {"meta", "br", "hr", "img", "link", "input"}


def _problem(n: int = 80, n_products: int = 50) -> Problem:
    truth = sp.csr_array(
        (np.ones(n, np.float32), (np.arange(n), np.arange(n) % n_products)), shape=(n, n_products)
    )
    nothing = sp.csr_array((n, n_products), dtype=np.float32)
    people = sp.csr_array((n, n), dtype=np.float32)
    slices = (
        Slice("new <owners>", "fewer than 3 & more", owners=np.arange(n) < 30),
        Slice("nobody", "none", owners=np.zeros(n, dtype=bool)),
    )
    return Problem(
        "self", np.array([f"m{i}" for i in range(n)]), np.array([f"p{i}" for i in range(n_products)]),
        truth, nothing, Asked(people, nothing, nothing), sp.csr_array(truth),
        (np.arange(n_products) % 3).astype(np.int32), slices,
    )  # fmt: skip


def _evaluation(first_hits: int = 60, other_hits: int = 20) -> Evaluation:
    """Ours hits for the first `first_hits` owners at place 1, the baseline for `other_hits`."""
    problem = _problem()
    n = problem.asked.n
    lists = {}
    for name, n_hits in (("sharepicks", first_hits), ("popular", other_hits)):
        ranked = np.full((n, 20), -1, dtype=np.int32)
        right = np.arange(n) % 50
        ranked[:, 0] = np.where(np.arange(n) < n_hits, right, (right + 1) % 50)
        lists[name] = ranked
    found = judge(
        problem, lists, {"sharepicks": "Sharepicks", "popular": "popular"}, np.random.default_rng(0)
    )
    facts = {
        "snapshot_id": "0a1b", "dataset_hash": "feed", "seed": 3,
        "seconds": {"sharepicks": 1.5, "popular": 0.1},
        "config": {"embedding": {"factors": 64, "note": "<script>alert(1)</script>"}},
    }  # fmt: skip
    return replace(
        found,
        facts=facts,
        said=("Judged on <b>later</b> orders.",),
        left_out=("EASE: too large",),
        off=("circle: absent",),
    )


class _Nesting(HTMLParser):
    """Fails when a tag is closed that was not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    """The page of one evaluation, rendered once."""
    return render_report(_evaluation())


def test_page_is_well_nested_and_names_what_a_reader_needs(page: str) -> None:
    nesting = _Nesting()
    nesting.feed(page)
    assert nesting.open == []
    text = " ".join(" ".join(nesting.text).split())
    for word in (
        "Recall@20",
        "NDCG@20",
        "popular",
        "Gini",
        "feed",
        "EASE: too large",
        "0a1b",
        "Nobody to judge in: nobody",
    ):
        assert word in text, word


def test_page_fetches_nothing_and_runs_nothing(page: str) -> None:
    assert not re.search(r"https?://|<script|<link|@import|url\((?!#)|\son\w+=", page)


def test_values_from_outside_are_escaped(page: str) -> None:
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert "<b>later</b>" not in page
    assert "<owners>" not in page


def test_same_evaluation_gives_the_same_bytes(page: str) -> None:
    assert render_report(_evaluation()) == page


def test_every_id_stands_once_and_every_reference_is_met(page: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)) != set()
    for pair in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page):
        assert (pair[0] or pair[1]) in ids


def test_report_stays_small_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    write_report(_evaluation(), tmp_path / "report.html")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").stat().st_size < MAX_BYTES


def test_large_catalogue_leaves_the_page_small() -> None:
    evaluation = _evaluation()
    curve = (np.linspace(0, 1, 200_001), np.linspace(0, 1, 200_001) ** 3)
    methods = tuple(replace(method, lorenz=curve) for method in evaluation.methods)
    assert len(render_report(replace(evaluation, methods=methods))) < MAX_BYTES / 4


@pytest.mark.parametrize(
    ("ours", "other", "words"),
    [
        (60, 20, "is above the best baseline, popular"),
        (20, 60, "is below the best baseline, popular"),
        (41, 40, "cannot be told apart"),
    ],
)
def test_verdict_says_above_below_or_that_it_could_be_chance(ours: int, other: int, words: str) -> None:
    assert words in verdict(_evaluation(ours, other))


def test_evaluation_is_plain_json() -> None:
    found = json.loads(json.dumps(_evaluation().as_json(), allow_nan=False))
    assert found["best_baseline"] == "popular"
    nobody = {"name": "nobody", "meaning": "none", "n_owners": 0, "methods": {}, "ahead": {}}
    assert found["slices"][1] == nobody


def test_page_shows_what_each_part_adds_and_what_no_slice_can_tell(page: str) -> None:
    assert "What each part adds" not in page
    gain = {m: Interval(0.01, 0.005, 0.02) for m in ("recall@20", "ndcg@20")}
    evaluation = replace(
        _evaluation(),
        gains=(Gain("the whole <social> part", True, gain, gain),),
        slices_off=("scene: no later order names a share with a scene",),
    )
    found = render_report(evaluation)
    for words in ("What each part adds", "the whole &lt;social&gt; part", "No slice for", "Place by place"):
        assert words in found, words
    assert "are no probabilities" in found


def test_page_without_baselines_still_reads() -> None:
    evaluation = _evaluation()
    alone = replace(evaluation, methods=evaluation.methods[:1], comparisons=())
    assert "no baseline was asked for" in render_report(alone)


def test_page_shows_what_was_expected_beside_what_came(page: str) -> None:
    assert "Expected, and what came" not in page
    tenths = tuple(Tenth(100, 0.1 * n, 0.1 * n + 0.01, 0.1 * n, 0.1 * n + 0.02) for n in range(1, 11))
    check = CalibrationCheck(tenths, 1000, 0.55, 0.56, 0.01, 0.02)
    found = render_report(replace(_evaluation(), calibration=check))
    nesting = _Nesting()
    nesting.feed(found)
    assert nesting.open == []
    for words in ("Expected, and what came", "Of 1,000 shares after the cut 0.550 kept orders", "0.5100"):
        assert words in found, words
    assert "are no probabilities" not in found


def test_text_and_json_say_the_same_of_calibration() -> None:
    check = CalibrationCheck((Tenth(7, 0.25, 0.5, 0.125, 0.875),), 7, 0.25, 0.5, 0.25, 0.1)
    evaluation = replace(_evaluation(), calibration=check)
    assert "tenth 1" in evaluation_text(evaluation) and "0.5000 (0.125-0.875)" in evaluation_text(evaluation)
    found = json.loads(json.dumps(evaluation.as_json(), allow_nan=False))["calibration"]
    assert found["tenths"] == [{"n_shares": 7, "predicted": 0.25, "seen": 0.5, "low": 0.125, "high": 0.875}]
    assert found["error"] == 0.25
    assert json.loads(json.dumps(_evaluation().as_json()))["calibration"] is None
