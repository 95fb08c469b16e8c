"""What the gate says: one finding for each guard, the bounds that they hold to, and the judgement of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Word = Literal["ship", "hold", "refuse"]
ORDER: Mapping[Word, int] = {"ship": 0, "hold": 1, "refuse": 2}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a candidate is held to. "Against": beside the snapshot that serves, where one does."""

    n_owners: int = 300  # owners whose lists are looked at, drawn at random
    n_judged: int = 2_000  # owners judged by what followed, at most
    min_judged: int = 30  # owners with something that followed, below which accuracy tells nothing: hold
    same_ids: float = 0.98  # part of all ids that dataset and candidate have in common
    same_catalogue: float = 0.99  # part of products whose price, stock, title, category, supplier agree
    same_pairs: float = 0.98  # part of all pairs (purchases, ties, shares) that both have
    same_value: float = 0.95  # Spearman's correlation of value scores with those worked out anew
    value_moved: float = 0.05  # mean distance of value score or quality from those worked out anew
    days_behind: float = 14.0  # between the candidate's moment and the last event of the dataset
    shrunk: float = 0.7  # against: owners, members, products, purchases, shares left
    grown: float = 4.0  # against: times as many
    mix_moved: float = 0.25  # against: total variation of orders over top categories
    worse: float = 0.03  # against: part of NDCG@20 that may be lost even where the loss is sure
    maybe_worse: float = 0.3  # against: part lost where it is not sure, from which on a person shall look
    worse_in_slice: float = 0.25  # against: part of NDCG@20 that one slice surely loses at least
    min_slice: int = 50  # owners of a slice that is looked at
    popular_ahead: float = 0.25  # part of NDCG@20 by which popular may surely lead
    too_good: float = 1.8  # against: times the NDCG@20, surely: what follows was seen
    seen_better: float = 0.85  # of its twin's NDCG@20, that it reaches on what it has seen
    coverage: float = 0.5  # against: part of the products in any list
    gini: float = 0.1  # against: added to the Gini of exposure, closed half of the way to 1 at most
    returns: float = 1.25  # against: times the expected return rate of the places
    worth: float = 0.85  # against: part of the good value of the places
    short_lists: float = 0.05  # against: added to the part of owners with fewer than ten picks
    stays: float = 0.1  # against: part of the first ten places that stays
    knows: float = 0.55  # how often a ranker, or operators in the mean, put what a profile holds above chance
    knows_less: float = 0.1  # against: how much less often
    flat_lists: float = 0.2  # part of the lists whose scores are all the same
    commission_band: float = 0.1  # the widest band that commission may decide in
    shuffle_tau: float = 0.9  # Kendall's, of lists under shuffled commissions
    slower: float = 4.0  # against: times the median milliseconds of a reply
    slow_ms: float = 25.0  # median below which nobody is called slow
    larger: float = 4.0  # against: times the bytes on disk
    calibration: float = 2.5  # times by which expected and kept orders per share may differ


@dataclass(frozen=True, slots=True)
class Finding:
    """What one guard found: a word, a sentence that a person can act on, and the figures behind it."""

    guard: str
    word: Word
    sentence: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all guards found; the worst word stands for the candidate.

    `said`: how it was judged. `facts`: ids, moments, figures with their intervals, as JSON values.
    """

    findings: tuple[Finding, ...]
    said: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def word(self) -> Word:
        """ship, hold or refuse."""
        return max((found.word for found in self.findings), key=ORDER.__getitem__, default="ship")

    @property
    def against(self) -> tuple[Finding, ...]:
        """The findings that speak against it, the gravest first."""
        return tuple(sorted((f for f in self.findings if f.word != "ship"), key=lambda f: -ORDER[f.word]))

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json` and for the run card of a retraining."""
        return {
            "verdict": self.word, "said": list(self.said),
            "findings": [asdict(found) for found in self.findings], "facts": dict(self.facts),
        }  # fmt: skip


def judgement_text(judged: Judgement) -> str:
    """The verdict, then what speaks against the candidate, then how it was judged."""
    words = {"ship": "ship it", "hold": "hold it: a person shall look", "refuse": "refused"}
    lines = [f"verdict   {words[judged.word]}"]
    lines += [f"{found.word:9} {found.guard}: {found.sentence}" for found in judged.against]
    passed = [found for found in judged.findings if found.word == "ship"]
    lines += [f"{'ok':9} {found.guard}: {found.sentence}" for found in passed]
    return "\n".join([*lines, *(f"{'':9} {sentence}" for sentence in judged.said)])


def passed(guard: str, sentence: str, **figures: float) -> Finding:
    """A finding that speaks for the candidate."""
    return Finding(guard, "ship", sentence, figures)


def refused(guard: str, sentence: str, **figures: float) -> Finding:
    """A finding that keeps the candidate out."""
    return Finding(guard, "refuse", sentence, figures)


def held(guard: str, sentence: str, **figures: float) -> Finding:
    """A finding that a person shall look at."""
    return Finding(guard, "hold", sentence, figures)


def first_or(findings: Iterable[Finding], otherwise: Finding) -> Finding:
    """The first finding that speaks against the candidate, or the other one."""
    return next((found for found in findings if found.word != "ship"), otherwise)
