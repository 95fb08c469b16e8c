"""What the tests of the repository itself look at: its files, as git knows them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("recsys", "features", "training", "serving")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def tree(root: Path) -> list[Path]:
    """Every file that is, or is about to be, in the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    names = listing.stdout.decode().split("\0")
    return [root / name for name in sorted(set(names)) if name and (root / name).is_file()]


@pytest.fixture(scope="session")
def code(root: Path) -> list[Path]:
    """Every Python file of the four rooms."""
    return [file for room in ROOMS for file in sorted((root / room).rglob("*.py"))]
