"""Several services over one store: what one was told shows in the lists of the other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from live_service import NOON, live_service, stock


def test_what_one_service_was_told_shows_in_the_next_list_of_another(tmp_path: Path, url: str) -> None:
    with live_service(tmp_path, url=url) as one, live_service(tmp_path, url=url) as other:
        assert "n1" in other.picks()
        one.tell(stock("n1", 0))
        other.look()
        assert "n1" not in other.picks() and "n1" not in one.picks()
        other.tell(stock("n1", 7, NOON + timedelta(seconds=1)))
        one.look()
        assert "n1" in one.picks()
