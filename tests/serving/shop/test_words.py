"""Three languages with the same words, and numbers as each writes them."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import serving.shop
from serving.shop.words import LANGUAGES, Words, catalog, language_for

FOLDER = Path(serving.shop.__file__).parent


def words(language: str) -> Words:
    return Words(language, ZoneInfo("Asia/Taipei"))


def keys(language: str) -> dict[str, set[str]]:
    return {
        f"{section}.{name}": {field for _, field, _, _ in string.Formatter().parse(text) if field}
        for section, names in catalog(language).items()
        for name, text in names.items()
    }


def test_every_language_has_the_same_words_with_the_same_places() -> None:
    assert keys("zh_Hant") == keys("zh_Hans") == keys("en")


def test_no_language_is_left_in_another() -> None:
    for section in catalog("zh_Hant").values():
        for text in section.values():
            assert re.search("[\u4e00-\u9fff]", re.sub(r"{[a-z_]+}|–", "", text) or "字")
    simplified = "".join(text for names in catalog("zh_Hans").values() for text in names.values())
    assert not set("這們價訂單買貴讓為從來後當顯應會請選結與傳複製儲簡訊動態場區樂給總開關") & set(simplified)
    traditional = "".join(text for names in catalog("zh_Hant").values() for text in names.values())
    assert not set("这们价订单买贵让为从来后当显应会请选结与传复制储简讯动态场区乐给总开关") & set(
        traditional
    ) - set("后制")


def heads_of(code: str) -> list[tuple[str, str]]:
    """Section and name of every head of a column that is named in the code."""
    calls = re.findall(r'heads\(\s*words, "([a-z]+)", ([^)]*)\)', code)
    return [(section, name) for section, names in calls for name in re.findall(r'"([a-z_]+)"', names)]


def named(key: str, code: str) -> bool:
    """Whether a word is what a code is called: `named(section, …)` is said, and some room says the code."""
    section, _, name = key.partition(".")
    if not re.search(rf'named\("{section}", ', code):
        return False
    origin = re.search(rf'named\("{section}", f"([a-z]+_){{', code)
    if origin is not None and name.startswith(origin[1]):
        return True
    rooms = FOLDER.parents[1]
    text = code + "".join(
        file.read_text()
        for room in ("recsys", "training", "serving/callers")
        for file in (rooms / room).glob("*.py")
    )
    return f'"{name.removesuffix("_to_usual")}"' in text


def test_every_word_is_said_somewhere_and_every_word_said_is_there() -> None:
    code = "\n".join(
        file.read_text()
        for pattern in (
            "*.py",
            "pages/*.html",
            "../routes_shop*.py",
            "../console/*.py",
            "../console/pages/*.html",
            "../routes_console*.py",
        )
        for file in FOLDER.glob(pattern)
    )
    said = set(re.findall(r"""say\(\s*f?["']([a-z_]+\.[a-z0-9_]+)["']""", code))
    assert said <= keys("en").keys()
    heads = {f"{section}.{name}" for section, name in heads_of(code)}
    assert heads <= keys("en").keys()
    begun = set(re.findall(r"""["'f]["']?([a-z]+\.[a-z0-9_]*)(?:\{|["'] ~)""", code))
    unsaid = {
        key for key in keys("en") if f'"{key}"' not in code and f"'{key}'" not in code
        and not any(key.startswith(start) for start in begun) and key not in heads and not named(key, code)
    }  # fmt: skip
    assert unsaid == set()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh_Hant"), ("zh-HK", "zh_Hant"), ("zh-Hant-CN", "zh_Hant"),
        ("zh-CN", "zh_Hans"), ("zh", "zh_Hans"), ("en-GB,zh-TW;q=0.5", "en"), ("fr,zh-TW;q=0.5", "zh_Hant"),
        ("fr;q=0.2,en;q=0.1,zh-CN;q=0.9", "zh_Hans"), ("", "en"), (None, "en"), ("de", "en"),
        ("zh-TW;q=x,en", "en"), ("," * 5000, "en"),
    ],
)  # fmt: skip
def test_the_browser_says_which_language(header: str | None, language: str) -> None:
    assert language_for(None, header) == language


def test_what_she_chose_goes_before_what_the_browser_says() -> None:
    assert language_for("zh_Hant", "en") == "zh_Hant"
    assert language_for("xx", "zh-CN") == "zh_Hans"
    assert set(LANGUAGES) == {"zh_Hant", "zh_Hans", "en"}


def test_money_and_days_are_written_as_the_language_writes_them() -> None:
    assert words("zh_Hant").money(129_900, "TWD") == "$1,299.00"
    assert words("zh_Hans").money(1990, "CNY") == "¥19.90"
    assert words("en").money(1990, "CNY") == "CN¥19.90"
    assert words("en").money(1990, "JPY") == "¥1,990"  # a currency without minor units
    assert words("en").rough_money(123_456, "CNY") == "CN¥1,235"
    late = datetime(2026, 3, 1, 20, tzinfo=UTC)  # already the next day in Taipei
    assert words("zh_Hant").day(late) == "2026年3月2日"
    assert "4:00" in words("en").moment(late)
