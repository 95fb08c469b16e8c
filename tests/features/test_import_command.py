"""`sharepicks import`: what it prints, what it refuses, and that nothing half-written stays."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path

import pytest
from import_cases import table
from typer.testing import CliRunner

from features.commands import app
from features.dataset import DatasetWriter, open_dataset
from features.importers import IMPORTERS, beidian, import_into
from recsys.errors import DataError, UsageError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "train.txt"
    file.write_text("ann 1 2\n")
    return file


def run(*arguments: object) -> str:
    # a second command would make typer expect its name first; `import` is named wherever it must be
    names = {command.name for command in app.registered_commands}
    words = [str(argument) for argument in arguments]
    result = CliRunner().invoke(app, words if len(names) == 1 else ["import", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", IMPORTERS)
def test_every_registered_importer_has_its_file_and_the_one_function(name: str) -> None:
    module = importlib.import_module(f"features.importers.{IMPORTERS[name].module}")
    assert list(inspect.signature(module.import_dataset).parameters) == ["source", "writer"]
    assert module.__doc__


def test_it_prints_rows_notes_and_what_to_do_next(source: Path, tmp_path: Path) -> None:
    out = run("interactions", source, tmp_path / "d")
    assert "orders" in out
    assert "the dataset is timeless and priceless" in out
    assert f"sharepicks check {tmp_path / 'd'}" in out


def test_json_holds_the_same(source: Path, tmp_path: Path) -> None:
    out = json.loads(run("interactions", source, tmp_path / "d", "--json"))
    assert out["importer"] == "interactions"
    assert out["n_rows"] == {"products": 2, "owners": 1, "orders": 2}
    assert out["n_quarantined"] == {}
    assert tuple(out["notes"]) == open_dataset(tmp_path / "d").notes


def test_an_unknown_name_lists_the_known_ones(source: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="import yelp: no such importer; choose one of beidian, taobao-share"
    ):
        import_into("yelp", source, tmp_path / "d")


def test_importing_again_replaces_what_the_same_importer_wrote(source: Path, tmp_path: Path) -> None:
    import_into("interactions", source, tmp_path / "d")
    source.write_text("bea 3\n")
    summary = import_into("interactions", source, tmp_path / "d")
    assert list(table(summary, "orders").member_id) == ["bea"]


def test_a_failed_import_leaves_the_dataset_before_it(source: Path, tmp_path: Path) -> None:
    import_into("interactions", source, tmp_path / "d")
    source.write_text("")
    with pytest.raises(DataError):
        import_into("interactions", source, tmp_path / "d")
    assert set(open_dataset(tmp_path / "d").tables) == {"products", "owners", "orders"}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["d", "train.txt"]


def test_a_folder_that_holds_anything_else_is_left_alone(source: Path, tmp_path: Path) -> None:
    import_into("interactions", source, tmp_path / "d")
    (tmp_path / "d" / "my-own-notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="already exists and is not empty"):
        import_into("interactions", source, tmp_path / "d")
    with DatasetWriter(tmp_path / "handmade") as writer:
        writer.append("suppliers", {"supplier_id": ["s"]})
    with pytest.raises(UsageError, match="already exists and is not empty"):
        import_into("interactions", source, tmp_path / "handmade")


def test_an_interrupted_import_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(source: Path, writer: DatasetWriter) -> None:
        writer.append("suppliers", {"supplier_id": ["s"]})
        raise KeyboardInterrupt

    monkeypatch.setattr(beidian, "import_dataset", interrupt)
    with pytest.raises(KeyboardInterrupt):
        import_into("beidian", tmp_path, tmp_path / "d")
    assert list(tmp_path.iterdir()) == []
