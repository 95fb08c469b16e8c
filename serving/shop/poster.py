"""The poster of a share: picture, price, value and a QR code of its link, as SVG and as PNG."""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from unicodedata import east_asian_width

import segno
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, MARGIN = 720, 1080, 48
ART_HEIGHT = 420
QR_SIZE = 240
TONES = (
    ("#e8f1ec", "#0b5d4a"), ("#fdeee3", "#8a3a10"), ("#e9eefb", "#25438f"), ("#f6e9f3", "#7a2565"),
    ("#eef4dc", "#4a5d0b"), ("#e4f3f8", "#0d5b73"), ("#fbeaea", "#8f2525"), ("#f2eee6", "#5f4a1e"),
)  # fmt: skip
INK, SOFT, PRICE = "#1c1b19", "#57534c", "#b3261e"
SYSTEM_FONTS = (
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/STHeiti Medium.ttc",
)


@dataclass(frozen=True, slots=True)
class Poster:
    """What stands on it; `tone` picks the colours, `link` goes into the QR code."""

    title: str
    category: str
    initial: str
    tone: int
    price: str
    value: str
    scan: str
    disclosure: str
    link: str


def poster_svg(poster: Poster) -> str:
    """The poster as SVG, 720 × 1080, in the fonts of whoever looks at it; nothing in it runs."""
    paper, ink = TONES[poster.tone]
    font = 'font-family="system-ui, sans-serif"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(poster.title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<rect width="{WIDTH}" height="{ART_HEIGHT}" fill="{paper}"/>',
        _svg_text(poster.initial, WIDTH // 2, 260, 200, ink, font, "middle"),
        _svg_text(poster.category, WIDTH // 2, 360, 34, ink, font, "middle"),
    ]
    parts += [
        _svg_text(text, x, y, size, colour, font, "start") for text, x, y, size, colour in _lines(poster)
    ]
    parts.append(_qr_path(poster.link, WIDTH - MARGIN - QR_SIZE, HEIGHT - MARGIN - QR_SIZE))
    return "".join(parts) + "</svg>"


def poster_png(poster: Poster, font_file: Path | None) -> bytes:
    """The poster as PNG; `font_file` None uses what `find_font` finds."""
    paper, ink = TONES[poster.tone]
    picture = Image.new("RGB", (WIDTH, HEIGHT), "#ffffff")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, WIDTH, ART_HEIGHT), fill=paper)
    file = str(font_file or find_font() or "")
    draw.text((WIDTH // 2, 260), poster.initial, fill=ink, font=_font(file, 200), anchor="ms")
    draw.text((WIDTH // 2, 360), poster.category, fill=ink, font=_font(file, 34), anchor="ms")
    for text, x, y, size, colour in _lines(poster):
        draw.text((x, y), text, fill=colour, font=_font(file, size), anchor="ls")
    code = Image.open(io.BytesIO(_qr_png(poster.link))).convert("RGB")
    code = code.resize((QR_SIZE, QR_SIZE), Image.Resampling.NEAREST)
    picture.paste(code, (WIDTH - MARGIN - QR_SIZE, HEIGHT - MARGIN - QR_SIZE))
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=False, compress_level=6)
    return out.getvalue()


def find_font() -> Path | None:
    """A font with Chinese: of this system, else the one that comes with this project; None: there is none."""
    for name in SYSTEM_FONTS:
        if Path(name).is_file():
            return Path(name)
    try:
        import pylopdf_fonts_zh_cn as fonts
    except ImportError:
        return None
    file = Path(fonts.__file__).with_name("NotoSansSC-Regular.otf")
    return file if file.is_file() else None


def _lines(poster: Poster) -> list[tuple[str, int, int, int, str]]:
    """Every line of text: what, x, y of its baseline, size, colour."""
    found, y = [], ART_HEIGHT + 74
    for line in wrapped(poster.title, 30, 3):
        found.append((line, MARGIN, y, 42, INK))
        y += 56
    found.append((poster.price, MARGIN, y + 34, 64, PRICE))
    y = HEIGHT - MARGIN - QR_SIZE + 40
    for line in wrapped(poster.value, 24, 4):
        found.append((line, MARGIN, y, 30, INK))
        y += 42
    found.append((poster.scan, MARGIN, HEIGHT - MARGIN - 40, 28, SOFT))
    found.append((poster.disclosure, MARGIN, HEIGHT - MARGIN, 20, SOFT))
    return found


def wrapped(text: str, width: int, most: int) -> list[str]:
    """At most so many lines, each no wider than so many narrow letters; a wide one counts for two."""
    lines: list[str] = [""]
    for word in _words(text):
        if _width(lines[-1] + word.rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += word if lines[-1] else word.lstrip()
        while _width(lines[-1].rstrip()) > width:  # one word wider than a line
            cut = next(n for n in range(len(lines[-1]), 0, -1) if _width(lines[-1][:n]) <= width)
            lines[-1:] = [lines[-1][:cut], lines[-1][cut:]]
    lines = [line.rstrip() for line in lines]
    if len(lines) > most:
        last = textwrap.shorten(lines[most - 1], max(1, len(lines[most - 1])), placeholder="")
        lines = [*lines[: most - 1], last[:-1] + "…"]
    return [line for line in lines if line]


def _words(text: str) -> list[str]:
    """Where a line may break: after a blank, and after each wide letter."""
    found, word = [], ""
    for letter in text:
        word += letter
        if letter.isspace() or _is_wide(letter):
            found.append(word)
            word = ""
    return [*found, word] if word else found


def _width(text: str) -> int:
    return sum(2 if _is_wide(letter) else 1 for letter in text)


def _is_wide(letter: str) -> bool:
    return east_asian_width(letter) in "WF"


def _svg_text(text: str, x: int, y: int, size: int, colour: str, font: str, anchor: str) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" {font}>'
        f"{escape(text)}</text>"
    )


def _qr_path(link: str, x: int, y: int) -> str:
    code = segno.make(link, error="m", micro=False)
    side = len(code.matrix) + 8
    scale = QR_SIZE / side
    cells = "".join(
        f"M{at + 4} {down + 4}h1v1h-1z"
        for down, row in enumerate(code.matrix)
        for at, dark in enumerate(row)
        if dark
    )
    return f'<path transform="translate({x} {y}) scale({scale:.4f})" d="{cells}" fill="#000000"/>'


def _qr_png(link: str) -> bytes:
    out = io.BytesIO()
    segno.make(link, error="m", micro=False).save(out, kind="png", scale=8, border=4)
    return out.getvalue()


@lru_cache(maxsize=32)
def _font(file: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(file, size) if file else ImageFont.load_default(size)
