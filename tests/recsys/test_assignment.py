"""Owners are assigned by a hash: stable, uniform, salted, whole clusters together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from scipy import stats

from recsys.assignment import Clusters, chance, policy_of, policy_rows
from recsys.experiment import Experiment, Policy

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
AUTUMN = Experiment("autumn", "s1", (Policy("now", "a"), Policy("new", "b", weight=3.0)), START, END)
OWNERS = [f"o{row}" for row in range(20_000)]


def test_the_hash_is_the_same_in_every_process_and_release() -> None:
    assert [round(chance(AUTUMN, owner), 6) for owner in ("o1", "o2", "小店")] == [
        0.116704,
        0.918992,
        0.283418,
    ]
    assert [policy_of(AUTUMN, owner).name for owner in ("o1", "o2", "小店")] == ["now", "new", "new"]


def test_chances_are_uniform_and_policies_follow_their_weights() -> None:
    chances = [chance(AUTUMN, owner) for owner in OWNERS]
    assert stats.kstest(chances, "uniform").pvalue > 0.001
    part = policy_rows(AUTUMN, OWNERS).mean()
    assert abs(part - 0.75) < 4 * np.sqrt(0.75 * 0.25 / len(OWNERS))


def test_another_name_or_salt_is_an_independent_draw_and_lengths_keep_them_apart() -> None:
    here = policy_rows(AUTUMN, OWNERS)
    for other in (replace(AUTUMN, name="winter"), replace(AUTUMN, salt="s2")):
        there = policy_rows(other, OWNERS)
        assert abs(np.corrcoef(here, there)[0, 1]) < 4 / np.sqrt(len(OWNERS))
    one, other = replace(AUTUMN, name="ab", salt="c"), replace(AUTUMN, name="a", salt="bc")
    assert chance(one, "o1") != chance(other, "o1")


def test_a_cluster_has_one_policy_and_who_is_in_none_stands_alone() -> None:
    clusters = Clusters(np.array(["o1", "o3", "o7"]), np.array(["o1", "o1", "o1"]))
    together = {policy_of(AUTUMN, owner, clusters).name for owner in ("o1", "o3", "o7")}
    assert together == {policy_of(AUTUMN, "o1").name}
    assert clusters.clusters_of(["o0", "o3", "o9"]).tolist() == ["o0", "o1", "o9"]
    assert policy_of(AUTUMN, "o0", clusters) == policy_of(AUTUMN, "o0")


def test_an_experiment_runs_from_its_start_to_just_before_its_end() -> None:
    assert AUTUMN.runs_at(START) and not AUTUMN.runs_at(END)
    assert AUTUMN.label(AUTUMN.control) == "autumn/now"
