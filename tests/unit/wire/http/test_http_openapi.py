"""The OpenAPI document against the routes, the shapes and the problems: it tells of all, and of nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from chappe.clients.http_node import METHODS
from chappe.wire.http.openapi import document
from chappe.wire.http.operations import OPERATIONS, Operation
from chappe.wire.http.problems import Code

DOCUMENT = document("1.2.3")


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from [each] if key == "$ref" else refs(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs(each)


def schema_of(found: dict[str, Any]) -> dict[str, Any]:
    """A schema of the document that stands alone."""
    return {**found, "components": DOCUMENT["components"]}


def test_every_route_for_clients_is_an_operation_and_no_other() -> None:
    told = {(each.method, each.path) for each in OPERATIONS}

    assert told == {(method, path) for path in METHODS if path.startswith("/v1/") for method in METHODS[path]}


def test_every_reference_leads_somewhere_and_every_shape_is_used() -> None:
    shapes = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}

    assert set(refs(DOCUMENT)) == shapes


def test_every_field_of_every_shape_says_what_it_is() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"], name
        for field, told in schema["properties"].items():
            named = list(refs(told))
            assert "description" in told or named or told.get("format") or told.get("enum"), f"{name}.{field}"


def test_every_problem_that_a_client_may_hear_belongs_to_an_operation() -> None:
    elsewhere = {Code.METHOD_NOT_ALLOWED}

    assert {code for each in OPERATIONS for code in each.refusals} == set(Code) - elsewhere


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_every_example_is_what_its_schema_says(operation: Operation) -> None:
    told = DOCUMENT["paths"][operation.path][operation.method.lower()]
    answer = told["responses"][str(operation.status)]["content"]["application/json"]["schema"]

    assert jsonschema_rs.is_valid(schema_of(answer), operation.example.answer)
    if operation.bodies:
        body = told["requestBody"]["content"]["application/json"]["schema"]
        assert jsonschema_rs.is_valid(schema_of(body), operation.example.body)


def test_names_of_operations_differ_and_the_document_is_json() -> None:
    names = [each.name for each in OPERATIONS]

    assert len(names) == len(set(names))
    assert json.loads(json.dumps(DOCUMENT))["info"]["version"] == "1.2.3"
