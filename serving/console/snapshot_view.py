"""A snapshot's run card and evaluation, and two snapshots side by side, as sections of a page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from serving.console.sections import Section, flat, heads, number_of, object_of, rows_of, told
from serving.shop.words import Words

MEASURES = {"recall@20": "Recall@20", "ndcg@20": "NDCG@20", "mrr@20": "MRR@20", "hit@20": "Hit@20"}
OF_SLICES = ("recall@20", "ndcg@20")


def run_card_sections(
    fields: Mapping[str, Any],
    card: Mapping[str, Any] | None,
    evaluation: Mapping[str, Any] | None,
    words: Words,
) -> list[Section]:
    """What a snapshot was made from (its manifest's fields), what that took, how good it is, what is off."""
    return told(
        _made(fields, card, words),
        *_evaluated(evaluation, words),
        *_audited(object_of((card or {}).get("audits")), words),
        _off(fields, words),
        _stages(card or {}, words),
        Section(
            words.say("runcard.settings"), columns=heads(words, "runcard", "setting", "value"),
            rows=tuple(flat(object_of(fields.get("config")))), n_words=2,
        ),
    )  # fmt: skip


def compared_sections(found: Mapping[str, Any], words: Words) -> list[Section]:
    """Two snapshots as `recsys/comparing.py` found them."""
    before, after, lists = found["before"], found["after"], found["lists"]
    sides = (words.say("compare.before"), words.say("compare.after"))
    made = [
        (words.say("runcard.as_of"), *(str(one["as_of"] or "–") for one in (before, after))),
        (words.say("runcard.dataset"), *(str(one["dataset_hash"] or "–")[:16] for one in (before, after))),
    ]
    names = sorted({name for one in (before, after) for name in one["counts"] or {}})
    for name in names:
        counts = ((one["counts"] or {}).get(name) for one in (before, after))
        made.append((words.named("counted", name), *(_count(count, words) for count in counts)))
    off = [{str(pair[0]) for pair in one["off"] or ()} for one in (before, after)]
    turned = [(name, words.say("compare.off"), words.say("compare.on")) for name in sorted(off[0] - off[1])]
    turned += [(name, words.say("compare.on"), words.say("compare.off")) for name in sorted(off[1] - off[0])]
    settings = tuple((name, str(old), str(new)) for name, (old, new) in found["config"].items())
    return told(
        _lists(lists, words),
        Section(words.say("runcard.made"), columns=("", *sides), rows=tuple(made)),
        Section(
            words.say("compare.settings"), note=None if settings else words.say("compare.same_settings"),
            columns=(words.say("runcard.setting"), *sides), rows=settings, n_words=3,
        ),
        Section(words.say("compare.turned"), columns=("", *sides), rows=tuple(turned), n_words=3),
    )  # fmt: skip


def _lists(lists: Mapping[str, Any], words: Words) -> Section:
    title = words.say("compare.lists")
    if not lists["n_owners"]:
        return Section(title, note=words.say("compare.nobody"))
    figures = (
        (words.say("compare.stays", n=lists["n_places"]), words.part(lists["stays"], 3)),
        (words.say("compare.first_changed"), words.part(lists["first_changed"], 3)),
        (words.say("compare.products_before"), words.figure(lists["products_before"])),
        (words.say("compare.products_after"), words.figure(lists["products_after"])),
    )
    return Section(title, words.say("compare.over", n=words.figure(lists["n_owners"])), figures)


def _made(fields: Mapping[str, Any], card: Mapping[str, Any] | None, words: Words) -> Section:
    figures = [
        (words.say("runcard.as_of"), str(fields.get("as_of") or words.say("runcard.timeless"))),
        (words.say("runcard.dataset"), str(fields.get("dataset_hash") or "–")),
    ]
    counts = object_of(fields.get("counts"))
    figures += [(words.named("counted", str(name)), _count(n, words)) for name, n in counts.items()]
    seconds, peak = (number_of((card or {}).get(name)) for name in ("train_seconds", "peak_memory_mb"))
    if seconds is not None:
        figures.append((words.say("runcard.seconds"), words.figure(seconds, 1)))
    if peak is not None:
        figures.append((words.say("runcard.memory"), words.figure(peak)))
    note = words.say("runcard.no_card") if card is None else None
    return Section(words.say("runcard.made"), note, tuple(figures))


def _evaluated(evaluation: Mapping[str, Any] | None, words: Words) -> Iterator[Section]:
    title = words.say("runcard.metrics")
    if evaluation is None:
        yield Section(title, words.say("runcard.no_evaluation"))
        return
    methods = rows_of(evaluation.get("methods"))
    columns = ("", *MEASURES.values())
    rows = tuple(
        (str(method.get("label", "")), *_intervals(object_of(method.get("measures")), tuple(MEASURES)))
        for method in methods
    )
    n_owners = number_of(evaluation.get("n_owners")) or 0
    yield Section(title, words.say("runcard.judged", n=words.figure(n_owners)), (), columns, rows)
    ours = str(methods[0].get("name")) if methods else ""
    parts = [part for part in rows_of(evaluation.get("slices")) if number_of(part.get("n_owners"))]
    rows = tuple(
        (
            str(part.get("name", "")),
            *_intervals(object_of(object_of(part.get("methods")).get(ours)), OF_SLICES),
            _count(part["n_owners"], words),
        )
        for part in parts
    )
    columns = ("", *(MEASURES[name] for name in OF_SLICES), words.say("runcard.owners"))
    yield Section(words.say("runcard.slices"), None, (), columns, rows)


def _intervals(measures: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_interval(object_of(measures.get(name))) for name in names)


def _interval(interval: Mapping[str, Any]) -> str:
    mean, low, high = (number_of(interval.get(name)) for name in ("mean", "low", "high"))
    if mean is None or low is None or high is None:
        return "–"
    return f"{mean:.4f} ({low:.3f} – {high:.3f})"


def _audited(audits: Mapping[str, Any], words: Words) -> Iterator[Section]:
    commission, exposure = audits.get("commission"), object_of(audits.get("exposure"))
    if isinstance(commission, str):
        yield Section(words.say("runcard.commission"), commission)
    elif (found := object_of(commission)) and None not in (
        values := [number_of(found.get(name)) for name in ("inversions_above_band", "shuffle_tau", "regret")]
    ):
        inversions, tau, regret = (value or 0.0 for value in values)
        yield Section(words.say("runcard.commission"), None, (
            (words.say("runcard.inversions"), words.figure(inversions)),
            (words.say("runcard.tau"), words.figure(tau)),
            (words.say("runcard.regret"), words.part(regret, 5)),
        ))  # fmt: skip
    figures: list[tuple[str, str]] = []
    for name in ("largest_share", "coverage"):
        if (share := number_of(exposure.get(name))) is not None:
            figures.append((words.named("runcard", name), words.part(share)))
    if (gini := number_of(exposure.get("gini"))) is not None:
        figures.append((words.say("runcard.gini"), words.figure(gini)))
    for cap, left in object_of(exposure.get("worth_kept_at_cap")).items():
        if (kept := number_of(left)) is not None and (at_most := _number_in(cap)) is not None:
            figures.append((words.say("runcard.worth_kept", cap=words.part(at_most)), words.part(kept, 4)))
    yield Section(words.say("runcard.exposure"), None, tuple(figures))


def _off(fields: Mapping[str, Any], words: Words) -> Section:
    pairs = fields.get("off")
    rows = tuple(
        (str(pair[0]), str(pair[1])) for pair in (pairs if isinstance(pairs, list) else ())
        if isinstance(pair, list | tuple) and len(pair) == 2
    )  # fmt: skip
    note = None if rows else words.say("runcard.nothing_off")
    return Section(words.say("runcard.off"), note, (), heads(words, "runcard", "ability", "why"), rows, 2)


def _stages(card: Mapping[str, Any], words: Words) -> Section:
    rows = tuple(
        (
            str(stage.get("stage", "")), words.figure(number_of(stage.get("seconds")) or 0.0, 2),
            _count(stage.get("peak_memory_mb"), words),
        )
        for stage in rows_of(card.get("stages"))
    )  # fmt: skip
    columns = heads(words, "runcard", "stage", "seconds", "memory")
    return Section(words.say("runcard.stages"), None, (), columns, rows)


def _count(value: object, words: Words) -> str:
    number = number_of(value)
    return "–" if number is None else words.figure(number)


def _number_in(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(text)
    return None
