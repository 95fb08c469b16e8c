"""Guards of what followed: accuracy against the snapshot that serves and popular, per slice, and honesty."""

from __future__ import annotations

from collections.abc import Iterator

from training.evaluation import MAIN_MEASURE, OURS, Evaluation, main_comparison
from training.gate.evidence import POPULAR, SERVING, Evidence
from training.gate.finding import Finding, first_or, held, passed, refused

MIN_SHARES = 300  # after the cut, below which a calibration tells nothing


def accuracy(seen: Evidence) -> Finding:
    """It is not worse than the snapshot that serves on what followed, by a paired bootstrap over owners."""
    name, followed, bounds = "accuracy", seen.followed, seen.bounds
    if followed.why_not is not None:
        return held(name, f"nothing followed that it could be judged by: {followed.why_not}")
    if max(found.n_owners for found in followed.of_target.values()) < bounds.min_judged:
        return held(name, f"fewer than {bounds.min_judged} owners have anything that followed to judge it by")

    def each() -> Iterator[Finding]:
        for target, found in _with(followed.of_target, SERVING):
            one = main_comparison(found, SERVING).difference
            before = _level(found, SERVING)
            said = (
                f"target {target}: NDCG@20 {_level(found, OURS):.4f}, {before:.4f} before, on "
                f"{found.n_owners:,} "
                f"owners; difference {one.low:+.4f} to {one.high:+.4f} (95 %)"
            )
            if one.high < 0 and one.mean < -bounds.worse * before:
                yield refused(name, f"it is worse. {said}", difference=one.mean)
            elif one.mean < -bounds.maybe_worse * before:
                yield held(name, f"it may be worse. {said}", difference=one.mean)

    return first_or(each(), passed(name, _levels(seen)))


def against_popular(seen: Evidence) -> Finding:
    """It is not much worse than listing what is popular, for the circles that it is for."""
    name = "against popular"
    found = seen.followed.of_target.get("circle")
    if found is None or found.n_owners < seen.bounds.min_judged:
        return passed(name, "too little followed to tell")
    one = main_comparison(found, POPULAR).difference
    if one.high < 0 and one.mean < -seen.bounds.popular_ahead * _level(found, POPULAR):
        return refused(
            name, f"what is popular would be better: NDCG@20 {_level(found, OURS):.4f}, popular "
            f"{_level(found, POPULAR):.4f}, difference {one.low:+.4f} to {one.high:+.4f} (95 %): look at "
            "the rankers",
            difference=one.mean,
        )  # fmt: skip
    return passed(name, f"NDCG@20 {_level(found, OURS):.4f}, popular {_level(found, POPULAR):.4f}")


def slices(seen: Evidence) -> Finding:
    """No slice of owners or products pays for the others."""
    name, bounds = "slices", seen.bounds

    def each() -> Iterator[Finding]:
        for target, found in _with(seen.followed.of_target, SERVING):
            for part in found.slices:
                if part.n_owners < bounds.min_slice or SERVING not in part.ahead:
                    continue
                one, before = part.ahead[SERVING], part.methods[SERVING][MAIN_MEASURE].mean
                if one.high < -bounds.worse_in_slice * before:  # of many slices one looks bad by chance
                    yield refused(
                        name, f"target {target}, {part.name} ({part.meaning}): NDCG@20 is {one.mean:+.4f} "
                        "against "
                        f"{before:.4f} before, {one.low:+.4f} to {one.high:+.4f} (95 %), {part.n_owners:,} "
                        "owners",
                        difference=one.mean,
                    )  # fmt: skip

    return first_or(each(), passed(name, "no slice surely lost much"))


def too_good(seen: Evidence) -> Finding:
    """It is not better by so much that it must have seen what followed."""
    name = "too good"

    def each() -> Iterator[Finding]:
        for target, found in _with(seen.followed.of_target, SERVING):
            ratio = main_comparison(found, SERVING).ratio
            if ratio is not None and ratio.low > seen.bounds.too_good:
                yield refused(
                    name, f"target {target}: {ratio.mean:.1f} times the NDCG@20 of the one that serves, "
                    "surely more than "
                    f"{seen.bounds.too_good:g} times: it must have seen what followed; look at its "
                    "dataset", ratio=ratio.mean,
                )  # fmt: skip

    return first_or(each(), passed(name, "it is not better than can be believed"))


def what_it_has_seen(seen: Evidence) -> Finding:
    """Where a twin was judged: the candidate, which has seen what followed, knows it as well as the twin."""
    name, part = "what it has seen", seen.bounds.seen_better
    if not seen.followed.is_twin:
        return passed(name, "later orders judged the candidate itself")

    def each() -> Iterator[Finding]:
        for target, found in seen.followed.seen.items():
            own, twin = _level(found, OURS), _level(found, "twin")
            one = main_comparison(found, "twin").difference
            if found.n_owners >= seen.bounds.min_judged and own < part * twin and one.high < 0:
                yield refused(
                    name, f"target {target}: on orders that it has seen it reaches an NDCG@20 of "
                    f"{own:.4f}, and its twin, "
                    f"which has not, {twin:.4f}: what was trained is not what was written; train it "
                    "anew", own=own,
                    twin=twin,
                )  # fmt: skip

    return first_or(each(), passed(name, "it knows what it has seen at least about as well as its twin"))


def calibration(seen: Evidence) -> Finding:
    """What it expects of shares is of the size of what came of them."""
    name, check, times = "calibration", seen.followed.calibration, seen.bounds.calibration
    if check is None or check.n_shares < MIN_SHARES or check.seen <= 0:
        return passed(name, "no expectation could be checked")
    said = (
        f"{check.predicted:.3f} kept orders were expected of each of {check.n_shares:,} shares and "
        f"{check.seen:.3f} came"
    )
    ratio = check.predicted / check.seen
    if not 1 / times <= ratio <= times:
        return refused(name, f"{said}; within {times:g} times is allowed: train it anew", ratio=ratio)
    return passed(name, said, ratio=ratio)


def _with(of_target: object, name: str) -> Iterator[tuple[str, Evaluation]]:
    assert isinstance(of_target, dict)
    for target, found in of_target.items():
        if any(method.name == name for method in found.methods):
            yield target, found


def _level(found: Evaluation, name: str) -> float:
    return next(method.measures[MAIN_MEASURE].mean for method in found.methods if method.name == name)


def _levels(seen: Evidence) -> str:
    return "; ".join(
        f"{target}: NDCG@20 "
        + ", ".join(f"{m.label} {m.measures[MAIN_MEASURE].mean:.4f}" for m in found.methods)
        for target, found in seen.followed.of_target.items()
    )
