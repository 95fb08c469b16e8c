"""An experiment file is read whole or refused with a sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.experiment_file import read_experiment
from recsys.errors import ConfigError

GOOD = """name = "autumn"
salt = "s"
start = 2026-11-01T08:00:00+08:00
end = 2026-12-01T00:00:00Z
[[policies]]
name = "now"
snapshot_id = "a"
[[policies]]
name = "new"
snapshot_id = "b"
weight = 3
[policies.list]
exploration_slots = 2
commission_band = 0
"""


def test_an_experiment_is_read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(GOOD)
    found = read_experiment(tmp_path / "e.toml")
    assert (found.name, found.control.name, found.metric) == ("autumn", "now", "kept_per_owner")
    assert found.start_time == datetime(2026, 11, 1, tzinfo=UTC)
    assert [policy.weight for policy in found.policies] == [1.0, 3.0]
    assert found.policies[1].list_rules == {"exploration_slots": 2, "commission_band": 0.0}


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('name = "autumn"', 'name = "Autumn"', "name must be 1 to 63 of a-z"),
        ('salt = "s"', "salt = 3", "salt must be a text"),
        ('salt = "s"', 'salt = "s"\npepper = 1', "unknown key 'pepper'"),
        ("T08:00:00+08:00", "T08:00:00", "start must be a time with an offset"),
        ("end = 2026-12", "end = 2026-10", "end must be after start"),
        ('name = "new"', 'name = "now"', "'now' stands twice"),
        ("weight = 3", "weight = 0", "weight must be a number above 0"),
        ("weight = 3", "weight = true", "weight must be a number above 0"),
        ("exploration_slots = 2", "exploration_slots = 2.5", "must be a whole number"),
        ("exploration_slots = 2", "slots = 2", "unknown key 'slots'"),
        ("commission_band = 0", "commission_band = -1", "must be >= 0"),
        ('salt = "s"', 'salt = "s"\nmetric = "clicks"', "metric must be kept_per_owner or kept_per_share"),
        (GOOD[GOOD.index('[[policies]]\nname = "new"') :], "", "two \\[\\[policies\\]\\] or more"),
        ('salt = "s"', "salt = ", "not readable as TOML"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    assert before in GOOD
    (tmp_path / "e.toml").write_text(GOOD.replace(before, after))
    with pytest.raises(ConfigError, match=sentence):
        read_experiment(tmp_path / "e.toml")
