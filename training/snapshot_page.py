"""A snapshot, or two, as one HTML file: no network, no script, plots as inline SVG, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from recsys.run_card import read_beside, run_card_path
from recsys.snapshot import Snapshot
from training.evaluation import MAIN_MEASURE, Evaluation, calibration_sentence, verdict
from training.evaluation_kept import kept_evaluation
from training.plots import plot_calibration, plot_exposure, plot_measures, plot_slices, plot_terms
from training.report import TABLE_MEASURES, flat_settings, page_of
from training.run_card import audit_lines
from training.snapshot_examples import Example, Spread, example_of, example_owners, spread_of

N_TERMS = 14  # that a plot shows; the table has all
MAX_BYTES = 2_000_000
SEED = 0
ORDINALS = ("first", "second", "third")


def snapshot_page(snapshot: Snapshot, name: str, owner_id: str | None = None) -> str:
    """The page of one snapshot; UsageError for an owner that it does not know."""
    side = _side(snapshot, name)
    examples = [example_of(snapshot, owner) for owner in example_owners([snapshot], SEED, owner_id)]
    plots = {
        "exposure": plot_exposure({name: side["spread"].lorenz}),
        **_evaluation_plots(side["evaluation"]),
    }
    content = {
        "name": name, "side": side, "plots": _safe(plots), "measures": TABLE_MEASURES,
        "examples": [
            {"example": one, "plot": Markup(_terms_plot(one, number))} for number, one in enumerate(examples)
        ],
    }  # fmt: skip
    return page_of("snapshot.html", content)


def pair_page(
    snapshots: tuple[Snapshot, Snapshot], names: tuple[str, str], found: dict[str, Any],
    owner_id: str | None = None,
) -> str:  # fmt: skip
    """The page of two snapshots, `found` as `recsys/comparing.py` compared them."""
    sides = [_side(snapshot, name) for snapshot, name in zip(snapshots, names, strict=True)]
    labels = names if names[0] != names[1] else (f"{names[0]} (before)", f"{names[1]} (after)")
    curves = {label: side["spread"].lorenz for label, side in zip(labels, sides, strict=True)}
    owners = example_owners(snapshots, SEED, owner_id)
    content = {
        "names": labels, "sides": sides, "found": found, "measures": TABLE_MEASURES,
        "main_measure": MAIN_MEASURE, "plots": _safe({"exposure": plot_exposure(curves)}),
        "slices": _slices_of_both([side["evaluation"] for side in sides]),
        "examples": [
            _pair([example_of(one, owner) for one in snapshots], labels, number)
            for number, owner in enumerate(owners)
        ],
    }  # fmt: skip
    return page_of("pair.html", content)


def _side(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """What the page tells of one snapshot."""
    fields, card = snapshot.manifest.fields, read_beside(run_card_path(snapshot.path))
    evaluation = kept_evaluation(snapshot.path)
    config = fields.get("config") or {}
    spread: Spread = spread_of(snapshot, SEED)
    return {
        "name": name, "snapshot_id": snapshot.manifest.snapshot_id, "as_of": fields.get("as_of"),
        "dataset_hash": fields.get("dataset_hash"), "seed": (config.get("run") or {}).get("seed"),
        "counts": fields.get("counts") or {}, "off": fields.get("off") or [], "card": card,
        "audits": list(audit_lines(card["audits"])) if card and "audits" in card else [],
        "stages": (card or {}).get("stages") or [], "config": flat_settings(config), "spread": spread,
        "evaluation": evaluation,
        "verdict": None if evaluation is None else verdict(evaluation),
        "calibration": None if evaluation is None else calibration_sentence(evaluation),
    }  # fmt: skip


def _evaluation_plots(evaluation: Evaluation | None) -> dict[str, str]:
    if evaluation is None:
        return {}
    best = evaluation.best_baseline
    slices = [part for part in evaluation.slices if part.n_owners]
    shown = [evaluation.ours, *([best] if best else [])]
    check = evaluation.calibration
    return {
        "measures": plot_measures(evaluation.methods),
        "slices": plot_slices(slices, shown) if slices else "",
        "calibration": "" if check is None else plot_calibration(check),
    }


def _slices_of_both(evaluations: Sequence[Evaluation | None]) -> list[dict[str, Any]]:
    """NDCG@20 of ours in each slice that both have."""
    before, after = evaluations
    if before is None or after is None:
        return []
    others = {part.name: part for part in after.slices if part.n_owners}
    return [
        {
            "name": part.name,
            "values": [
                one.methods[evaluation.ours.name][MAIN_MEASURE]
                for one, evaluation in ((part, before), (others[part.name], after))
            ],
        }
        for part in before.slices if part.n_owners and part.name in others
    ]  # fmt: skip


def _pair(examples: Sequence[Example], labels: Sequence[str], number: int) -> dict[str, Any]:
    """An owner's lists side by side: each product with its place in the other list."""
    places = [{pick.product_id: pick.position for pick in one.picks} for one in examples]
    rows = []
    for at in range(max(len(one.picks) for one in examples)):
        cells = []
        for side, one in enumerate(examples):
            pick = one.picks[at] if at < len(one.picks) else None
            other = None if pick is None else places[1 - side].get(pick.product_id)
            cells.append({"pick": pick, "other": other})
        rows.append(cells)
    return {
        "owner_id": examples[0].owner_id, "rows": rows,
        "plots": [
            {"label": label, "example": one, "plot": Markup(_terms_plot(one, number, side))}
            for label, one, side in zip(labels, examples, ("before", "after"), strict=True)
        ],
    }  # fmt: skip


def _terms_plot(example: Example, number: int, side: str = "") -> str:
    """The largest terms and what the others add together; empty for a list without products."""
    if example.why is None:
        return ""
    terms = example.why.terms
    names, adds = [term.name for term in terms[:N_TERMS]], [term.adds for term in terms[:N_TERMS]]
    if len(terms) > N_TERMS:
        names.append(f"{len(terms) - N_TERMS} others")
        adds.append(sum(term.adds for term in terms[N_TERMS:]))
    title = f"{ORDINALS[number]} list {side}: what each feature adds".replace(" :", ":")
    return plot_terms(names, adds, title)  # its ids in the page begin with the title, so each has its own


def _safe(plots: dict[str, str]) -> dict[str, Markup]:
    """Drawn by us from numbers and escaped text, so they may stand in the page as they are."""
    return {name: Markup(svg) for name, svg in plots.items()}
