"""What an experiment is: policies side by side, each with its part of the owners, for a time.

A policy is a snapshot with changes to its list rules. What was shown names experiment and policy in one text,
so that an impression row says by itself what it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
NAME_RULE = "1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit"
Metric = Literal["kept_per_owner", "kept_per_share"]
METRICS: tuple[Metric, ...] = ("kept_per_owner", "kept_per_share")


@dataclass(frozen=True, slots=True)
class Policy:
    """One way to serve: a snapshot, its weight (> 0), and list rules in place of its own."""

    name: str
    snapshot_id: str
    weight: float = 1.0
    list_rules: Mapping[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Policies compared from `start_time` to `end_time` (exclusive); the first is the control.

    `salt` is hashed with the name. `metric` decides; the other one is only reported. `expected_effect` is the
    relative difference that the sequential test is tuned to find; it is valid whatever is written there.
    """

    name: str
    salt: str
    policies: tuple[Policy, ...]
    start_time: datetime
    end_time: datetime
    metric: Metric = "kept_per_owner"
    expected_effect: float = 0.1

    @property
    def control(self) -> Policy:
        """What the other policies are compared with."""
        return self.policies[0]

    def runs_at(self, moment: datetime) -> bool:
        """Whether owners are assigned at that moment."""
        return self.start_time <= moment < self.end_time

    def label(self, policy: Policy) -> str:
        """What the `experiment` column of an impression says: NAME/POLICY."""
        return f"{self.name}/{policy.name}"
