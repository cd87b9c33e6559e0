"""The page that shows the client API to people, made of its OpenAPI document: HTML, no script, no other host.

What the document has no place for (statuses, problems, numbers for tests) is shown from where it is declared.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, Final

from chappe.clients.http_markup import badge, coloured, path_of, words
from chappe.model.lifecycle import FINAL
from chappe.rules.failure import failure_of
from chappe.rules.trial import REFUSED_AT_THE_DOOR, TRIALS, Trial
from chappe.wire.http.operations import OPERATIONS, STATUSES, Example, Operation
from chappe.wire.http.problems import Code

Document = Mapping[str, Any]
Schema = Mapping[str, Any]

_STYLE: Final = (files("chappe.clients") / "page.css").read_text("utf-8")
#: Nothing is loaded, nothing runs, nothing is sent; the one style is known by its digest.
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MARK: Final = (
    '<svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true"><path d="M16 30V9M11 30h10" class="mast"/>'
    '<path d="M6 12 26 6M6 12l-3 6M26 6l3-4" class="arm"/></svg>'
)


def page_of(document: Document) -> bytes:
    """The whole page, UTF-8."""
    info = document["info"]
    header = (
        f'<header><a class="brand" href="#top">{_MARK}<span>Chappe</span></a>'
        f'<span class="version">API {escape(info["version"])}</span>'
        '<a class="raw" href="openapi.json">openapi.json</a></header>'
    )
    body = "".join(
        (
            '<a class="skip" href="#main">Skip to the text</a>',
            header,
            f'<div class="frame">{_navigation(document)}<main id="main">',
            _introduction(info["description"]),
            *(_operation(document, operation) for operation in OPERATIONS),
            _webhooks(document),
            _statuses(),
            _trials(),
            _shapes(document),
            _problems(),
            "</main></div>",
        )
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>Chappe API</title><style>{_STYLE}</style>'
    )
    return f'<!doctype html><html lang="en" id="top"><head>{head}</head><body>{body}</body></html>'.encode()


# -- sections ---------------------------------------------------------------------------------------------------------


def _navigation(document: Document) -> str:
    operations = "".join(
        f'<li><a href="#{each.name}">{badge(each.method)}<span>{escape(each.title)}</span></a></li>'
        for each in OPERATIONS
    )
    hooks = "".join(
        f'<li><a href="#{escape(name)}"><span>{escape(hook["post"]["summary"])}</span></a></li>'
        for name, hook in document["webhooks"].items()
    )
    return (
        '<nav aria-label="Contents"><details open><summary>Contents</summary>'
        f"<h2>Requests</h2><ul>{operations}</ul><h2>Callbacks</h2><ul>{hooks}</ul>"
        '<h2>Reference</h2><ul><li><a href="#statuses"><span>Statuses</span></a></li>'
        '<li><a href="#trials"><span>Numbers for tests</span></a></li>'
        '<li><a href="#shapes"><span>Shapes</span></a></li>'
        '<li><a href="#problems"><span>Problems</span></a></li></ul></details></nav>'
    )


def _introduction(told: str) -> str:
    paragraphs = "".join(f"<p>{words(each)}</p>" for each in told.split("\n\n"))
    return f'<section class="lead"><h1>The HTTP API</h1>{paragraphs}</section>'


def _operation(document: Document, operation: Operation) -> str:
    told = document["paths"][operation.path][operation.method.lower()]
    tables = [_parameters(told["parameters"])]
    if "requestBody" in told:
        schema = told["requestBody"]["content"]["application/json"]["schema"]
        first = schema.get("oneOf", [schema])[0]
        tables.append(f"<h3>Body</h3>{_properties(document, _resolved(document, first))}")
    tables.append(_answers(told["responses"]))
    return (
        f'<section class="operation" id="{operation.name}"><div class="words"><h2>{escape(operation.title)}</h2>'
        f'<p class="route">{badge(operation.method)}<code>{path_of(operation.path)}</code></p>'
        f"<p>{words(operation.words)}</p>{''.join(tables)}</div>"
        f'<div class="sample">{_sample(operation)}</div></section>'
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        _row(each["name"], _type(each["schema"]), each["description"], is_required=each.get("required", False))
        for each in parameters
    )
    return f'<h3>Parameters</h3><dl class="fields">{rows}</dl>'


def _answers(responses: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row"><span class="status s{status[0]}">{status}</span></th>'
        f"<td>{words(each['description'])}</td></tr>"
        for status, each in responses.items()
    )
    return f"<h3>Answers</h3><table>{rows}</table>"


def _sample(operation: Operation) -> str:
    example = operation.example
    return (
        f"<figure><figcaption>Request</figcaption><pre><code>{escape(curl_of(operation.method, example))}</code></pre>"
        f'</figure><figure><figcaption>Answer <span class="status s2">{example.status}</span></figcaption>'
        f"<pre><code>{coloured(example.answer)}</code></pre></figure>"
    )


def curl_of(method: str, example: Example, at: str = "http://127.0.0.1:8080", token: str = "TOKEN") -> str:
    """The command that asks it."""
    target = example.target.replace("{id}", "2816341877214478336")
    is_plain = method == ("GET" if example.body is None else "POST")
    lines = [f"curl '{at}{target}'" if is_plain else f"curl -X {method} '{at}{target}'"]
    lines.append(f"-H 'Authorization: Bearer {token}'")
    lines += [f"-H '{name}: {value}'" for name, value in example.headers.items()]
    if example.body is not None:
        lines.append("-H 'Content-Type: application/json'")
        body = json.dumps(example.body, indent=2, ensure_ascii=False).replace("\n", "\n  ")
        lines.append(f"-d '{body}'")
    return " \\\n  ".join(lines)


def _webhooks(document: Document) -> str:
    sections = []
    for name, hook in document["webhooks"].items():
        post = hook["post"]
        data = post["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"]
        sections.append(
            f'<section class="operation" id="{escape(name)}"><div class="words"><h2>{escape(post["summary"])}</h2>'
            f'<p class="route"><span class="badge hook">CALL</span><code>{escape(name)}</code></p>'
            f"<p>{words(post['description'])}</p>{_parameters(post['parameters'])}"
            f"<h3>data</h3>{_properties(document, _resolved(document, data))}</div></section>"
        )
    return "".join(sections)


def _statuses() -> str:
    rows = "".join(
        f'<tr><th scope="row"><code>{status.word}</code></th><td>{"final" if status in FINAL else ""}</td>'
        f"<td>{words(meaning)}</td></tr>"
        for status, meaning in STATUSES.items()
    )
    return f'<section id="statuses"><h2>Statuses</h2><table>{rows}</table></section>'


def _trials() -> str:
    rows = "".join(
        f'<tr><th scope="row"><code>+{number}</code></th><td>{words(_outcome(trial))}</td></tr>'
        for number, trial in TRIALS.items()
    )
    rows += "".join(
        f'<tr><th scope="row"><code>+{number}</code></th><td>{words(f"refused: `{word}`")}</td></tr>'
        for number, word in REFUSED_AT_THE_DOOR.items()
    )
    return (
        '<section id="trials"><h2>Numbers for tests</h2><p>With a client\'s test token nothing reaches an operator: '
        f"the number decides. Every other number is delivered.</p><table>{rows}</table></section>"
    )


def _outcome(trial: Trial) -> str:
    failure = failure_of(trial.status, trial.error, was_sent=not trial.is_refused)
    told = f"`{trial.status.word}`" + (f": `{failure.code}`" if failure else "")
    return f"{told}, after {trial.delay_s:g} seconds" if trial.delay_s else told


def _shapes(document: Document) -> str:
    shapes = "".join(
        f'<details class="shape" id="shape-{name}"><summary><code>{name}</code> '
        f"<span>{words(schema.get('description', ''))}</span></summary>{_properties(document, schema)}</details>"
        for name, schema in document["components"]["schemas"].items()
    )
    return f'<section id="shapes"><h2>Shapes</h2>{shapes}</section>'


def _problems() -> str:
    rows = "".join(
        f'<tr><th scope="row"><code>{code.word}</code></th><td><span class="status s{str(code.http_status)[0]}">'
        f"{code.http_status}</span></td><td>{escape(code.title)}</td></tr>"
        for code in Code
    )
    return (
        '<section id="problems"><h2>Problems</h2><p>Every refusal is <code>application/problem+json</code> (RFC 9457): '
        '<a href="#shape-Problem"><code>Problem</code></a>. Programs compare its <code>code</code>.</p>'
        f"<table><tr><th>code</th><th>status</th><th>what it means</th></tr>{rows}</table></section>"
    )


# -- fields -----------------------------------------------------------------------------------------------------------


def _properties(document: Document, schema: Schema) -> str:
    # What we tell is always whole; only what is asked of clients may be left out.
    required = set(schema.get("required", ())) if schema.get("additionalProperties") is False else ()
    rows = "".join(
        _row(name, _type(each), _described(document, each), is_required=name in required)
        for name, each in schema.get("properties", {}).items()
    )
    return f'<dl class="fields">{rows}</dl>'


def _row(name: str, kind: str, meaning: str, *, is_required: bool) -> str:
    mark = '<span class="required">required</span>' if is_required else ""
    return f'<dt><code>{escape(name)}</code><span class="type">{kind}</span>{mark}</dt><dd>{words(meaning)}</dd>'


def _described(document: Document, schema: Schema) -> str:
    told = str(schema.get("description", ""))
    named = next((each["$ref"] for each in _kinds(schema) if "$ref" in each), None)
    if not told and named is not None:
        told = str(_resolved(document, {"$ref": named}).get("description", ""))
    for each in _kinds(schema):
        if "enum" in each and len(each["enum"]) <= 6:
            told += " One of " + ", ".join(f"`{word}`" for word in each["enum"]) + "."
    return told.strip()


def _kinds(schema: Schema) -> Iterator[Schema]:
    """The schema itself, or those of which one may hold, and the items of a list."""
    for each in schema.get("anyOf", (schema,)):
        yield each
        if "items" in each:
            yield each["items"]


def _type(schema: Schema) -> str:
    """A type as people write it: `string, 1–255 characters, or null`."""
    kinds = [each for each in schema.get("anyOf", (schema,)) if each.get("type") != "null"]
    told = " or ".join(_one_type(each) for each in kinds)
    is_null = any(each.get("type") == "null" for each in schema.get("anyOf", ()))
    return f"{told} or null" if is_null and schema.get("default", 0) is not None else told


def _one_type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#shape-{name}">{name}</a>'
    kind = "string" if "enum" in schema else str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("format") == "date-time":
        return "time"
    low, high = schema.get("minimum", schema.get("minLength")), schema.get("maximum", schema.get("maxLength"))
    if high is None:
        return kind
    return f"{kind}, {low or 0}–{high:,}" + (" characters" if kind == "string" else "")


def _resolved(document: Document, schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found
