"""A session at the console: a signed name of an API key in a cookie; the key itself stays out of the browser.

It ends after 12 hours and with its key: whoever opens a page is looked up among the live keys each time.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import Request, Response

from serving.callers.owner_session import is_secure
from serving.callers.owner_tokens import MAX_LIFE, TokenSecrets, signed, subject_of

CONSOLE = "/console"
CONSOLE_COOKIE = "sharepicks_console"
AUDIENCE = "sharepicks.console"
MAX_COOKIE_BYTES = 1024


def key_of_session(request: Request, secrets: TokenSecrets, now: datetime) -> str | None:
    """The prefix of the key that signed in; None without a session that holds at this moment."""
    found = request.cookies.get(CONSOLE_COOKIE, "")
    if not 0 < len(found) <= MAX_COOKIE_BYTES or not found.isascii():
        return None
    return subject_of(secrets, AUDIENCE, found, now)


def begin_session(
    response: Response, request: Request, secrets: TokenSecrets, key_id: str, now: datetime
) -> None:
    """Put a session of this key into a cookie that no script reads and no other site makes a browser send."""
    response.set_cookie(
        CONSOLE_COOKIE, signed(secrets, AUDIENCE, key_id, MAX_LIFE, now),
        max_age=int(MAX_LIFE.total_seconds()), path=CONSOLE, httponly=True, samesite="strict",
        secure=is_secure(request),
    )  # fmt: skip


def end_session(response: Response) -> None:
    """Take the cookie away."""
    response.delete_cookie(CONSOLE_COOKIE, path=CONSOLE, httponly=True, samesite="strict")
