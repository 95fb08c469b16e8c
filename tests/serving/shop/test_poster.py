"""The poster: its QR code is of the link, its lines fit, and nothing in it runs."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import segno
from PIL import Image

from serving.shop.poster import (
    HEIGHT,
    MARGIN,
    QR_SIZE,
    WIDTH,
    Poster,
    find_font,
    poster_png,
    poster_svg,
    wrapped,
)

POSTER = Poster(
    "有机面条 800 克", "面条", "面", 3, "¥19.90", "比 100 件同类中的 83 件更划算", "扫码看看", "广告",
    "https://picks.example/s/0123456789abcdef01234567",
)  # fmt: skip


def picture(poster: Poster) -> Image.Image:
    return Image.open(io.BytesIO(poster_png(poster, None))).convert("L")


def test_the_code_on_the_picture_is_the_code_of_the_link() -> None:
    code = segno.make(POSTER.link, error="m", micro=False)
    matrix = np.array([[bool(dark) for dark in row] for row in code.matrix])
    box = (WIDTH - MARGIN - QR_SIZE, HEIGHT - MARGIN - QR_SIZE, WIDTH - MARGIN, HEIGHT - MARGIN)
    pixels = np.asarray(picture(POSTER).crop(box))
    cell = QR_SIZE / (len(matrix) + 8)
    middle = ((np.arange(len(matrix)) + 4.5) * cell).astype(int)
    assert ((pixels[np.ix_(middle, middle)] < 128) == matrix).all()


def test_chinese_is_drawn_with_letters_and_not_with_boxes() -> None:
    assert find_font() is not None
    one, other = (np.asarray(picture(replace(POSTER, title=title))) for title in ("面条", "洗衣"))
    assert (one != other).sum() > 200


def test_the_svg_is_well_formed_and_holds_no_script_of_a_title() -> None:
    hostile = replace(POSTER, title='</text><script>alert(1)</script><a href="javascript:x">')
    root = ElementTree.fromstring(poster_svg(hostile))
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names == {"svg", "title", "rect", "text", "path"}


def test_lines_break_between_words_and_anywhere_in_chinese() -> None:
    assert wrapped("Lime laundry liquid 3 L", 12, 3) == ["Lime laundry", "liquid 3 L"]
    assert wrapped("青柠洗衣液家庭装", 8, 3) == ["青柠洗衣", "液家庭装"]
    assert wrapped("a" * 30, 10, 2)[-1].endswith("…") and len(wrapped("字" * 100, 10, 3)) == 3
    assert wrapped("", 10, 3) == []
