"""Reads a moment from the command line."""

from __future__ import annotations

from datetime import datetime

from recsys.errors import UsageError


def parse_moment(text: str) -> datetime:
    """The aware datetime of an RFC 3339 text; UsageError when it is none or has no offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f"--as-of must be a time with an offset, like 2026-03-31T00:00:00Z; got {text!r}")
    return moment
