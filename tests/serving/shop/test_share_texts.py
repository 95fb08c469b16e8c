"""Texts to share: nothing that is not counted, the disclosure in each, and not the same for everybody."""

from __future__ import annotations

import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from recsys.domain import Offer, Pick, Reason
from serving.shop.share_texts import share_texts
from serving.shop.words import LANGUAGES, Words, catalog

PICK = Pick(
    "p1", "有机面条 800 g", "Food > Noodles", Offer(1990, "CNY"), 1, 1.0, "taste",
    (Reason("popular", "", {"n_members": 53}),), value_score=0.83,
    good_value={"value_score": 0.83, "return_rate": 0.03, "n_mature": 400},
)  # fmt: skip


def words(language: str) -> Words:
    return Words(language, ZoneInfo("UTC"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_hundred_owners_do_not_post_the_same(language: str) -> None:
    texts = [share_texts(PICK, 1990.0, f"owner-{n}", 20_000, words(language))[0] for n in range(200)]
    assert len(set(texts)) >= 150
    assert max(texts.count(text) for text in set(texts)) <= 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_names_product_and_price_and_discloses_the_commission(language: str) -> None:
    told = words(language)
    for text in share_texts(PICK, 1990.0, "owner-1", 20_000, told):
        assert PICK.title in text and told.money(1990, "CNY") in text
        assert text.endswith(catalog(language)["copy"]["disclosure"])


def figures(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_is_one_of_the_evidence(language: str) -> None:
    known = {"800", "19.90", "83", "100", "97", "53", "30"}
    for owner in range(50):
        for text in share_texts(PICK, 1990.0, f"owner-{owner}", owner, words(language)):
            assert figures(text) <= known


def test_what_is_not_known_or_not_good_is_not_said() -> None:
    plain = replace(PICK, value_score=None, good_value=None, reasons=())
    poor = replace(
        PICK, value_score=0.3, good_value={"value_score": 0.3, "return_rate": 0.2, "n_mature": 400},
        reasons=(Reason("popular", "", {"n_members": 9}),),
    )  # fmt: skip
    few = {"value_score": None, "return_rate": 0.01, "n_mature": 3}
    young = replace(PICK, value_score=None, good_value=few, reasons=())
    expected = replace(PICK, good_value={"value_score": 0.83, "return_rate": 0.03, "n_mature": 0}, reasons=())
    for pick in (plain, poor, young, expected):
        for owner in range(30):
            for text in share_texts(pick, 1500.0, f"owner-{owner}", 1, words("en")):
                assert figures(text) == {"800", "19.90"}


def test_the_same_owner_reads_the_same_all_day_and_others_the_next() -> None:
    today = share_texts(PICK, 1990.0, "owner-1", 20_000, words("en"))
    assert today == share_texts(PICK, 1990.0, "owner-1", 20_000, words("en"))
    assert len(set(today)) == 3
    assert today != share_texts(PICK, 1990.0, "owner-1", 20_001, words("en"))
