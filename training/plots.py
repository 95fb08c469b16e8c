"""The report's plots as SVG text: the same figures give the same bytes, and the page's CSS gives the colours.

Text stays text (readable, searchable, small); colours are placeholders that the page maps to light and dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.bootstrap import Interval
from training.calibration_check import CalibrationCheck
from training.evaluation import Comparison, Gain, Method, SliceResult

# Placeholder → CSS class colour. Ours stands out, baselines are quiet.
OURS, OTHER, BEST, INK, FAINT = "#010101", "#020202", "#030303", "#040404", "#050505"
_CSS = {
    OURS: "var(--ours)",
    OTHER: "var(--other)",
    BEST: "var(--best)",
    INK: "var(--ink)",
    FAINT: "var(--faint)",
}
_STYLE: Any = {  # matplotlib types its settings by their names
    "svg.fonttype": "none", "svg.hashsalt": "sharepicks", "font.size": 10, "font.family": "sans-serif",
    "axes.edgecolor": FAINT, "axes.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False,
    "xtick.color": INK, "ytick.color": INK, "text.color": INK, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": FAINT, "grid.linewidth": 0.5, "legend.frameon": False, "figure.facecolor": "none",
    "axes.facecolor": "none", "savefig.facecolor": "none", "legend.labelcolor": INK,
}  # fmt: skip
_MEASURES = (("recall@20", "Recall@20"), ("ndcg@20", "NDCG@20"))
_LORENZ_POINTS = 200
_DASHES = (
    (0, (1, 1)),
    (0, (5, 1)),
    (0, (6, 2, 1, 2)),
    (0, (2, 2)),
    (0, (10, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (1, 4)),
)


def plot_measures(methods: Sequence[Method]) -> str:
    """Recall@20 and NDCG@20 of every method as bars with their intervals."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(9, 0.9 + 0.34 * len(methods)), layout="constrained")
        for at, (measure, title) in enumerate(_MEASURES):
            axes = figure.add_subplot(1, 2, at + 1)
            _bars(axes, [m.label for m in methods], [m.measures[measure] for m in methods])
            axes.set_title(title, loc="left", fontsize=11)
            if at:
                axes.set_yticklabels([])
        return _svg(figure, "Recall and NDCG at 20 of every method, with 95 % intervals")


def plot_comparisons(comparisons: Sequence[Comparison], labels: Mapping[str, str]) -> str:
    """Ours minus each baseline, paired by owner, with the interval of the difference."""
    with matplotlib.rc_context(_STYLE):
        names = list(dict.fromkeys(c.against for c in comparisons))
        figure = Figure(figsize=(9, 0.9 + 0.34 * len(names)), layout="constrained")
        for at, (measure, title) in enumerate(_MEASURES):
            axes = figure.add_subplot(1, 2, at + 1)
            chosen = {c.against: c.difference for c in comparisons if c.measure == measure}
            _differences(axes, [chosen[name] for name in names])
            axes.set_yticks(range(len(names)), [labels[name] for name in names] if at == 0 else [])
            axes.set_title(f"{title}: Sharepicks minus the baseline", loc="left", fontsize=11)
        return _svg(figure, "Paired differences to each baseline, with 95 % intervals")


def plot_gains(gains: Sequence[Gain]) -> str:
    """What each part adds to NDCG@20 and Recall@20: the whole minus without it, paired by owner."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(9, 0.9 + 0.34 * len(gains)), layout="constrained")
        for at, (measure, title) in enumerate(_MEASURES):
            axes = figure.add_subplot(1, 2, at + 1)
            _differences(axes, [gain.gains[measure] for gain in gains])
            axes.set_yticks(range(len(gains)), [gain.name for gain in gains] if at == 0 else [])
            axes.set_title(f"{title}: with it minus without", loc="left", fontsize=11)
        return _svg(figure, "What each part adds, with 95 % intervals")


def plot_hit_rates(methods: Sequence[Method]) -> str:
    """How often the product at each place is right, for the methods given."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for at, method in enumerate(methods):
            places = np.arange(1, len(method.hit_rates) + 1)
            colour = OURS if at == 0 else BEST
            axes.plot(places, method.hit_rates, "-o", color=colour, markersize=4, label=method.label)
        axes.set_xlabel("place in the list")
        axes.set_ylabel("share of lists right there")
        axes.set_xlim(0.5, len(methods[0].hit_rates) + 0.5)
        axes.set_ylim(bottom=0)
        axes.set_xticks([1, 5, 10, 15, 20])
        axes.legend(fontsize=9)
        return _svg(figure, "How often each place is right")


def plot_calibration(check: CalibrationCheck) -> str:
    """What was expected of each tenth of the shares beside what came, with its interval."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        most = max(max(part.predicted, part.high) for part in check.tenths) * 1.05 or 1.0
        axes.plot([0, most], [0, most], color=FAINT, linewidth=1, linestyle=":")
        for part in check.tenths:
            axes.plot([part.predicted] * 2, [part.low, part.high], color=INK, linewidth=1.2)
        said, seen = ([getattr(part, name) for part in check.tenths] for name in ("predicted", "seen"))
        axes.plot(said, seen, "-o", color=OURS, markersize=5)
        axes.set_xlabel("kept orders per share, expected")
        axes.set_ylabel("seen")
        axes.set_xlim(0, most)
        axes.set_ylim(0, most)
        return _svg(figure, "Kept orders per share, expected and seen")


def plot_lorenz(methods: Sequence[Method], best: Method | None) -> str:
    """How exposure spreads over the catalogue: the further from the diagonal, the fewer products get it."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=":")
        for at, method in enumerate(methods):
            x, y = _thinned(*method.lorenz)
            colour = OURS if at == 0 else BEST if method is best else OTHER
            loud = colour != OTHER
            axes.plot(
                x, y, color=colour, linewidth=2.2 if loud else 1.2, label=method.label,
                linestyle="-" if loud else _DASHES[at % len(_DASHES)], zorder=3 if loud else 2,
            )  # fmt: skip
        axes.set_xlabel("share of the products, least shown first")
        axes.set_ylabel("share of all places in the lists")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.01)
        axes.legend(loc="upper left", fontsize=9)
        return _svg(figure, "Lorenz curves of exposure")


