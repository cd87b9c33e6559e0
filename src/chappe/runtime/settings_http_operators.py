"""The settings of operators over HTTP: what a profile tells of an API, and where one operator's is.

It must never read a template, nor know a request: it only says what an administrator wrote.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from chappe.runtime.settings_gateway import Address, Tls
from chappe.runtime.settings_table import SECRET, Table
from chappe.wire.webapi.proofs import Proof
from chappe.wire.webapi.requests import Auth

Strings = Annotated[dict[str, str], Meta(extra={"expected": 'a table of strings, as in { to = "{to}" }'})]
Tree = Annotated[dict[str, Any], Meta(extra={"expected": "a table, with tables and lists in it as the API wants them"})]
Words = Annotated[tuple[str, ...], Meta(extra={"expected": "a list of strings"})]
UrlPath = Annotated[str, Meta(pattern=r"^/[!-~]*$", extra={"expected": "a path that begins with /"})]
Method = Annotated[
    str, Meta(pattern=r"^(GET|POST|PUT|PATCH|DELETE)$", extra={"expected": '"GET", "POST", "PUT", "PATCH" or "DELETE"'})
]
ReaderWords = Annotated[
    str,
    Meta(
        min_length=1,
        extra={"expected": "where it is: body, status, json:PATH, xml:PATH, form:NAME, query:NAME or header:NAME"},
    ),
]


class HttpRequest(Table, frozen=True, kw_only=True):
    """One request.  Its strings are templates: `{to}`, `{text}` and so on stand for values, and a field all of whose
    values are empty is left out.
    """

    method: Annotated[Method, Meta(description="The method.")] = "POST"
    path: Annotated[UrlPath, Meta(description="The path behind the operator's `url`; values in it are escaped.")] = "/"
    auth: Annotated[
        Auth,
        Meta(
            description="Who we are: `basic` (username and password), `bearer` (password), or `none`: in other fields."
        ),
    ] = Auth.NONE
    query: Annotated[Strings, Meta(description="Parameters of the URL.")] = field(default_factory=dict)
    headers: Annotated[Strings, Meta(description="Headers.")] = field(default_factory=dict)
    form: Annotated[Strings | None, Meta(description="A body that is a form.")] = None
    json: Annotated[
        Tree | None,
        Meta(description='A body that is JSON; `"{name:number}"` and `"{name:boolean}"` are no strings there.'),
    ] = None
    xml: Annotated[
        Tree | None,
        Meta(description="A body that is XML, from its one outermost element on; `@name` is an attribute."),
    ] = None
    each: Annotated[Tree | None, Meta(description="JSON of one message, where one request carries several.")] = None
    each_at: Annotated[str, Meta(description="The key of the list in `json` that these lie in.")] = "messages"
    batch: Annotated[int, Meta(ge=1, le=1_000, description="With `each`: messages of one request at most.")] = 1


class HttpAnswer(Table, frozen=True, kw_only=True):
    """How an answer is read.  A code is what `error` reads, or `http:STATUS`, as in `http:503`; one that stands nowhere
    ends the message, but for statuses outside 4xx: these, like answers that nobody can read, leave it unknown.
    """

    statuses: Annotated[
        tuple[int, ...], Meta(extra={"expected": "a list of HTTP statuses"}, description="HTTP statuses of a yes.")
    ] = (200, 201, 202)
    items: Annotated[
        ReaderWords | None, Meta(description="The list with an entry for each message; unset: the answer is about one.")
    ] = None
    id: Annotated[
        ReaderWords | None,
        Meta(description="The operator's name for the message; unset: it knows it by `{reference}`."),
    ] = None
    error: Annotated[ReaderWords | None, Meta(description="The code of a refusal.")] = None
    accepted: Annotated[Words, Meta(description="Codes that are a yes; besides them, no code at all is one.")] = ()
    throttled: Annotated[Words, Meta(description="Codes that ask for a slower pace; the queue waits in order.")] = (
        "http:429",
    )
    temporary: Annotated[Words, Meta(description="Codes after which one message is tried again by `retry_s`.")] = (
        "http:503",
    )
    unknown: Annotated[
        Words, Meta(description="Codes that leave open whether the message was taken: `unknown_outcome` decides.")
    ] = ("http:408", "http:500", "http:502", "http:504")
    denied: Annotated[
        Words,
        Meta(description="Codes that say that we are not let in: the link goes down, and no message is to blame."),
    ] = ("http:401", "http:403", "http:407")
    absent: Annotated[Words, Meta(description="Of an answer to a question: codes of a message that is not there.")] = (
        "http:404",
    )


class HttpReceipt(Table, frozen=True, kw_only=True):
    """How receipts come: calls of the operator to the gateway."""

    path: Annotated[UrlPath, Meta(description="Where they come in.")] = "/receipts"
    items: Annotated[ReaderWords | None, Meta(description="The list of receipts in one call; unset: one.")] = None
    reference: Annotated[ReaderWords, Meta(description="Which message is meant: its id, or `{reference}`.")]
    handset: Annotated[ReaderWords, Meta(description="Its handset.")]
    state: Annotated[ReaderWords, Meta(description="The word for what became of it.")]
    error: Annotated[ReaderWords | None, Meta(description="The code that says why.")] = None
    done: Annotated[
        ReaderWords | None,
        Meta(
            description="When it happened; counts where the profile's `time_zone` is set, a zone of its own beats that."
        ),
    ] = None
    delivered: Annotated[Words, Meta(description="Words for delivered.")] = ()
    failed: Annotated[Words, Meta(description="Words for failed.")] = ()
    expired: Annotated[Words, Meta(description="Words for expired.")] = ()
    rejected: Annotated[Words, Meta(description="Words for rejected.")] = ()
    buffered: Annotated[
        Words, Meta(description="Words for under way; a word that stands nowhere is noted, and ends nothing.")
    ] = ()
    status: Annotated[int, Meta(ge=200, le=299, description="The HTTP status that they are answered with.")] = 200
    body: Annotated[str, Meta(description="And the body.")] = ""


class HttpInbound(Table, frozen=True, kw_only=True):
    """How messages from handsets come: calls of the operator to the gateway."""

    path: Annotated[UrlPath, Meta(description="Where they come in.")] = "/inbound"
    items: Annotated[ReaderWords | None, Meta(description="The list of messages in one call; unset: one.")] = None
    source: Annotated[ReaderWords, Meta(description="The handset.")]
    to: Annotated[ReaderWords, Meta(description="Our number.")]
    text: Annotated[ReaderWords | None, Meta(description="The text.")] = None
    hex: Annotated[ReaderWords | None, Meta(description="Octets in hexadecimal, of messages that are no text.")] = None
    udh: Annotated[ReaderWords | None, Meta(description="Their user data header in hexadecimal.")] = None
    id: Annotated[
        ReaderWords | None,
        Meta(description="The operator's name for it: a copy with the same one is suppressed within `redelivery_s`."),
    ] = None
    status: Annotated[int, Meta(ge=200, le=299, description="The HTTP status that they are answered with.")] = 200
    body: Annotated[str, Meta(description="And the body.")] = ""


class HttpCallers(Table, frozen=True, kw_only=True):
    """How the operator proves that a call is its own; anybody else gets 401, and nothing is stored."""

    proof: Annotated[
        Proof,
        Meta(
            description="`token`: the secret is in the URL that the operator calls; `basic`: name and secret; "
            "`bearer`: the secret as a token; `hmac`: a signature made with the secret."
        ),
    ] = Proof.TOKEN
    signature: Annotated[ReaderWords | None, Meta(description="hmac: where the signature is.")] = None
    algorithm: Annotated[
        str,
        Meta(
            pattern=r"^sha(1|256|512)$",
            extra={"expected": '"sha1", "sha256" or "sha512"'},
            description="hmac: how it is made.",
        ),
    ] = "sha256"
    signed: Annotated[
        str,
        Meta(
            description="hmac: over what: a template of `{method}`, `{url}`, `{body}` and `{fields}` (those of a form)."
        ),
    ] = "{body}"


class HttpApi(Table, frozen=True, kw_only=True):
    """An operator's HTTP API: requests, answers, and the calls that it makes to the gateway."""

    values: Annotated[
        Strings,
        Meta(description="Names of this profile's own for templates, with what they are unless an operator says."),
    ] = field(default_factory=dict)
    codings: Annotated[Strings, Meta(description="What `{coding}` is for `gsm7`, `ucs2` and `octets`.")] = field(
        default_factory=dict
    )
    errors: Annotated[
        Strings,
        Meta(description="Error codes of the operator, and the three characters that stand for them in receipts."),
    ] = field(default_factory=dict)
    submit: Annotated[HttpRequest, Meta(description="How a message is sent.")]
    answer: Annotated[HttpAnswer, Meta(description="What the answer means.")] = HttpAnswer()
    query: Annotated[
        HttpRequest | None, Meta(description="How the operator is asked what became of `{reference}`.")
    ] = None
    found: Annotated[HttpAnswer, Meta(description="What the answer to that means.")] = HttpAnswer()
    receipt: Annotated[HttpReceipt | None, Meta(description="How receipts come; unset: there are none.")] = None
    inbound: Annotated[HttpInbound | None, Meta(description="How messages from handsets come.")] = None
    callers: Annotated[HttpCallers, Meta(description="How calls of the operator are known.")] = HttpCallers()


class OperatorHttp(Table, frozen=True, kw_only=True):
    """Where an operator over HTTP is, and where it calls back.  What it understands is told by its profile's `http`."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[!-~]+$",
            extra={"expected": "a URL http://… or https://…"},
            description="The beginning of the URLs of its API.",
        ),
    ]
    username: Annotated[str, Meta(description="Our name there.")] = ""
    password: Annotated[str, Meta(extra=SECRET, description="Our password, key or token there.")] = ""
    values: Annotated[Strings, Meta(description="Values that its profile names.")] = field(default_factory=dict)
    listen: Annotated[
        Address | None, Meta(description="Where the operator's calls come in: receipts and messages from handsets.")
    ] = None
    listen_tls: Annotated[Tls | None, Meta(description="TLS there; its `address` is not used.")] = None
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[!-~]+)?$",
            extra={"expected": "a URL http://… or https://…"},
            description="How the operator reaches `listen`, perhaps through a proxy; unset: http:// and `listen`.",
        ),
    ] = ""
    secret: Annotated[
        str, Meta(extra=SECRET, description="What the operator's calls prove themselves by; needed with `listen`.")
    ] = ""
    caller: Annotated[str, Meta(description="The name that comes with the secret when `proof` is `basic`.")] = ""
