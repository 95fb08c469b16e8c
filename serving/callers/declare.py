"""Each route says who may call it, in the line above its function; a route that does not stops the start.

    @router.get("/v1/owners/{owner_id:path}/recommend", …)
    @may_call(Role.STOREFRONT, Role.OWNER, mine="owner_id")
    async def recommend(request: Request) -> Response: …

`mine` names the parameter of the path that must be the caller's own where her role has a scope. It is read
here by the very function that the route reads it with, so that what was checked is what is used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import iter_route_contexts

from recsys.errors import ConfigError
from serving.callers.roles import SCOPE_OF, Caller, Role
from serving.errors import ServiceError
from serving.gate import read_path_ids

if TYPE_CHECKING:
    from serving.callers.doors import Doors

Endpoint = Callable[[Request], Awaitable[Response]]
DECLARED = "__sharepicks_may_call__"
TEMPLATE = "sharepicks.template"  # key in the request's scope
CALLER = "sharepicks.caller"
ASKED = "sharepicks.asked_mine"


@dataclass(frozen=True, slots=True)
class MayCall:
    """Who may call a route. No roles: everybody, without a key."""

    roles: frozenset[Role]
    mine: str | None
    mine_in_body: bool
    by_session: bool = False  # her cookie will do: for pages, which no other site may send forms to
    by_console: bool = False  # the cookie of who signed in at the console will do

    def callers(self) -> list[str]:
        """The roles in order, with what each is held to."""
        return [
            f"{role} (her own {SCOPE_OF[role]})" if role in SCOPE_OF else str(role)
            for role in Role
            if role in self.roles
        ]


def may_call(
    *roles: Role,
    mine: str | None = None,
    mine_in_body: bool = False,
    by_session: bool = False,
    by_console: bool = False,
) -> Callable[[Endpoint], Endpoint]:
    """Only these roles; those with a scope only where the path's parameter `mine` is their own id.

    `mine_in_body`: the id stands in the body instead; the route calls `require_mine` with what it read.
    `by_session`: a page of hers, which her browser opens with a cookie. `by_console`: a page of the console.
    """
    allowed = MayCall(frozenset(roles), mine, mine_in_body, by_session, by_console)
    if not roles:
        raise ConfigError("may_call needs a role; a route for everybody says anybody_may_call")
    for role in roles:
        if role in SCOPE_OF and mine != SCOPE_OF[role]:
            raise ConfigError(f'a route that the role {role} may call says mine="{SCOPE_OF[role]}"')
    if mine_in_body and mine is None:
        raise ConfigError("mine_in_body needs the name of the field: mine=…")

    def declare(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            doors: Doors = request.app.state.doors
            bucket = doors.admit(request, allowed)
            await doors.turnstile.enter(bucket)
            try:
                reply = await endpoint(request)
            finally:
                doors.turnstile.leave(bucket)
            if mine_in_body and ASKED not in request.scope:
                raise ConfigError("this route says mine_in_body and never called require_mine")
            return reply

        setattr(guarded, DECLARED, allowed)
        return guarded

    return declare


def anybody_may_call(endpoint: Endpoint) -> Endpoint:
    """A route without a key, for load balancers and readers of the description."""
    setattr(endpoint, DECLARED, MayCall(frozenset(), None, False))
    return endpoint


def forbidden() -> ServiceError:
    """The one 403: the same whether what was asked for exists or not."""
    return ServiceError("forbidden", "this caller may not make this call")


def require_role_and_scope(request: Request, caller: Caller, allowed: MayCall) -> None:
    """ServiceError forbidden unless the caller's role is allowed and the path's id is her own."""
    if caller.role not in allowed.roles:
        raise forbidden()
    if caller.role in SCOPE_OF and not allowed.mine_in_body:
        try:
            asked_for = read_own_id(request, allowed.mine or "")
        except ServiceError:  # not even an id: still nothing is said about what is there
            raise forbidden() from None
        if caller.scope_id is None or asked_for != caller.scope_id:
            raise forbidden()


def calling(request: Request) -> Caller | None:
    """Who was let in; None while nobody needs a key."""
    return request.scope.get(CALLER)


def require_mine(request: Request, scope_id: str) -> None:
    """ServiceError forbidden unless an id that stood in the body is the caller's own, where she has one."""
    request.scope[ASKED] = True
    caller = calling(request)
    if caller is not None and caller.role in SCOPE_OF and caller.scope_id != scope_id:
        raise forbidden()


def who_calls(request: Request) -> str:
    """Who is written into a record for this request: what the caller is counted under."""
    caller = calling(request)
    return "no key" if caller is None else caller.bucket


def read_own_id(request: Request, name: str) -> str:
    """The path's parameter as the route itself reads it."""
    found = read_path_ids(request, template_of(request))
    if name not in found:
        raise ServiceError("internal", "the route has no such parameter")
    return found[name]


def template_of(request: Request) -> str:
    """The path of the route that answers, with its parameters in braces."""
    template = getattr(request.scope.get("route"), "path_format", None)
    if not isinstance(template, str):
        raise ServiceError("internal", "the route is not known")
    return template


def declared_routes(app: FastAPI) -> Iterator[tuple[str, frozenset[str], Any, MayCall | None]]:
    """Every mounted route: its path, methods, the route, and its declaration (None when it has none)."""
    for context in iter_route_contexts(app.routes):
        endpoint = context.endpoint
        path = context.path_format or context.path or "?"
        allowed = getattr(endpoint, DECLARED, None) if endpoint is not None else None
        yield path, frozenset(context.methods or ()), context.original_route, allowed


def require_declarations(app: FastAPI) -> None:
    """ConfigError naming the first mounted route that does not say who may call it, or says it wrongly."""
    for path, _, _, allowed in declared_routes(app):
        if allowed is None:
            raise ConfigError(
                f"{path}: the route does not say who may call it; put @may_call(…) or @anybody_may_call "
                "right above its function, below the router's line"
            )
        if allowed.mine is not None and not allowed.mine_in_body and "{" + allowed.mine + "}" not in path:
            raise ConfigError(f"{path}: mine={allowed.mine!r} must be a parameter of the path")
        if "}{" in path:
            raise ConfigError(f"{path}: two parameters need something fixed between them")
