"""The gate: whether a candidate snapshot may take the place of the one that serves.

Adding a guard: a function in one of the `guards_*` files, from evidence to a finding, and its line in
`guards.GUARDS`.
"""

from __future__ import annotations

from training.gate.finding import Bounds, Finding, Judgement, Word
from training.gate.judge import judge_candidate

__all__ = ["Bounds", "Finding", "Judgement", "Word", "judge_candidate"]