def plot_exposure(curves: Mapping[str, tuple[Any, Any]]) -> str:
    """How the places of lists spread over the catalogue, a curve for each snapshot; the last one is loud."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=":")
        for at, (name, curve) in enumerate(curves.items(), start=1):
            is_last = at == len(curves)
            x, y = _thinned(*curve)
            axes.plot(
                x, y, color=OURS if is_last else BEST, label=name.replace("$", r"\$"), linewidth=2.2,
                linestyle="-" if is_last else "--",
            )  # fmt: skip
        axes.set_xlabel("share of the products, least shown first")
        axes.set_ylabel("share of all places in the lists")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.01)
        axes.legend(loc="upper left", fontsize=9)
        return _svg(figure, "How places spread over the catalogue")


def plot_terms(names: Sequence[str], terms: Sequence[float], title: str) -> str:
    """What each feature adds to a score, or takes from it; bars from the top in the order given."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 0.8 + 0.3 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        colours = [OURS if term >= 0 else BEST for term in terms]
        axes.barh(range(len(names)), terms, color=colours, height=0.66)
        axes.axvline(0.0, color=INK, linewidth=0.9)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        return _svg(figure, title)


def plot_slices(slices: Sequence[SliceResult], methods: Sequence[Method]) -> str:
    """NDCG@20 of the methods given, slice by slice."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(9, 0.8 + 0.5 * len(slices)), layout="constrained")
        axes = figure.add_subplot()
        offsets = np.linspace(-0.16, 0.16, len(methods)) if len(methods) > 1 else np.zeros(1)
        for at, method in enumerate(methods):
            colour = OURS if at == 0 else BEST
            for row, part in enumerate(slices):
                interval = part.methods[method.name]["ndcg@20"]
                height = row + offsets[at]
                axes.plot([interval.low, interval.high], [height, height], color=colour, linewidth=2.2)
                name = method.label if row == 0 else None
                axes.plot(
                    [interval.mean], [height], "o", color=colour, markersize=5, label=name, clip_on=False
                )
        axes.set_yticks(range(len(slices)), [f"{p.name} ({p.n_owners:,})" for p in slices])
        axes.set_ylim(len(slices) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.grid(axis="y", visible=False)
        axes.set_title("NDCG@20 by slice (owners judged)", loc="left", fontsize=11)
        axes.legend(fontsize=9)
        return _svg(figure, "NDCG at 20 by slice, with 95 % intervals")


def _differences(axes: Any, intervals: Sequence[Interval]) -> None:
    """Intervals one below the other around 0: loud where they lie above it, quiet where they hold it."""
    for row, interval in enumerate(intervals):
        sure = interval.excludes(0.0)
        colour = OTHER if not sure else OURS if interval.mean > 0 else BEST
        axes.plot([interval.low, interval.high], [row, row], color=colour, linewidth=2.2)
        axes.plot([interval.mean], [row], "o", color=colour, markersize=5)
    axes.axvline(0.0, color=INK, linewidth=0.9)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylim(len(intervals) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def _bars(axes: Any, labels: Sequence[str], intervals: Sequence[Interval]) -> None:
    best = max(range(1, len(intervals)), key=lambda i: intervals[i].mean, default=0)
    for row, interval in enumerate(intervals):
        colour = OURS if row == 0 else BEST if row == best else OTHER
        axes.barh(row, interval.mean, color=colour, height=0.66)
        axes.plot([interval.low, interval.high], [row, row], color=INK, linewidth=1.2)
        axes.annotate(
            f"{interval.mean:.4f}",
            (interval.high, row),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, max(max(i.high for i in intervals) * 1.18, 1e-6))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", visible=False)


def _thinned(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Few enough points for a small page whatever the catalogue; the end of the curve keeps its shape."""
    if len(x) <= _LORENZ_POINTS:
        return x, y
    wanted = 1 - (1 - np.linspace(0, 1, _LORENZ_POINTS)) ** 2
    places = np.unique((wanted * (len(x) - 1)).round().astype(int))
    return x[places], y[places]


def _svg(figure: Figure, title: str) -> str:
    """The figure as an <svg> element that scales with the page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    for placeholder, colour in _CSS.items():
        svg = svg.replace(placeholder, colour)
    opening = rf'<svg viewBox="\1" role="img" aria-label="{title}">'
    svg = re.sub(r'<svg[^>]*?viewBox="([^"]+)"[^>]*>', opening, svg, count=1)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    return _with_own_ids(svg, title)


def _with_own_ids(svg: str, title: str) -> str:
    """Ids made unique within the page: each figure calls its parts figure_1, axes_1 and so on."""
    prefix = re.sub(r"[^a-z]+", "-", title.lower())[:24] + "-"
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'(xlink:href="#|href="#)', rf"\1{prefix}", svg)
    return svg.replace("url(#", f"url(#{prefix}")
