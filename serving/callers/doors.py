"""The doors of one worker: who is calling, and whether she may."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request

from serving.callers.call_counts import Allowance, CallCounts
from serving.callers.console_session import key_of_session
from serving.callers.declare import CALLER, MayCall, require_role_and_scope
from serving.callers.key_ring import KeyRing
from serving.callers.owner_session import session_token
from serving.callers.owner_tokens import TokenSecrets, open_owner_token
from serving.callers.roles import SCOPE_OF, Caller
from serving.callers.turnstile import Turnstile
from serving.clock import utc_now
from serving.errors import ServiceError

MAX_HEADER_BYTES = 2048
PER_KEY, PER_PERSON = Allowance(500), Allowance(10)
EVERYBODY = "everybody"  # what requests are counted under while nobody needs a key
WHO = {"www-authenticate": 'Bearer realm="sharepicks"'}


def new_form_secret() -> bytes:
    """32 random bytes, for as long as one server runs."""
    return secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Doors:
    """What stands before every route.

    `ring`: the keys, None for a service without a store. `tokens`: what owner tokens are signed with.
    `need_keys`: nobody is let in without a key, even while none was ever made.
    `per_key` and `per_person`: how often one caller may call. While no key was ever made the doors are open,
    and the server listens on loopback only. `form_secret`: what keys of forms are made with without `tokens`.
    """

    ring: KeyRing | None = None
    tokens: TokenSecrets | None = None
    clock: Callable[[], datetime] = utc_now
    per_key: Allowance = PER_KEY
    per_person: Allowance = PER_PERSON
    counts: CallCounts = field(default_factory=CallCounts)
    turnstile: Turnstile = field(default_factory=Turnstile)
    need_keys: bool = False
    form_secret: bytes = field(default_factory=new_form_secret, repr=False)

    @property
    def are_open(self) -> bool:
        """Whether nobody needs a key; False while that cannot be known."""
        return not self.need_keys and (self.ring is None or self.ring.state == "no keys")

    def admit(self, request: Request, allowed: MayCall) -> str:
        """What this request is counted under; ServiceError when it may not go on.

        unauthorized, forbidden or, above the caller's allowance, too_many_requests; not_ready
        where only a key would do and the keys cannot be read: an owner's token opens her calls all the same.
        """
        if self.are_open:
            return EVERYBODY
        caller = self.caller_of(request, by_session=allowed.by_session, by_console=allowed.by_console)
        request.scope[CALLER] = caller
        wait_s = self.counts.call(caller.bucket, self.allowance_of(caller), self.clock().timestamp())
        if wait_s:
            raise ServiceError(
                "too_many_requests", "this caller may not call so often; Retry-After says when she may again",
                {"retry-after": str(wait_s)},
            )  # fmt: skip
        require_role_and_scope(request, caller, allowed)
        return caller.bucket

    def allowance_of(self, caller: Caller) -> Allowance:
        """How often she may call: an owner and a supplier are one person, a storefront is a platform."""
        return self.per_person if caller.role in SCOPE_OF else self.per_key

    def caller_of(self, request: Request, *, by_session: bool = False, by_console: bool = False) -> Caller:
        """Whose key or token came; ServiceError unauthorized with one body for everything that is wrong.

        not_ready while the keys cannot be read, unless a token came: that one needs no store.
        """
        credential = _credential_of(request)
        if credential is None and by_session:
            credential = session_token(request)
        is_key = credential is not None and credential.startswith("sp_")
        caller = None
        if credential is not None and not is_key and self.tokens is not None:
            caller = open_owner_token(self.tokens, credential, self.clock())
        if caller is None and self.ring is not None and self.ring.state == "unknown":
            raise ServiceError("not_ready", "the keys cannot be read from the store; try again soon")
        if credential is not None and is_key and self.ring is not None:
            caller = self.ring.open(credential)
        elif credential is None and by_console:
            caller = self.at_console(request)
        if caller is None:
            raise ServiceError("unauthorized", "send a key that is live: Authorization: Bearer KEY", WHO)
        return caller

    def at_console(self, request: Request) -> Caller | None:
        """Who signed in at the console with a key that still lives; None otherwise."""
        if self.ring is None or self.tokens is None:
            return None
        key_id = key_of_session(request, self.tokens, self.clock())
        return None if key_id is None else self.ring.caller_of(key_id)


def _credential_of(request: Request) -> str | None:
    """The text after Bearer; None unless there is exactly one short header of printable ASCII."""
    values = [value for name, value in request.scope["headers"] if name.lower() == b"authorization"]
    if len(values) != 1 or len(values[0]) > MAX_HEADER_BYTES:
        return None
    scheme, _, credential = values[0].partition(b" ")
    if scheme.lower() != b"bearer" or not credential.isascii():
        return None
    text: str = credential.decode("ascii")
    return text if text.isprintable() and " " not in text else None
