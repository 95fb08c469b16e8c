"""A reply that is kept for one caller reaches nobody who may not see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from callers_town import Town, canary, make_town

from serving.callers import declare
from serving.callers.roles import Caller
from serving.service import Service

HERS = "/v1/owners/owner%2FA/recommend?n=2"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """A town in which the reply of owner A is kept."""
    made = make_town(tmp_path)
    assert canary("owner owner/A") in made.send("storefront", "GET", HERS).body.decode()
    service: Service = made.app.state.service
    assert len(service.replies) == 1
    return made


def reached(town: Town) -> set[str]:
    """Who is shown what is kept."""
    answers = {who: town.send(who, "GET", HERS) for who in town.headers}
    return {who for who, answer in answers.items() if canary("owner owner/A") in answer.body.decode()}


def test_a_kept_reply_reaches_only_who_may_see_it(town: Town) -> None:
    assert reached(town) == {"storefront", "token A", "owner key A"}


def test_red_control_without_the_check_of_whose_it_is_a_kept_reply_leaks(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own(request: object, name: str) -> object:
        caller: Caller = request.scope[declare.CALLER]  # type: ignore[attr-defined]
        return caller.scope_id

    monkeypatch.setattr(declare, "read_own_id", own)
    assert "token B" in reached(town)
