"""The one error body, and every status that carries it.

An error never repeats what came in: the body is a code from the list below and a sentence of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from recsys.errors import QueryError

STATUS_OF = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "conflict": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "misdirected": 421,
    "invalid": 422,
    "too_many_requests": 429,
    "internal": 500,
    "overloaded": 503,
    "store_unavailable": 503,
    "not_ready": 503,
}
RETRY_AFTER = {"retry-after": "1"}  # for what may be there in a second
CODE_OF = {status: code for code, status in STATUS_OF.items()}
SENTENCES = {
    "bad_request": "the request is not well-formed HTTP",
    "not_found": "there is no such route; /openapi.json lists them",
    "method_not_allowed": "this route does not take this method; the Allow header says which it takes",
    "misdirected": "no key is configured, so only requests for localhost, 127.0.0.1 or [::1] are answered; "
    "make a key, or name other hosts in SHAREPICKS_HOSTS",
    "invalid": "the request breaks a rule of this route; /openapi.json lists them",
    "internal": "something failed on our side; the log has it under this moment",
}


class ServiceError(Exception):
    """A refusal on purpose: a code of `STATUS_OF` and a sentence that does not repeat the input."""

    def __init__(self, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = headers


def error_bytes(code: str, detail: str | None = None) -> bytes:
    """The one error body as JSON."""
    return orjson.dumps({"error": code, "detail": detail or SENTENCES[code]})


def error_response(
    code: str, detail: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The one error body with its status."""
    return Response(
        error_bytes(code, detail), STATUS_OF[code], headers=headers, media_type="application/json"
    )


ProblemPage = Callable[[Request, ServiceError], Response]


def install_error_handlers(app: FastAPI, problem_pages: Mapping[str, ProblemPage]) -> None:
    """Answer every error of the routes with the one error body; on a page for people, with a page.

    `problem_pages`: the beginning of a path and what makes the page below it.
    """

    @app.exception_handler(ServiceError)
    async def _refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)
        for beginning, problem_page in problem_pages.items():
            if request.scope["path"].startswith(beginning):
                return problem_page(request, error)
        return error_response(error.code, error.detail, error.headers)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = CODE_OF.get(error.status_code, "bad_request" if error.status_code < 500 else "internal")
        return error_response(code, SENTENCES.get(code, SENTENCES["invalid"]), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: Exception) -> Response:
        return error_response("invalid")

    @app.exception_handler(QueryError)
    async def _query(request: Request, error: Exception) -> Response:
        return error_response("invalid")  # the core's sentence names what came; a reply must not
