"""Structured logs: one JSON object a line, without ids of people, keys, or messages of exceptions."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import orjson

MAX_FRAMES = 12


class JsonLines(logging.Formatter):
    """One record as one line of JSON.

    Of an exception only its type and its places in the code are written: its message may hold an id.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1]:
            line.update(describe_exception(record.exc_info[1]))
        return orjson.dumps(line, default=str).decode()


def describe_exception(error: BaseException) -> dict[str, object]:
    """The type of an exception and where in the code it rose, without its message."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return {"exception": type(error).__name__, "places": places}


def write_logs_to_stderr(level: int = logging.INFO) -> None:
    """Send every logger of this process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
