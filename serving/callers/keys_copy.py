"""What a worker knew of the keys, in a file: a service that starts while its store is down goes on with it.

Hashes of keys stand in it, never a key, and the ids that keys are bound to; only its owner may read it.
"""

from __future__ import annotations

import logging
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from serving.callers.api_keys import KeyRow
from serving.callers.instants import instant_of, instant_text
from serving.callers.roles import Role
from serving.logs import describe_exception

MAX_BYTES = 16 << 20
TIMES = ("created_time", "expires_time", "revoked_time")

log = logging.getLogger("sharepicks.callers")


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """What was read: the number of the last act, the live keys by prefix, whether there ever was one."""

    seq: int
    by_id: dict[str, KeyRow]
    any_ever: bool
    read_time: datetime


def read_copy(file: Path) -> KnownKeys | None:
    """What `write_copy` wrote; None when it is not there, not ours alone, or damaged."""
    try:
        with file.open("rb") as opened:
            about = os.fstat(opened.fileno())
            if os.name == "posix" and (about.st_mode & 0o077 or about.st_uid != os.geteuid()):
                raise ValueError("others can read or write the file")
            content = orjson.loads(opened.read(MAX_BYTES))
        rows = [_row_of(row) for row in content["keys"]]
        by_id = {row.key_id: row for row in rows}
        if not isinstance(content["any_ever"], bool):
            raise ValueError("any_ever is no truth value")
        return KnownKeys(int(content["seq"]), by_id, content["any_ever"], _instant(content["read_time"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("keys_copy_unreadable", extra={"fields": describe_exception(error)})
        return None


def write_copy(file: Path, known: KnownKeys) -> None:
    """Put it there whole or not at all; OSError when it cannot be written."""
    keys = [_told(row) for row in known.by_id.values()]
    when = instant_text(known.read_time)
    content = {"seq": known.seq, "any_ever": known.any_ever, "read_time": when, "keys": keys}
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(orjson.dumps(content))
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _told(row: KeyRow) -> dict[str, object]:
    times = {name: None if (time := getattr(row, name)) is None else instant_text(time) for name in TIMES}
    return asdict(row) | times | {"secret_hash": row.secret_hash.hex()}


def _instant(text: str) -> datetime:
    moment = instant_of(text)
    if moment.tzinfo is None:
        raise ValueError("a moment has no time zone")
    return moment


def _row_of(told: dict[str, str]) -> KeyRow:
    times = {name: None if told[name] is None else _instant(told[name]) for name in TIMES}
    known = {"secret_hash": bytes.fromhex(told["secret_hash"]), "role": Role(told["role"])}
    return KeyRow(**{**told, **times, **known})  # type: ignore[arg-type]
