"""Instants as the tables of callers hold them."""

from __future__ import annotations

from datetime import UTC, datetime


def instant_text(moment: datetime) -> str:
    """RFC 3339 in UTC with six digits of seconds, 27 characters, so that text sorts as time does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def instant_of(text: str) -> datetime:
    """The moment that `instant_text` wrote."""
    return datetime.fromisoformat(text)
