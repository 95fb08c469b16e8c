"""The strict gate: what a request may look like before anything of it is used.

Every refusal is a ServiceError whose sentence names the parameter and its rule, never what came.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from serving.errors import ServiceError

MAX_BODY_BYTES = 1 << 20
MAX_QUERY_BYTES = 8192
MAX_DEPTH = 16
MAX_ID_LENGTH = 128
ID_RULE = f"must be 1 to {MAX_ID_LENGTH} printable characters"

_WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)
NO_ROUTE = "there is no such route; /openapi.json lists them"
_PARAMETER = re.compile(r"\{([a-z_]+)\}", re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter of a query or field of a body.

    `rule` completes the sentence "NAME must be …"; `accepts` decides on a typed value; `from_text` makes
    the typed value from query text (None when it cannot); `schema` documents it in OpenAPI.
    """

    name: str
    rule: str
    accepts: Callable[[Any], bool]
    from_text: Callable[[str], Any]
    schema: Mapping[str, Any]
    meaning: str


def whole(name: str, minimum: int, maximum: int, meaning: str, default: int | None = None) -> Field:
    """A whole number in a closed range."""
    schema: dict[str, Any] = {"type": "integer", "minimum": minimum, "maximum": maximum}
    if default is not None:
        schema["default"] = default
    return Field(
        name,
        f"a whole number from {minimum} to {maximum}",
        lambda value: type(value) is int and minimum <= value <= maximum,
        lambda text: int(text) if _WHOLE.fullmatch(text) else None,
        schema,
        meaning,
    )


def choice(name: str, choices: Sequence[str], meaning: str, default: str | None = None) -> Field:
    """One word of a list."""
    schema: dict[str, Any] = {"type": "string", "enum": list(choices)}
    if default is not None:
        schema["default"] = default
    return Field(
        name,
        "one of " + ", ".join(choices),
        lambda value: isinstance(value, str) and value in choices,
        str,
        schema,
        meaning,
    )


def text(name: str, max_length: int, meaning: str) -> Field:
    """A short printable text."""
    return Field(
        name,
        f"1 to {max_length} printable characters",
        lambda value: isinstance(value, str) and 0 < len(value) <= max_length and value.isprintable(),
        str,
        {"type": "string", "minLength": 1, "maxLength": max_length},
        meaning,
    )


def is_id(value: object) -> bool:
    """Whether a value is an id of the data contract: 1 to 128 printable characters."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and value.isprintable()


def one_id(name: str, meaning: str) -> Field:
    """An id of the data contract."""
    return text(name, MAX_ID_LENGTH, meaning)


def ids(name: str, max_ids: int, meaning: str) -> Field:
    """A list of different ids."""
    return Field(
        name,
        f"a list of 1 to {max_ids} different ids, each 1 to {MAX_ID_LENGTH} printable characters",
        lambda value: (
            isinstance(value, list)
            and 0 < len(value) <= max_ids
            and all(map(is_id, value))
            and len(set(value)) == len(value)
        ),
        lambda value: None,  # a list does not travel in a query
        {
            "type": "array",
            "minItems": 1,
            "maxItems": max_ids,
            "uniqueItems": True,
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
        },
        meaning,
    )


def read_path_id(request: Request, name: str, before: str, after: str) -> str:
    """The id between two fixed parts of the path, decoded strictly (an id may hold an escaped slash)."""
    path = _raw_path(request)
    if not (path.startswith(before) and path.endswith(after)):
        raise ServiceError("not_found", NO_ROUTE)
    return _path_id(path[len(before) : len(path) - len(after)], name)


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")  # bytes above 127 fail in _decode


def _path_id(escaped: str, name: str) -> str:
    value = _decode(escaped, name, ID_RULE)
    if not is_id(value):
        raise ServiceError("invalid", f"{name} {ID_RULE}")
    return value


def read_path_ids(request: Request, template: str) -> dict[str, str]:
    """The ids of a path by name; `template` is the path with its parameters in braces.

    One id may hold a plain slash. Of several each ends at the next one, so that a path is read in one way
    only; a slash of an id is then sent as %2F.
    """
    texts = _PARAMETER.split(template)
    fixed, names = texts[::2], texts[1::2]
    if len(names) == 1:
        return {names[0]: read_path_id(request, names[0], fixed[0], fixed[1])}
    raw = _raw_path(request)
    found = re.fullmatch("([^/]*)".join(map(re.escape, fixed)), raw)
    if found is None:
        raise ServiceError("not_found", NO_ROUTE)
    return {name: _path_id(text, name) for name, text in zip(names, found.groups(), strict=True)}


def read_query(request: Request, fields: Sequence[Field]) -> dict[str, Any]:
    """Checked query parameters by name; an unknown, repeated, empty or malformed one is refused."""
    raw: bytes = request.scope["query_string"]
    if not raw:
        return {}
    if len(raw) > MAX_QUERY_BYTES:
        raise ServiceError("invalid", f"the query must be at most {MAX_QUERY_BYTES} bytes")
    return _read_pairs(raw, fields, "query parameter")


async def read_form(
    request: Request, fields: Sequence[Field], required: Sequence[str], within_s: float
) -> dict[str, Any]:
    """Checked fields of a form that a page sent; what was left empty counts as not given."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise ServiceError("unsupported_media_type", "a form must be application/x-www-form-urlencoded")
    body = await _body_within(request, within_s)
    if len(body) > MAX_QUERY_BYTES:
        raise ServiceError("too_large", f"a form is at most {MAX_QUERY_BYTES} bytes")
    given = b"&".join(part for part in body.split(b"&") if part.partition(b"=")[2])
    values = _read_pairs(given, fields, "field of the form") if given else {}
    _require(values, fields, required)
    return values


