"""What keeps other sites from sending her forms: a key in each, and where the browser says it comes from."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request

from serving.callers.doors import Doors
from serving.callers.owner_session import TOKEN_COOKIE
from serving.errors import ServiceError


def form_key(request: Request, owner_id: str, cookie: str = TOKEN_COOKIE) -> str:
    """What every form of her page carries; it hangs on her session, which no other site can read.

    `cookie` holds the session; whoever has pages of another kind puts their name for an owner's id.
    """
    doors: Doors = request.app.state.doors
    secret = doors.tokens.secrets[0] if doors.tokens is not None else doors.form_secret
    session = request.cookies.get(cookie, "")
    return hmac.new(secret, f"form\x1f{owner_id}\x1f{session}".encode(), hashlib.sha256).hexdigest()


def require_own_form(request: Request, owner_id: str, sent_key: str, cookie: str = TOKEN_COOKIE) -> None:
    """ServiceError forbidden unless a form came from her own page."""
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    cross = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if foreign or cross or not hmac.compare_digest(sent_key, form_key(request, owner_id, cookie)):
        raise ServiceError("forbidden", "this form did not come from the page's own address")
