"""What connects the doors with one app: the check of its routes, and their description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from serving.callers.declare import MayCall, declared_routes, require_declarations
from serving.callers.doors import Doors
from serving.described import errors

SCHEME = "key"


def install_doors(app: FastAPI, doors: Doors) -> None:
    """Put the doors before every mounted route and into the OpenAPI document.

    ConfigError when a route does not say who may call it. Call it after the last router.
    """
    require_declarations(app)
    app.state.doors = doors
    for _, _, route, allowed in declared_routes(app):
        if isinstance(route, APIRoute) and allowed is not None:
            _describe(route, allowed)
    make_document = app.openapi

    def described() -> dict[str, Any]:
        document = make_document()
        document.setdefault("components", {})["securitySchemes"] = {
            SCHEME: {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key (sp_…), or an owner's token. Asked for once a key was made.",
            }
        }
        return document

    app.openapi = described  # type: ignore[method-assign]


def _describe(route: APIRoute, allowed: MayCall) -> None:
    extra: dict[str, Any] = {**(route.openapi_extra or {}), "x-may-call": allowed.callers() or ["anybody"]}
    if allowed.roles:
        extra["security"] = [{SCHEME: []}]
        body = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
        codes = ("unauthorized", "forbidden", "too_many_requests")
        extra["responses"] = {
            str(status): {"description": said["description"], "content": body}
            for status, said in errors(*codes).items()
        }
    route.openapi_extra = extra
    route.description = "\n\n".join(filter(None, (route.description, allowed.sentence())))
