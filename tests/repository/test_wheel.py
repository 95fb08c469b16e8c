"""The built wheel: it holds the four rooms with their data files, and works where the sources are not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOMS = ("recsys", "features", "training", "serving")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the tree as it stands, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(root)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("sharepicks-*.whl")
    return found


def test_the_wheel_holds_every_file_of_the_rooms_and_nothing_else(
    wheel: Path, tree: list[Path], root: Path
) -> None:
    names = [file.relative_to(root).as_posix() for file in tree]
    expected = {name for name in names if name.split("/")[0] in ROOMS}
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == expected


def test_the_wheel_carries_its_licence_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "sharepicks = recsys.cli:main" in archive.read(entry_points).decode()
        assert any(name.endswith("/LICENSE") for name in archive.namelist())


def test_the_unpacked_wheel_runs_far_from_its_sources(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = (
        "import pathlib, recsys, features, training, serving\n"
        "from recsys.cli import build_app\n"
        "here = pathlib.Path('site').resolve()\n"
        "for room in (recsys, features, training, serving):\n"
        "    assert pathlib.Path(room.__file__).is_relative_to(here), room.__file__\n"
        "print(len(build_app().registered_commands))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": "site", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 0
