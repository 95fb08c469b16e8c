"""An evaluation as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from training.judging import Evaluation, Method, main_comparison, verdict

_COLUMNS = ("recall@10", "recall@20", "ndcg@10", "ndcg@20", "mrr@10", "mrr@20")
_BEYOND = ("coverage@10", "coverage@20", "gini@10", "gini@20")
_NAMES = {"recall": "Recall", "ndcg": "NDCG", "mrr": "MRR", "graded": "graded NDCG"}


def evaluation_text(evaluation: Evaluation) -> str:
    """The verdict, the table of all methods, the paired differences and the slices, as plain text."""
    lines = [
        f"target {evaluation.target}: {evaluation.n_owners:,} owners judged on {evaluation.n_relevant:,} "
        f"right answers among {evaluation.n_products:,} products",
        *evaluation.said,
        "",
        *_table(evaluation.methods),
        "",
        *_differences(evaluation),
        "",
        *_slices(evaluation),
        "",
        verdict(evaluation),
    ]
    lines += [f"left out: {sentence}" for sentence in evaluation.off]
    return "\n".join(lines)


def _table(methods: Sequence[Method]) -> list[str]:
    """Every measure with its interval, one method a line, the widths of the columns made even."""
    header = ["", *(_title(c) for c in _COLUMNS), *(c.replace("gini", "Gini") for c in _BEYOND)]
    rows = [header]
    for method in methods:
        intervals = [method.measures[column] for column in _COLUMNS]
        cells = [f"{i.mean:.4f} ({i.low:.4f}-{i.high:.4f})" for i in intervals]
        rows.append([method.label, *cells, *(f"{method.beyond[column]:.3f}" for column in _BEYOND)])
    return _aligned(rows)


def _differences(evaluation: Evaluation) -> list[str]:
    others = evaluation.methods[1:]
    if not others:
        return []
    rows = [["Sharepicks minus, owner by owner", "Recall@20", "NDCG@20", "NDCG@20, times"]]
    for method in others:
        parts = [main_comparison(evaluation, method.name, m) for m in ("recall@20", "ndcg@20")]
        cells = [
            f"{c.difference.mean:+.4f} ({c.difference.low:+.4f} to {c.difference.high:+.4f})" for c in parts
        ]
        ratio = parts[1].ratio
        times = "-" if ratio is None else f"{ratio.mean:.2f} ({ratio.low:.2f}-{ratio.high:.2f})"
        rows.append([method.label, *cells, times])
    return _aligned(rows)


def _slices(evaluation: Evaluation) -> list[str]:
    there = [part for part in evaluation.slices if part.n_owners]
    if not there:
        return []
    best = evaluation.best_baseline
    shown = [evaluation.ours, *([best] if best else [])]
    rows = [["NDCG@20 by slice", "owners", *(method.label for method in shown)]]
    for part in there:
        intervals = [part.methods[method.name]["ndcg@20"] for method in shown]
        cells = [f"{i.mean:.4f} ({i.low:.4f}-{i.high:.4f})" for i in intervals]
        rows.append([part.name, f"{part.n_owners:,}", *cells])
    return _aligned(rows)


def _title(measure: str) -> str:
    name, k = measure.split("@")
    return f"{_NAMES[name]}@{k}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
