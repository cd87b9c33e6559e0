"""The settings of look-ups: whom we ask over HTTP which network a number has, and what is done without an answer.

It must never know a request or a socket: it only says what an administrator wrote.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta, field

from chappe.runtime.settings_http_operators import HttpRequest, ReaderWords, Strings, Words
from chappe.runtime.settings_routing import FilePath, Pattern
from chappe.runtime.settings_table import SECRET, Seconds, Table

Url = Annotated[str, Meta(pattern=r"^https?://[!-~]+$", extra={"expected": "a URL http://… or https://…"})]


class Fallback(Enum):
    """What becomes of a message whose network nobody could tell in time."""

    PREFIX = "prefix"
    REFUSE = "refuse"


class Cache(Enum):
    """Where answers are kept."""

    DISK = "disk"
    MEMORY = "memory"


class LookupAnswer(Table, frozen=True, kw_only=True):
    """How the answer to a look-up is read."""

    statuses: Annotated[
        tuple[int, ...], Meta(extra={"expected": "a list of HTTP statuses"}, description="HTTP statuses of an answer.")
    ] = (200,)
    items: Annotated[
        ReaderWords | None, Meta(description="The list with an entry for each number; unset: the answer is about one.")
    ] = None
    number: Annotated[
        ReaderWords | None,
        Meta(description="The number that an entry is about; needed where one request asks several."),
    ] = None
    network: Annotated[ReaderWords, Meta(description="Its network: MCC and MNC, or a word of `words`.")] = (
        "json:network"
    )
    words: Annotated[
        Strings, Meta(description='What the API calls networks, and their MCC and MNC, as in { D001 = "24701" }.')
    ] = field(default_factory=dict)
    unknown: Annotated[
        Words,
        Meta(description="Codes of the whole answer, as in `http:404`, that say that nobody knows the number."),
    ] = ("http:404",)


class Lookup(Table, frozen=True, kw_only=True):
    """A look-up of numbers' networks over HTTP.  Only what must be asked waits, in the queue `route`.

    Without `url` nothing is asked.
    """

    url: Annotated[Url | None, Meta(description="The beginning of the URLs of the API.")] = None
    username: Annotated[str, Meta(description="Our name there.")] = ""
    password: Annotated[str, Meta(extra=SECRET, description="Our password, key or token there.")] = ""
    ca: Annotated[FilePath | None, Meta(description="https: a file of authorities (PEM) in place of the system's.")] = (
        None
    )
    numbers: Annotated[
        tuple[Pattern, ...],
        Meta(min_length=1, description="Which numbers are asked about: patterns, of which one must fit."),
    ] = ("*",)
    request: Annotated[
        HttpRequest,
        Meta(
            description="How it is asked. Templates may name `{to}` (the number), `{username}` and `{password}`; with "
            "`each` and `batch` one request asks about several numbers."
        ),
    ] = HttpRequest(method="GET", path="/{to}")
    answer: Annotated[LookupAnswer, Meta(description="How the answer is read.")] = LookupAnswer()
    concurrency: Annotated[int, Meta(ge=1, le=256, description="Requests at the same time, of each router node.")] = 8
    timeout_s: Annotated[Seconds, Meta(description="How long an answer is waited for.")] = 5.0
    retry_s: Annotated[
        Seconds, Meta(description="Pause before a number is asked about again when there was no answer.")
    ] = 1.0
    patience_s: Annotated[
        float, Meta(ge=0, description="How long a message waits for an answer before `fallback` decides.")
    ] = 30.0
    fallback: Annotated[
        Fallback,
        Meta(
            description="Then: `prefix` goes by what was said before, or by `[[networks]]`; `refuse` ends the message "
            "as `rejected`."
        ),
    ] = Fallback.PREFIX
    cache: Annotated[
        Cache,
        Meta(
            description="`disk` keeps answers in `data_dir/lookups.db`, over restarts and for all processes of the "
            "box; `memory` in each process."
        ),
    ] = Cache.DISK
    cache_s: Annotated[Seconds, Meta(description="How long an answer is taken for true.")] = 86_400.0
    unknown_cache_s: Annotated[
        Seconds, Meta(description="How long it is taken for true that nobody knows a number.")
    ] = 3_600.0
    cache_numbers: Annotated[
        int, Meta(ge=1, le=50_000_000, description="Numbers that are remembered at most; the oldest make room.")
    ] = 1_000_000
