"""What stands beside a snapshot is read whole, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsys.errors import SnapshotError
from recsys.run_card import evaluation_path, read_beside, run_card_path


def test_both_stand_beside_the_folder_and_not_in_it(tmp_path: Path) -> None:
    place = tmp_path / "nightly-7"
    assert {run_card_path(place).parent, evaluation_path(place).parent} == {tmp_path}
    assert run_card_path(place).name == "nightly-7.run-card.json"
    assert read_beside(run_card_path(place)) is None


@pytest.mark.parametrize("text", ["[]", "{", "null", "3", "[" * 100_000, b"\xff"])
def test_what_is_no_object_is_refused(tmp_path: Path, text: str | bytes) -> None:
    file = tmp_path / "one.run-card.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SnapshotError, match="one JSON object"):
        read_beside(file)
    file.write_text('{"a": 1}')
    assert read_beside(file) == {"a": 1}
