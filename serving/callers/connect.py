"""The doors of a service, from its store's address and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recsys.errors import ConfigError
from serving.callers.api_keys import any_key_ever
from serving.callers.audit import AuditError
from serving.callers.call_counts import Allowance, CallCounts
from serving.callers.database import readings_of
from serving.callers.doors import PER_KEY, PER_PERSON, Doors, new_form_secret
from serving.callers.key_ring import KeyRing, State
from serving.callers.owner_tokens import read_token_secrets
from serving.clock import utc_now
from serving.store.opening import SQLITE
from serving.store.seam import StoreError

FORM_SECRET = "SHAREPICKS_FORM_SECRET"  # set by `serve` for its workers, which answer each other's forms
NEED_KEYS = "SHAREPICKS_NEED_KEYS"  # 1: set by `serve` where other machines can reach it
COUNTS_FILE = "SHAREPICKS_COUNTS_FILE"  # set by `serve` for its workers; without it each counts for itself
MAX_CALLS_PER_S = 1_000_000.0


def doors_from(store: str | None, environment: Mapping[str, str]) -> Doors:
    """The doors that a store's keys and the settings make; ConfigError for a setting outside its rule."""
    counts_file = environment.get(COUNTS_FILE)
    form_secret = environment.get(FORM_SECRET)
    return Doors(
        ring=None if store is None else KeyRing(readings_of(store), utc_now, keys_copy(store, environment)),
        tokens=read_token_secrets(environment),
        per_key=_allowance(environment, "SHAREPICKS_KEY_CALLS_PER_S", PER_KEY),
        per_person=_allowance(environment, "SHAREPICKS_PERSON_CALLS_PER_S", PER_PERSON),
        counts=CallCounts(Path(counts_file) if counts_file else None),
        form_secret=form_secret.encode() if form_secret else new_form_secret(),
        need_keys=environment.get(NEED_KEYS) == "1",
    )


def keys_copy(store: str, environment: Mapping[str, str]) -> Path | None:
    """Where workers leave what they know of the keys: beside a SQLite file unless a place is named."""
    named = environment.get("SHAREPICKS_KEYS_FILE")
    if named:
        return Path(named)
    return Path(store.removeprefix(SQLITE) + ".keys") if store.startswith(SQLITE) else None


def state_of_keys(store: str | None) -> State:
    """Whether a key was ever made in this store, so that the service asks for one.

    unknown: the store cannot be read now. UsageError when it never will be.
    """
    if store is None:
        return "no keys"
    try:
        with readings_of(store)() as connection:
            return "keys" if any_key_ever(connection) else "no keys"
    except (StoreError, AuditError):
        return "unknown"


def _allowance(environment: Mapping[str, str], name: str, default: Allowance) -> Allowance:
    text = environment.get(name) or repr(default.per_second)
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number; got {text[:40]!r}") from None
    if not 0 <= value <= MAX_CALLS_PER_S:
        raise ConfigError(f"{name} must be 0 (no bound) to {MAX_CALLS_PER_S:,.0f}; got {text[:40]!r}")
    return Allowance(value)
