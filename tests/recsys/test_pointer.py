from __future__ import annotations

from pathlib import Path

import pytest

from recsys.errors import SnapshotError
from recsys.pointer import promote, read_pointer


def finished(registry: Path, name: str) -> Path:
    folder = registry / name
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    return folder


def test_a_single_snapshot_folder_is_its_own_pointer(tmp_path: Path) -> None:
    folder = finished(tmp_path, "only")
    assert read_pointer(folder) == folder


def test_the_promoted_snapshot_is_the_serving_one(tmp_path: Path) -> None:
    first, second = finished(tmp_path, "first"), finished(tmp_path, "二号")
    promote(tmp_path, "first")
    assert read_pointer(tmp_path) == first
    promote(tmp_path, "二号")
    assert read_pointer(tmp_path) == second
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "first", "二号"]


def test_an_unfinished_snapshot_cannot_be_promoted(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    promote(tmp_path, "first")
    (tmp_path / "half").mkdir()
    with pytest.raises(SnapshotError, match="only a finished snapshot"):
        promote(tmp_path, "half")
    assert read_pointer(tmp_path) == tmp_path / "first"


def test_a_folder_without_any_snapshot_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="train a snapshot into it and promote it"):
        read_pointer(tmp_path)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../other", "a/b", "/etc", ".hidden", "a\nb", "x" * 256, "a\\b"]
)
def test_a_pointer_never_leads_out_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "current").write_text(name)
    with pytest.raises(SnapshotError, match="must hold the name of one folder"):
        read_pointer(tmp_path)
    with pytest.raises(SnapshotError, match="plain folder name"):
        promote(tmp_path, name)


def test_a_crash_before_the_rename_leaves_the_old_pointer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(tmp_path, "first")
    finished(tmp_path, "second")
    promote(tmp_path, "first")

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        promote(tmp_path, "second")
    assert read_pointer(tmp_path) == tmp_path / "first"
    assert not list(tmp_path.glob(".current-*"))
