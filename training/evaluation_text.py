"""An evaluation as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from training.bootstrap import Interval
from training.evaluation import (
    MAIN_MEASURE,
    PAIRED_MEASURES,
    Evaluation,
    calibration_sentence,
    main_comparison,
    verdict,
)

_MEASURES = ("recall", "ndcg", "mrr")
_TITLES = {"recall": "Recall", "ndcg": "NDCG", "mrr": "MRR", "graded_ndcg": "graded NDCG"}


def evaluation_text(evaluation: Evaluation) -> str:
    """The verdict, the table of all methods, the paired differences and the slices, as plain text."""
    lines = [
        f"target {evaluation.target}: {evaluation.n_owners:,} owners judged on {evaluation.n_relevant:,} "
        f"right answers among {evaluation.n_products:,} products",
        *evaluation.said,
        "",
        *_table(evaluation, 20),
        "",
        *_table(evaluation, 10),
        "",
        *_differences(evaluation),
        "",
        *_slices(evaluation),
        "",
        *_gains(evaluation),
        verdict(evaluation),
        *_tenths(evaluation),
        calibration_sentence(evaluation),
    ]
    lines += [f"no slice for {sentence}" for sentence in evaluation.slices_off]
    lines += [f"left out: {sentence}" for sentence in evaluation.left_out]
    if evaluation.off:
        lines.append(f"{len(evaluation.off)} things are off in this dataset; --json and --report name them")
    return "\n".join(lines)


def _table(evaluation: Evaluation, k: int) -> list[str]:
    """The measures at k with their intervals, one method a line."""
    measures = (*_MEASURES, *(("graded_ndcg",) if evaluation.target == "circle" else ()))
    rows = [[f"at {k}", *(_TITLES[measure] for measure in measures), "coverage", "Gini"]]
    for method in evaluation.methods:
        cells = [_cell(method.measures[f"{measure}@{k}"]) for measure in measures]
        beyond = [f"{method.beyond[f'{name}@{k}']:.3f}" for name in ("coverage", "gini")]
        rows.append([method.label, *cells, *beyond])
    return _aligned(rows)


def _differences(evaluation: Evaluation) -> list[str]:
    others = evaluation.methods[1:]
    if not others:
        return []
    rows = [["Sharepicks minus, owner by owner", "Recall@20", "NDCG@20", "NDCG@20, times"]]
    for method in others:
        parts = [main_comparison(evaluation, method.name, m) for m in ("recall@20", "ndcg@20")]
        cells = [_signed(c.difference) for c in parts]
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
    ahead = [f"Sharepicks minus {best.label}"] if best else []
    rows = [["NDCG@20 by slice", "owners", *(method.label for method in shown), *ahead]]
    for part in there:
        intervals = [part.methods[method.name]["ndcg@20"] for method in shown]
        cells = [_cell(interval) for interval in intervals]
        cells += [_signed(part.ahead[best.name])] if best else []
        rows.append([part.name, f"{part.n_owners:,}", *cells])
    return _aligned(rows)


def _gains(evaluation: Evaluation) -> list[str]:
    if not evaluation.gains:
        return []
    rows = [["what each part adds", "fitted anew", "Recall@20", "NDCG@20", "NDCG@20 without it"]]
    for gain in evaluation.gains:
        cells = [_signed(gain.gains[measure]) for measure in PAIRED_MEASURES]
        again = "yes" if gain.refitted else "no"
        rows.append([gain.name, again, *cells, _cell(gain.without[MAIN_MEASURE])])
    return [*_aligned(rows), ""]


def _tenths(evaluation: Evaluation) -> list[str]:
    if evaluation.calibration is None:
        return []
    rows = [["kept orders per share, by tenths", "shares", "expected", "seen"]]
    for at, part in enumerate(evaluation.calibration.tenths, start=1):
        seen = f"{part.seen:.4f} ({part.low:.3f}-{part.high:.3f})"
        rows.append([f"tenth {at}", f"{part.n_shares:,}", f"{part.predicted:.4f}", seen])
    return ["", *_aligned(rows), ""]


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def _cell(interval: Interval) -> str:
    return f"{interval.mean:.4f} ({interval.low:.3f}-{interval.high:.3f})"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
