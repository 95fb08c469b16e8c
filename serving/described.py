"""What the routes share of their OpenAPI description, and the reply of a plain JSON body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import Response

from serving.errors import STATUS_OF
from serving.gate import Field
from serving.replies import OPTIONS, ErrorBody

NO_STORE = {"cache-control": "no-store"}


def errors(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The replies of these error codes, by their status."""
    return {STATUS_OF[code]: {"model": ErrorBody, "description": code} for code in codes}


def path_id(name: str, meaning: str) -> dict[str, Any]:
    """An id in the path."""
    return {
        "name": name, "in": "path", "required": True, "description": meaning,
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    }  # fmt: skip


def in_query(fields: Sequence[Field]) -> list[dict[str, Any]]:
    """The parameters that a query may name."""
    return [
        {"name": f.name, "in": "query", "required": False, "description": f.meaning, "schema": f.schema}
        for f in fields
    ]


def json_body(fields: Sequence[Field], required: Sequence[str]) -> dict[str, Any]:
    """A JSON body of these fields and no other."""
    schema = {
        "type": "object", "required": list(required), "additionalProperties": False,
        "properties": {f.name: {**f.schema, "description": f.meaning} for f in fields},
    }  # fmt: skip
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def json_reply(body: Mapping[str, object], status: int = 200) -> Response:
    """A body that nobody on the way may keep."""
    return Response(
        orjson.dumps(body, option=OPTIONS), status, headers=NO_STORE, media_type="application/json"
    )
