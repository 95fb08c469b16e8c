"""Her session in a browser: the owner's token, first in the link that opens her page, then in a cookie."""

from __future__ import annotations

from fastapi import Request, Response

TOKEN_COOKIE = "sharepicks_owner"
TOKEN_QUERY = "token"
MAX_AGE_S = 12 * 3600
PAGES = "/shop/"
MAX_TOKEN_BYTES = 2048
KEY_PREFIX = "sp_"  # an API key opens no page


def session_token(request: Request) -> str | None:
    """The token of the link she came by, else of her cookie; None without, or where it is too long."""
    found = linked_token(request) or request.cookies.get(TOKEN_COOKIE)
    fits = found is not None and 0 < len(found) <= MAX_TOKEN_BYTES and found.isascii()
    return found if fits and not str(found).startswith(KEY_PREFIX) else None


def linked_token(request: Request) -> str | None:
    """The token of the link she came by."""
    return request.query_params.get(TOKEN_QUERY)


def keep_token(response: Response, request: Request, token: str) -> None:
    """Put the token into a cookie that no script reads, for the pages of shops only."""
    response.set_cookie(
        TOKEN_COOKIE, token, max_age=MAX_AGE_S, path=PAGES, httponly=True, samesite="lax",
        secure=is_secure(request),
    )  # fmt: skip


def is_secure(request: Request) -> bool:
    """Whether she came by https, as the proxy in front says."""
    return request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
