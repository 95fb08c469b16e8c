"""What the pages are dressed with: style, script, icons, and the worker that keeps the last list."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from serving.callers.declare import anybody_may_call
from serving.errors import ServiceError
from serving.gate import read_path_id, read_query
from serving.shop.shop import FILES

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png"}
NAMES = ("shop.css", "console.css", "shop.js", "worker.js", "icon.svg", "icon-192.png", "icon-512.png")


def shop_files_router() -> APIRouter:
    """The files, which are the same for everybody."""
    router = APIRouter(tags=["shop"], include_in_schema=False)

    @router.get(FILES + "{name:path}")
    @anybody_may_call
    async def file(request: Request) -> Response:
        """One of the files, by its name."""
        name = read_path_id(request, "name", FILES, "")
        read_query(request, ())
        if name not in NAMES:
            raise ServiceError("not_found", "there is no such file")
        headers = {"cache-control": "public, max-age=600", "x-content-type-options": "nosniff"}
        if name == "worker.js":
            headers["service-worker-allowed"] = "/shop/"
            headers["content-security-policy"] = "default-src 'none'; connect-src 'self'"
        return Response(_content(name), headers=headers, media_type=KINDS[name.rpartition(".")[2]])

    return router


@lru_cache(maxsize=len(NAMES))
def _content(name: str) -> bytes:
    return (files("serving.shop") / "files" / name).read_bytes()
