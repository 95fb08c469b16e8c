"""What is done at the console: sign in and out, promote a snapshot, go back; by forms of its own pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from recsys.registry import Move, move, named, rollback
from serving.callers.console_session import CONSOLE, begin_session, end_session
from serving.callers.declare import anybody_may_call, may_call, who_calls
from serving.callers.roles import Role
from serving.console.console import (
    SIGN_IN,
    SIGN_OUT,
    SNAPSHOTS,
    TABS_OF,
    Console,
    doors_of,
    home_of,
    is_open,
)
from serving.errors import STATUS_OF, ServiceError
from serving.gate import one_id, read_path_id, read_query, text
from serving.routes_snapshots import PROMOTE, told_move
from serving.shop.shop import see_other
from serving.snapshots import open_served

KEY = text("key", 200, "an API key")
WHY = text("why", 500, "for the journal")
IF_SERVING = one_id("if_serving", "what served when the page was made")


def console_actions_router(console: Console) -> APIRouter:
    """The forms of the console and what they lead to, bound to one console."""
    router = APIRouter(tags=["console"], include_in_schema=False)
    folder, clock = console.service.settings.snapshots, console.shop.clock
    science = may_call(Role.SCIENTIST, Role.OPERATOR, by_console=True)

    @router.get(SIGN_IN)
    @anybody_may_call
    async def sign_in_page(request: Request) -> Response:
        """The form to sign in."""
        read_query(request, ())
        if is_open(request):
            return see_other(SNAPSHOTS)
        return console.page(request, "sign_in.html", {"refused": None})

    @router.post(SIGN_IN)
    @anybody_may_call
    async def sign_in(request: Request) -> Response:
        """A session for whoever holds a key; one sentence for every key that opens nothing here."""
        given = await console.form(request, KEY, required=("key",))
        doors, words = doors_of(request), console.words_for(request)
        if is_open(request):
            return see_other(SNAPSHOTS)
        if doors.tokens is None or doors.ring is None:
            raise ServiceError("not_ready", "no token secret is configured; docs/callers.md says how")
        caller = doors.ring.open(given["key"].strip())
        if caller is None or caller.role not in TABS_OF:
            told = {"refused": words.say("signin.refused")}
            return console.page(request, "sign_in.html", told, status=STATUS_OF["unauthorized"])
        reply = see_other(home_of(caller))
        begin_session(reply, request, doors.tokens, caller.bucket, doors.clock())
        return reply

    @router.post(SIGN_OUT)
    @anybody_may_call
    async def sign_out(request: Request) -> Response:
        """The session's end in this browser; to end it everywhere, revoke its key."""
        await console.form(request)
        reply = see_other(CONSOLE)
        end_session(reply)
        return reply

    @router.post(SNAPSHOTS + "/rollback")
    @science
    async def back(request: Request) -> Response:
        """Go back to what served before."""
        asked = await console.form(request, WHY, required=("why",))
        who, now = who_calls(request), clock()
        return await _moved(
            "rollback", lambda: rollback(folder, who=who, why=asked["why"], now=now, verify=open_served)
        )

    @router.post(SNAPSHOTS + "/{name:path}" + PROMOTE)
    @science
    async def promote(request: Request) -> Response:
        """Make a snapshot the serving one, unless another was promoted since the page was made."""
        name = read_path_id(request, "name", SNAPSHOTS + "/", PROMOTE)
        asked = await console.form(request, WHY, IF_SERVING, required=("why",))
        who, now = who_calls(request), clock()
        return await _moved(
            "promote",
            lambda: move(
                folder, named(folder, name).name, who=who, why=asked["why"], now=now, verify=open_served,
                expected=asked.get("if_serving"),
            ),
        )  # fmt: skip

    return router


async def _moved(act: str, make: Callable[[], Move]) -> Response:
    await asyncio.to_thread(told_move, make)
    return see_other(f"{SNAPSHOTS}?done={act}")
