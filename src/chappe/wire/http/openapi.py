"""The OpenAPI 3.1 document of the client API, made of the shapes that the code itself reads and writes.

This file must never know how a request is served.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from chappe.wire.http.callbacks import StatusData
from chappe.wire.http.messages import InboundView
from chappe.wire.http.operations import OPERATIONS, Many, Operation
from chappe.wire.http.problems import CONTENT_TYPE, BulkProblem, Code, Problem

#: Shapes are named in the document as clients speak of them.
_NAMES: Final[Mapping[str, str]] = {
    "MessageView": "Message",
    "PartView": "Part",
    "FailureView": "Failure",
    "InboundView": "InboundMessage",
    "StatusData": "StatusCallback",
    "FailedView": "FailedCallback",
}
_REF: Final = "#/components/schemas/{name}"
_SECURITY: Final[list[dict[str, list[str]]]] = [{"token": []}]
_RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds after which to ask again.", "schema": {"type": "integer"}}
}
_HEADERS_BY_STATUS: Final[Mapping[int, Any]] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
_WORDS: Final = """Send SMS and follow them. Every request bears a client's token: `Authorization: Bearer TOKEN`.

Bodies are JSON in UTF-8, `Content-Type: application/json`, at most 16 MiB. A field or parameter that is not listed is
an error, never ignored; `null` is the same as leaving it out. Times are RFC 3339 in UTC.

A client's test token sends to nobody: what becomes of a message is decided by its number."""
_KEY_WORDS: Final = (
    "Made up by the client for this request alone. Asked again with the same key and body, octet by octet, the request "
    "gets the same answer, and nothing is sent twice. Known for 25 hours."
)
_CALLBACK_HEADERS: Final = {
    "webhook-id": "The name of the callback: the same however often it is posted.",
    "webhook-timestamp": "When it was posted, Unix seconds.",
    "webhook-signature": "`v1,…` over id, timestamp and body (Standard Webhooks); several while a secret changes.",
}


def document(version: str) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Chappe", "version": version, "description": _WORDS},
        "servers": [{"url": "/"}],
        "paths": _paths(OPERATIONS),
        "webhooks": {
            "message.status": _webhook("What became of a message", StatusData),
            "message.inbound": _webhook("A handset wrote", InboundView),
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas() -> dict[str, Any]:
    kinds: list[type] = [Problem, BulkProblem, StatusData, InboundView]
    for operation in OPERATIONS:
        kinds += [kind for kind in (*operation.bodies, *operation.answers) if isinstance(kind, type)]
    _, components = msgspec.json.schema_components(dict.fromkeys(kinds), ref_template=_REF)
    return {_named(name): _renamed(schema) for name, schema in sorted(components.items(), key=lambda each: each[0])}


def _named(name: str) -> str:
    return _NAMES.get(name, name)


def _renamed(schema: Any) -> Any:
    """The same schema under the names that clients know, without what only tells of Python."""
    if isinstance(schema, dict):
        return {
            key: _REF.format(name=_named(value.rpartition("/")[2])) if key == "$ref" else _renamed(value)
            for key, value in schema.items()
            if key != "title"
        }
    return [_renamed(each) for each in schema] if isinstance(schema, list) else schema


def _paths(operations: Iterable[Operation]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.title,
        "description": operation.words,
        "security": _SECURITY,
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation),
    }
    if operation.bodies:
        content: dict[str, Any] = {"schema": _one_of(operation.bodies)}
        content["example"] = operation.example.body
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    return told


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    if "{id}" in operation.path:
        yield {
            "name": "id",
            "in": "path",
            "required": True,
            "description": operation.id_words,
            "schema": {"type": "string", "minLength": 1, "maxLength": 40, "pattern": "^[A-Za-z0-9_-]+$"},
        }
    if operation.has_key:
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
        yield {"name": "Idempotency-Key", "in": "header", "description": _KEY_WORDS, "schema": schema}
    if operation.query is not None:
        _, components = msgspec.json.schema_components([operation.query], ref_template=_REF)
        for name, schema in components[operation.query.__name__]["properties"].items():
            yield {
                "name": name,
                "in": "query",
                "description": schema.pop("description"),
                "schema": _without_null(schema),
            }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that is left out is not null."""
    if schema.get("default", 0) is None:
        del schema["default"]
    kinds = [each for each in schema.pop("anyOf", []) if each.get("type") != "null"]
    return schema | kinds[0] if kinds else schema


def _responses(operation: Operation) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": operation.answer_words,
        "content": {
            "application/json": {"schema": _one_of(operation.answers), "example": operation.example.answer},
        },
    }
    if operation.has_key:
        replayed = {"description": "`true`: the answer of an earlier request.", "schema": {"type": "string"}}
        answer["headers"] = {"Idempotency-Replayed": replayed}
    if operation.leads_to:
        answer["links"] = {
            name: {"operationId": name, "parameters": {"id": f"$response.body#{place}"}}
            for name, place in operation.leads_to.items()
        }
    by_status: dict[int, list[Code]] = {}
    for code in operation.refusals:
        by_status.setdefault(code.http_status, []).append(code)
    refusals = {str(status): _refusal(status, codes) for status, codes in sorted(by_status.items())}
    return {str(operation.status): answer, **refusals}


def _refusal(status: int, codes: Sequence[Code]) -> dict[str, Any]:
    told = "; ".join(f"`{code.word}`: {code.title}" for code in codes)
    schema = {"$ref": _REF.format(name="Problem")}
    if Code.NONE_ACCEPTED in codes:
        schema = {"anyOf": [{"$ref": _REF.format(name="BulkProblem")}, schema]}  # type: ignore[dict-item]
    found: dict[str, Any] = {"description": told, "content": {CONTENT_TYPE: {"schema": schema}}}
    if status in _HEADERS_BY_STATUS:
        found["headers"] = _HEADERS_BY_STATUS[status]
    return found


def _one_of(kinds: Sequence[type | Many]) -> dict[str, Any]:
    schemas = [_many(kind) if isinstance(kind, Many) else _ref(kind.__name__) for kind in kinds]
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _many(kind: Many) -> dict[str, Any]:
    items = [_ref(name) for name in kind.of]
    messages: dict[str, Any] = {"type": "array", "items": items[0] if len(items) == 1 else {"anyOf": items}}
    if kind.most:
        messages |= {"minItems": 1, "maxItems": kind.most}
    return {
        "type": "object",
        "properties": {"messages": messages},
        "required": ["messages"],
        "additionalProperties": False,
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REF.format(name=_named(name))}


def _webhook(title: str, kind: type) -> dict[str, Any]:
    body = {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "id": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": _ref(kind.__name__),
        },
        "required": ["type", "id", "timestamp", "data"],
    }
    headers = [
        {"name": name, "in": "header", "required": name != "webhook-signature", "description": words}
        | {"schema": {"type": "string"}}
        for name, words in _CALLBACK_HEADERS.items()
    ]
    return {
        "post": {
            "summary": title,
            "description": "Posted to the client's own URL: docs/callbacks.md.",
            "parameters": headers,
            "requestBody": {"content": {"application/json": {"schema": body}}},
            "responses": {"2XX": {"description": "It was taken; anything else is tried again for days."}},
        }
    }
