"""What must not be in the tree: addresses of registries, code that loads code, synonyms, giant files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# Written so that this file does not name them either.
REGISTRY_HOSTS = re.compile(
    r"(py(?:pi)[.]org|python(?:hosted)[.]org|registry[.]np(?:m)js|deb(?:ian)[.]org|conda[.]anac(?:onda))",
    re.I,
)
NEIGHBOUR = re.compile(r"[.][.]/sha" + "red")
NEIGHBOUR_ALLOWED = ("tests/", "benchmarks/")

LOADERS_OF_CODE = {
    "pickle",
    "cPickle",
    "_pickle",
    "joblib",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "imp",
}
RUNNERS_OF_CODE = {"eval", "exec", "compile", "__import__"}
SYNONYMS = {"user", "users", "item", "items"}
NUMPYS_WORD = "item_size"  # the bytes of one value
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}
MAX_LINES = 400


def text_of(file: Path) -> str | None:
    """The text of a file, None for a picture or another binary file."""
    content = file.read_bytes()
    return None if b"\0" in content else content.decode("utf-8", "replace")


def code_that_loads_code(source: str) -> Iterator[str]:
    """Each import or call in a source that could run what it reads."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        yield from (f"line {node.lineno}: imports {n}" for n in names if n.split(".")[0] in LOADERS_OF_CODE)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in RUNNERS_OF_CODE:
                yield f"line {node.lineno}: calls {node.func.id}()"
            for keyword in node.keywords:
                unsafe = not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
                if keyword.arg == "allow_pickle" and unsafe:
                    yield f"line {node.lineno}: allows pickles"


def synonyms_in(source: str) -> Iterator[str]:
    """Each name a source gives that says user or item, where the project says owner, member or product."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        else:
            continue
        words = re.findall(r"[A-Z]?[a-z]+", name.replace(NUMPYS_WORD, ""))
        if {word.lower() for word in words} & SYNONYMS:
            yield f"line {node.lineno}: {name}"


def test_no_file_names_a_package_registry(tree: list[Path], root: Path) -> None:
    found = [
        f"{file.relative_to(root)}: {match[0]}"
        for file in tree
        if (text := text_of(file)) is not None and (match := REGISTRY_HOSTS.search(text))
    ]
    assert found == []


def test_a_planted_registry_address_would_be_found() -> None:
    for host in ("py" + "pi.org", "files.python" + "hosted.org", "registry.np" + "mjs.org"):
        assert REGISTRY_HOSTS.search(f"--index-url https://{host}/simple"), host


def test_only_tests_and_benchmarks_look_for_the_data_beside_the_repository(
    tree: list[Path], root: Path
) -> None:
    names = [file.relative_to(root).as_posix() for file in tree]
    found = [
        name
        for name, file in zip(names, tree, strict=True)
        if not name.startswith(NEIGHBOUR_ALLOWED)
        and (text := text_of(file)) is not None
        and NEIGHBOUR.search(text)
    ]
    assert found == []
    assert NEIGHBOUR.search("../sha" + "red/data"), "the check itself would find it"


def test_nothing_in_the_rooms_can_load_code(code: list[Path], root: Path) -> None:
    found = [f"{f.relative_to(root)} {what}" for f in code for what in code_that_loads_code(f.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle",
        "from joblib import load",
        "import os, shelve",
        "def f(x):\n    return eval(x)",
        "exec('print(1)')",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
    ],
)
def test_planted_code_that_loads_code_would_be_found(planted: str) -> None:
    assert list(code_that_loads_code(planted))


def test_plain_code_is_let_through() -> None:
    assert list(code_that_loads_code("import re\nre.compile('a')\nnp.load(p, allow_pickle=False)")) == []


def test_our_own_names_never_say_the_synonyms(code: list[Path], root: Path) -> None:
    found = [f"{file.relative_to(root)} {what}" for file in code for what in synonyms_in(file.read_text())]
    assert found == []
    assert list(synonyms_in("def by_user(x):\n    item = x")) == ["line 1: by_user", "line 2: item"]


def test_no_file_is_too_long_to_live_in(code: list[Path], root: Path) -> None:
    lengths = {file.relative_to(root).as_posix(): len(file.read_text().splitlines()) for file in code}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_no_file_has_a_name_that_says_nothing(code: list[Path], root: Path) -> None:
    assert [str(f.relative_to(root)) for f in code if EMPTY_WORDS & set(f.stem.split("_"))] == []
