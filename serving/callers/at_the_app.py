"""What connects the doors with one app: the check of its routes, and their description."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI

from serving.callers.declare import MayCall, declared_routes, require_declarations
from serving.callers.doors import Doors
from serving.callers.key_ring import keep_keys_fresh
from serving.described import errors

SCHEME = "key"


def install_doors(app: FastAPI, doors: Doors) -> None:
    """Put the doors before every mounted route and into the OpenAPI document.

    ConfigError when a route does not say who may call it. Call it after the last router.
    """
    require_declarations(app)
    app.state.doors = doors
    make_document = app.openapi

    def described() -> dict[str, Any]:
        document = make_document()
        for path, methods, _, allowed in declared_routes(app):
            for method in methods:
                call = document["paths"].get(path, {}).get(method.lower())
                if call is not None and allowed is not None:
                    _describe(call, allowed)
        document.setdefault("components", {})["securitySchemes"] = {
            SCHEME: {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key (sp_…), or an owner's token. Asked for once a key was made.",
            }
        }
        return document

    app.openapi = described  # type: ignore[method-assign]


async def watch_keys(app: FastAPI) -> list[asyncio.Task[None]]:
    """Read the keys before the first request, and return the task that looks again; none without a store."""
    doors: Doors = app.state.doors
    if doors.ring is None:
        return []
    await asyncio.to_thread(doors.ring.refresh)
    return [asyncio.create_task(keep_keys_fresh(doors.ring))]


def _describe(call: dict[str, Any], allowed: MayCall) -> None:
    """Put into one call of the document who may make it, and its refusals; twice is as once."""
    call["x-may-call"] = allowed.callers() or ["anybody"]
    if not allowed.roles:
        return
    call["security"] = [{SCHEME: []}]
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
    for status, said in errors("unauthorized", "forbidden", "too_many_requests").items():
        call["responses"][str(status)] = {"description": said["description"], "content": body}
