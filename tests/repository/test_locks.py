"""The locks: every package pinned and hashed, no addresses, and nothing that pyproject asks for left out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

IN_NO_LOCK = ("spark",)  # 490 MB and another language's runtime; its tests are skipped without it
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")


def pins(text: str) -> dict[str, set[str]]:
    """Package → its pinned versions (several where a Python version decides)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.M):
        found.setdefault(name, set()).add(version)
    return found


def normal(requirement: str) -> str:
    """The name in a requirement, as locks write it."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def unhashed(text: str) -> list[str]:
    """Each entry of a lock that has no hash, or is not pinned."""
    entries = re.split(r"^(?=\S)(?!\s*#)", text, flags=re.M)
    entries = [entry for entry in entries if entry.strip() and not entry.startswith("#")]
    return [e.splitlines()[0] for e in entries if "==" not in e.splitlines()[0] or "--hash=sha256:" not in e]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_pinned_and_hashed(root: Path, lock: str) -> None:
    text = (root / lock).read_text()
    assert pins(text)
    assert unhashed(text) == []


def test_an_entry_without_a_hash_would_be_found() -> None:
    hashed = "numpy==2.4.6 \\\n    --hash=sha256:00\n    # via scipy\n"
    assert unhashed(hashed) == []
    assert unhashed(hashed + "rich==13.9\n") == ["rich==13.9"]
    assert unhashed(hashed + "rich>=13.9 \\\n    --hash=sha256:00\n") == ["rich>=13.9 \\"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address_and_no_option(root: Path, lock: str) -> None:
    text = (root / lock).read_text()
    assert "://" not in text
    assert re.findall(r"^--.*", text, re.M) == []


def test_the_locks_hold_what_pyproject_asks_for(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    runtime = {normal(r) for r in project["project"]["dependencies"]}
    optional = project["project"]["optional-dependencies"]
    extras = {normal(r) for extra, rs in optional.items() if extra not in IN_NO_LOCK for r in rs}
    groups = {normal(r) for rs in project["dependency-groups"].values() for r in rs if isinstance(r, str)}
    assert runtime - set(pins((root / "requirements.lock").read_text())) == set(), "say: make lock"
    everything = set(pins((root / "requirements-dev.lock").read_text()))
    assert (runtime | extras | groups) - everything == set(), "say: make lock"


def test_the_smaller_locks_agree_with_the_one_that_was_tested(root: Path) -> None:
    tested = pins((root / "requirements-dev.lock").read_text())
    for lock in LOCKS:
        for name, versions in pins((root / lock).read_text()).items():
            assert versions <= tested[name], f"{lock}: {name}"
