"""What whoever runs the service asks: is it alive, is it ready, what did it count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from serving.callers.declare import anybody_may_call, may_call
from serving.callers.roles import Role
from serving.errors import ServiceError
from serving.gate import read_query
from serving.metrics import CONTENT_TYPE
from serving.replies import OPTIONS, ErrorBody, HealthBody, ReadyBody
from serving.service import Service


def operation_router(service: Service, make_document: Callable[[], dict[str, Any]]) -> APIRouter:
    """The routes for operators and load balancers, bound to one service and its OpenAPI document."""
    router = APIRouter(tags=["operation"])

    @router.get("/healthz", response_model=HealthBody, summary="The process answers")
    @anybody_may_call
    async def healthz(request: Request) -> Response:
        """Says ok as long as the process can answer at all."""
        read_query(request, ())
        return Response(b'{"status":"ok"}', media_type="application/json")

    @router.get(
        "/readyz",
        response_model=ReadyBody,
        summary="A usable snapshot serves",
        responses={503: {"model": ErrorBody, "description": "what is missing"}},
    )
    @anybody_may_call
    async def readyz(request: Request) -> Response:
        """Which snapshot serves; 503 with what is missing when none does."""
        read_query(request, ())
        served, trouble = service.keeper.served, service.keeper.trouble
        if served is None:
            raise ServiceError("not_ready", trouble or "the snapshot is being opened")
        warnings = [f"the newest candidate does not serve: {trouble}"] if trouble else []
        if service.store.is_missing:
            warnings.append("the store cannot be opened: events are answered with 503, picks as ever")
        if service.live.is_behind:
            warnings.append("what the store holds could not be read lately: lists are of the last good state")
        body = {
            "live_lag_s": service.live.lag_s, "live_read_age_s": service.live.read_age_s,
            "ready": True, "snapshot_id": served.snapshot_id, "as_of": served.as_of, "warnings": warnings,
        }  # fmt: skip
        return Response(orjson.dumps(body, option=OPTIONS), media_type="application/json")

    @router.get(
        "/metrics",
        response_class=Response,
        summary="Counters for Prometheus",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    @may_call(Role.SCIENTIST, Role.OPERATOR)
    async def metrics(request: Request) -> Response:
        """Every counter in the text format of Prometheus."""
        read_query(request, ())
        text = service.metrics.exposition(service.keeper.served, datetime.now(UTC))
        return Response(text, media_type=CONTENT_TYPE)

    @router.get("/openapi.json", include_in_schema=False)
    @anybody_may_call
    async def openapi(request: Request) -> Response:
        """Every route, parameter and body as an OpenAPI document."""
        read_query(request, ())
        return Response(orjson.dumps(make_document()), media_type="application/json")

    return router
