"""The documents say what is: commands, calls, settings, words, targets, requirements and links."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

REQUIREMENTS = [f"R-{number}" for number in range(1, 36)]
SETTING = re.compile(r"SHAREPICKS_[A-Z_]*[A-Z]")


def table_rows(text: str, header: str) -> list[list[str]]:
    """The rows of the Markdown table with this header row, as lists of cells."""
    lines = text.splitlines()
    start = lines.index(header) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
    return rows


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found, title
    return found[1]


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def test_the_readme_lists_exactly_the_commands_that_exist(readme: str) -> None:
    from typer.main import get_command

    from recsys.cli import build_app

    documented = {}
    for name, _, example in table_rows(readme, "| command | does | example |"):
        documented[name.strip("`")] = example.strip("`").split()
    commands = get_command(build_app()).commands  # type: ignore[attr-defined]
    assert set(documented) == set(commands)
    for name, (program, command, *arguments) in documented.items():
        assert (program, command) == ("sharepicks", name)
        options = {option for parameter in commands[name].params for option in parameter.opts}
        unknown = {a for a in arguments if re.match(r"--?[a-z]", a)} - options
        assert unknown == set(), f"{name}: the README's example uses an option that is not there"


def test_the_readme_lists_exactly_the_calls_that_exist(readme: str, tmp_path: Path) -> None:
    from serving.app import create_app
    from serving.settings import Settings

    documented = {row[0].strip("`") for row in table_rows(readme, "| call | gives |")}
    paths = create_app(Settings(snapshots=tmp_path)).openapi()["paths"]
    existing = {f"{verb.upper()} {path}" for path, calls in paths.items() for verb in calls}
    existing = {call.replace(":path}", "}") for call in existing} | {"GET /openapi.json"}
    assert documented == existing


def test_the_readme_names_every_importer(readme: str) -> None:
    from features.importers import IMPORTERS

    sentence = next(p for p in readme.split("\n\n") if p.startswith("`import` knows"))
    assert set(IMPORTERS) <= set(re.findall(r"`([a-z-]+)`", sentence))


def test_the_public_names_that_the_readme_imports_exist(readme: str) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.S)
    imports = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.ImportFrom)]
    rooms = set()
    for node in imports:
        module = importlib.import_module(node.module or "")
        rooms.add((node.module or "").split(".")[0])
        for alias in node.names:
            assert hasattr(module, alias.name), f"{node.module}.{alias.name}"
    assert {"recsys", "features"} <= rooms


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(root: Path, document: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (root / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:`|\$ )make ([a-z][a-z-]*)", (root / document).read_text()))
    assert named
    assert named <= targets


def test_readme_and_contributing_share_one_list_of_words(root: Path, readme: str) -> None:
    words = [row[0].strip("*") for row in table_rows(readme, "| word | means |")]
    assert len(words) == len(set(words)) == 20
    assert "(README.md#words)" in (root / "CONTRIBUTING.md").read_text()


def test_every_setting_of_the_environment_is_documented(root: Path, code: list[Path]) -> None:
    from serving.settings import Settings

    used = {name for file in code for name in SETTING.findall(file.read_text())}
    used |= set(Settings().to_environment())
    documented = set(SETTING.findall((root / "docs/configuration.md").read_text()))
    assert used - documented == set()
    assert documented - used == set(), "documented, and nothing reads it"


def uncommented(toml: str) -> list[str]:
    """Each key of a TOML text whose line has no comment."""
    keys = [line for line in toml.splitlines() if re.match(r"[a-z_]+ *=", line)]
    return [line for line in keys if not re.search(r"\S +# \S", line)]


def test_every_key_of_the_training_configuration_is_explained(root: Path) -> None:
    assert uncommented((root / "training/default.toml").read_text()) == []
    assert uncommented("[run]\nseed = 0 # drawn from\nlimit = 4\n") == ["limit = 4"]


def test_the_trace_table_has_every_requirement_once_and_names_real_files(root: Path) -> None:
    text = (root / "docs/requirements.md").read_text()
    rows = table_rows(text, "| id | capability | where it lives | test |")
    assert [row[0] for row in rows] == REQUIREMENTS
    for number, capability, place, test in rows:
        assert capability, number
        for cell in (place, test):
            files = re.findall(r"`([^`]+/[^`]+)`", cell)
            assert files or "not yet" in cell, f"{number}: name a file, or say not yet"
            for file in files:
                assert (root / file).exists(), f"{number}: {file} is not there"
        for file in re.findall(r"`([^`]+)`", test):
            assert file.startswith("tests/"), f"{number}: {file} is no test"


def test_every_decision_is_in_the_index_and_has_its_three_parts(root: Path) -> None:
    folder = root / "docs/decisions"
    index = (folder / "README.md").read_text()
    records = sorted(folder.glob("0*.md"))
    assert [file.name[:4] for file in records] == [f"{n:04}" for n in range(1, len(records) + 1)]
    for file in records:
        text = file.read_text()
        assert f"({file.name})" in index
        assert text.startswith(f"# {file.name[:4]} ")
        assert "**Context.**" in text
        assert "**Decision" in text
        assert "**Consequences.**" in text or "*Proposed.*" in text
        assert len(text.splitlines()) <= 60, "one page"


def test_every_relative_link_leads_somewhere(root: Path, tree: list[Path]) -> None:
    dead = []
    for file in (f for f in tree if f.suffix == ".md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text()):
            path, _, anchor = target.partition("#")
            if "://" in path:
                continue
            place = (file.parent / path).resolve() if path else file
            headings = []
            if anchor and place.suffix == ".md" and place.exists():
                titles = re.findall(r"^#+ (.*)$", place.read_text(), re.M)
                headings = [re.sub(r"[^\w -]", "", t).strip().lower().replace(" ", "-") for t in titles]
            if not place.exists() or (anchor and anchor not in headings):
                dead.append(f"{file.relative_to(root)}: {target}")
    assert dead == []


def test_the_changelog_begins_with_what_is_unreleased(root: Path) -> None:
    headings = re.findall(r"^## (.*)$", (root / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "Unreleased"
    assert section((root / "CHANGELOG.md").read_text(), "New").strip()


def test_planted_gaps_would_be_found() -> None:
    text = "| word | means |\n|---|---|\n| **a** | one |\n| **b** | two \\| three |\n\nafter"
    assert table_rows(text, "| word | means |") == [["**a**", "one"], ["**b**", "two \\| three"]]
    with pytest.raises(ValueError, match="not in list"):
        table_rows("no table", "| word | means |")
    assert SETTING.findall('PREFIX = "SHAREPICKS_" SHAREPICKS_THREADS') == ["SHAREPICKS_THREADS"]