def _read_pairs(raw: bytes, fields: Sequence[Field], what: str) -> dict[str, Any]:
    by_name = {field.name: field for field in fields}
    values: dict[str, Any] = {}
    for part in raw.decode("latin-1").split("&"):
        raw_name, equals, raw_value = part.partition("=")
        field = by_name.get(_decode(raw_name.replace("+", " "), "a parameter's name", "must be UTF-8"))
        if field is None or not equals:
            raise ServiceError("invalid", f"unknown {what}; this route takes {', '.join(by_name)}")
        if field.name in values:
            raise ServiceError("invalid", f"{field.name} may be given once only")
        value = field.from_text(_decode(raw_value.replace("+", " "), field.name, f"must be {field.rule}"))
        values[field.name] = _checked(field, value)
    return values


def check_fields(body: object, fields: Sequence[Field], required: Sequence[str]) -> dict[str, Any]:
    """Checked fields of a JSON body by name; an unknown, missing or wrongly typed one is refused."""
    if not isinstance(body, dict):
        raise ServiceError("invalid", "the body must be one JSON object")
    by_name = {field.name: field for field in fields}
    if not body.keys() <= by_name.keys():
        raise ServiceError("invalid", f"unknown field in the body; this route takes {', '.join(by_name)}")
    _require(body, fields, required)
    return {name: _checked(by_name[name], value) for name, value in body.items()}


def _require(values: Mapping[str, Any], fields: Sequence[Field], required: Sequence[str]) -> None:
    rules = {field.name: field.rule for field in fields}
    for name in required:
        if name not in values:
            raise ServiceError("invalid", f"{name} is missing; it must be {rules[name]}")


def _checked(field: Field, value: Any) -> Any:
    if not field.accepts(value):
        raise ServiceError("invalid", f"{field.name} must be {field.rule}")
    return value


def _decode(escaped: str, name: str, rule: str) -> str:
    if not escaped.isascii() or _BROKEN_ESCAPE.search(escaped):
        raise ServiceError("invalid", f"{name} {rule}, percent-encoded as UTF-8")
    try:
        return unquote_to_bytes(escaped).decode("utf-8")
    except UnicodeDecodeError:
        raise ServiceError("invalid", f"{name} {rule}, percent-encoded as UTF-8") from None


async def read_json(request: Request, within_s: float) -> object:
    """The JSON value of a body: at most 1 MiB counted while it streams, UTF-8, no NaN, no duplicate keys,
    at most 16 levels deep, whole within `within_s` seconds."""
    _require_json_type(request)
    return parse_json(await _body_within(request, within_s))


async def _body_within(request: Request, within_s: float) -> bytes:
    try:
        async with asyncio.timeout(within_s):
            return await _read_body(request)
    except TimeoutError:
        raise ServiceError(
            "request_timeout", f"the body must arrive whole within {within_s:g} seconds"
        ) from None


def _require_json_type(request: Request) -> None:
    types = request.headers.getlist("content-type")
    if len(types) != 1:
        raise ServiceError("unsupported_media_type", "send one Content-Type header: application/json")
    media_type, _, parameters = types[0].partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise ServiceError("unsupported_media_type", "the body must be application/json in UTF-8")
    if "content-encoding" in request.headers:
        raise ServiceError("unsupported_media_type", "the body must not be compressed")


async def _read_body(request: Request) -> bytes:
    too_large = ServiceError("too_large", f"a body is at most {MAX_BODY_BYTES} bytes")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise too_large
    return bytes(body)


def parse_json(body: bytes) -> object:
    """The JSON value of strict bytes; ServiceError (invalid) for everything RFC 8259 readers disagree on."""
    try:
        value: object = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_refuse_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except ServiceError:
        raise
    except RecursionError:
        raise ServiceError("invalid", f"the body must be at most {MAX_DEPTH} levels deep") from None
    except ValueError:  # not UTF-8, not JSON, or a number of thousands of digits
        raise ServiceError("invalid", "the body must be JSON in UTF-8") from None
    _refuse_depth(value)
    return value


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ServiceError("invalid", "the body names one field twice")
    return found


def _refuse_constant(name: str) -> object:
    raise ServiceError("invalid", "numbers must be finite; NaN and Infinity are no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ServiceError("invalid", "numbers must be finite")
    return number


def _refuse_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [node for node in level if isinstance(node, dict | list)]
        if not containers:
            return
        level = [
            inner for node in containers for inner in (node.values() if isinstance(node, dict) else node)
        ]
    raise ServiceError("invalid", f"the body must be at most {MAX_DEPTH} levels deep")
