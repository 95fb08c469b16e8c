"""What an evaluation says about itself: the question, the gates, the sample."""

from __future__ import annotations

from collections.abc import Mapping

from recsys.gates import SHARE_COOL_DOWN_DAYS
from training.problem import Problem

GATES = {
    "out_of_stock": "out of stock at the cut",
    "low_quality": "of products that end badly too often",
    "no_good_value": "of products that are poor value",
    "parity": "of products that cost less elsewhere",
    "shared_recently": f"shared by the owner herself in the {SHARE_COOL_DOWN_DAYS} days before it",
}


def said_of(problem: Problem, held_out: bool, max_owners: int | None) -> tuple[str, ...]:
    """The sentences that a reader needs to know what was asked of every method."""
    sentences = [_relevant(problem, held_out), "Every product of the catalogue competes; nothing is sampled."]
    sentences.append(gates_sentence(problem.n_behind_gates, int(problem.truth.nnz)))
    if problem.target == "circle":
        sentences.append(
            "Each baseline sums over the members what each of them lacks: the part held out has nothing else."
            if held_out
            else "Each baseline sums over the members; what a member has already may be right again."
        )
    if max_owners is not None and problem.asked.n == max_owners:
        sentences.append(f"{max_owners:,} owners were drawn by the seed from those who can be judged.")
    return tuple(sentences)


def gates_sentence(n_behind: Mapping[str, int], n_left: int) -> str:
    """Which gates took how many right answers away; they are the same for every method."""
    if not n_behind:
        return "Every method stands behind the same gates; they took no right answer away."
    told = " and ".join(f"{n:,} {GATES.get(name, name)}" for name, n in n_behind.items())
    return (
        "Every method stands behind the same gates: what they close is in nobody's list and no right answer. "
        f"They took away {told}; of all owners' right answers {n_left:,} are judged."
    )


def _relevant(problem: Problem, held_out: bool) -> str:
    after = "ordered in the part held out" if held_out else "ordered later"
    if problem.target == "self":
        return f"Relevant is what the owner herself {after} and never before; what she had is masked."
    return (
        f"Relevant is what members of her circle, herself left out, {after} and kept; "
        "the circle is the one known at the cut."
    )
