"""The settings of routing: routes, the networks of numbers, what operators take.

It must never know what is behind a client's or an operator's name.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta, field

from chappe.runtime.settings_table import Name, Table


class Direction(Enum):
    """Which way a route's messages go."""

    MT = "mt"
    MO = "mo"


class Via(Enum):
    """The door by which an MO reaches its client."""

    SMPP = "smpp"
    UCP = "ucp"
    CALLBACK = "callback"


class Choice(Enum):
    """Which operator of a route has the first turn."""

    ORDER = "order"
    WEIGHT = "weight"
    PRICE = "price"


class BlockAction(Enum):
    """What an operator hears of a blocked message from a handset."""

    DROP = "drop"
    REFUSE = "refuse"


class SenderAction(Enum):
    """What a sender rule does."""

    ALLOW = "allow"
    REPLACE = "replace"
    REFUSE = "refuse"


class SenderKind(Enum):
    """What a sender is, going by its form."""

    ALPHANUMERIC = "alphanumeric"
    SHORT_CODE = "shortcode"
    NUMBER = "number"
    NONE = "none"


class Day(Enum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


Word = Annotated[str, Meta(pattern=r"^\S+$", extra={"expected": "one word"})]
Pattern = Annotated[
    str,
    Meta(
        pattern=r"^\S+$",
        extra={"expected": 'a number, a pattern as in "44*" or "*", or a range as in "447700900000-447700900999"'},
    ),
]
SourcePattern = Annotated[
    str, Meta(pattern=r"^\S+$", extra={"expected": 'a number, a name or a pattern, as in "44*" or "*"'})
]
Network = Annotated[
    str, Meta(pattern=r"^[0-9]{3}([0-9]{2,3})?$", extra={"expected": 'an MCC, or MCC and MNC, as in "247" or "24701"'})
]
TextPattern = Annotated[
    str, Meta(min_length=1, max_length=200, extra={"expected": 'a text or a pattern over it, as in "*code*"'})
]
Clock = Annotated[
    str,
    Meta(
        pattern=r"^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$",
        extra={"expected": 'from and to, as in "08:00-18:00"'},
    ),
]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]

Sender = Annotated[
    str,
    Meta(
        pattern=r"^(\+?[0-9]{3,15}|(?=.*[^0-9+])[ -~]{1,11})$",
        extra={"expected": "a number of 3 to 15 digits, or a name of at most 11 characters"},
    ),
]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?$",
        extra={"expected": 'a moment as in "2026-12-31" or "2026-12-31T08:00:00Z", UTC unless it says otherwise'},
    ),
]

FilePath = Annotated[str, Meta(min_length=1)]

_NETWORKS = (
    "MCC, or MCC and MNC, of the handset's network: one of these. Needs `[[networks]]`, `[portability]` or `[lookup]`."
)
_TO = "Destinations: a number, a pattern such as `44*`, or a range such as `447700900000-447700900999`."


class Route(Table, frozen=True, kw_only=True):
    """One route.  The first route that matches a message decides; a message that none matches is refused."""

    name: Annotated[Name | None, Meta(description="What events and `chappe route explain` call it.")] = None
    direction: Annotated[Direction, Meta(description="`mt` (to handsets) or `mo` (from handsets).")]
    to: Annotated[Pattern, Meta(description=_TO)] = "*"
    source: Annotated[SourcePattern, Meta(description="Sources it takes: a number, or a pattern.")] = field(
        default="*", name="from"
    )
    keyword: Annotated[Word | None, Meta(description="mo only: the first word of the text, in any case.")] = None
    client: Annotated[
        str | None, Meta(description="mt: only messages of this client. mo: the client that receives them.")
    ] = None
    operators: Annotated[
        tuple[str, ...], Meta(description="mt: the operators to try, in this order. mo: only what these bring.")
    ] = ()
    via: Annotated[
        Via | None,
        Meta(
            description="mo only: `smpp`, `ucp` or `callback`; unset takes SMPP or UCP if the client has that door, "
            "else callback."
        ),
    ] = None
    networks: Annotated[tuple[Network, ...], Meta(description=_NETWORKS)] = ()
    text: Annotated[
        TextPattern | None,
        Meta(description="A pattern over the whole text, in any case: `*code*` is a text with `code` in it."),
    ] = None
    tags: Annotated[tuple[Tag, ...], Meta(description="mt only: one of these tags, as HTTP clients set them.")] = ()
    hours: Annotated[
        Clock | None, Meta(description="Only at these times of day; `22:00-06:00` goes over midnight.")
    ] = None
    days: Annotated[
        tuple[Day, ...], Meta(description="Only on these days: `mon` to `sun`. What goes over midnight began on one.")
    ] = ()
    time_zone: Annotated[
        str, Meta(min_length=1, description="The time zone of `hours` and `days`, as in `Europe/Riga`.")
    ] = "UTC"
    choice: Annotated[
        Choice,
        Meta(
            description="mt only: which operator has the first turn: `order` (the first written), `weight` (by "
            "`weights`; a handset keeps to its operator), `price` (the cheapest by `[[prices]]`). One that has no "
            "link has its turn after the others."
        ),
    ] = Choice.ORDER
    weights: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=10_000)], ...],
        Meta(description='With `choice = "weight"`: the share of each operator, in their order.'),
    ] = ()


class NetworkRange(Table, frozen=True, kw_only=True):
    """The numbers of one network, so that routes can name it: of several prefixes that fit the longest counts."""

    network: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{5,6}$",
            extra={"expected": 'MCC and MNC, as in "24701"'},
            description="MCC and MNC of the network.",
        ),
    ]
    prefixes: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^\+?[1-9][0-9]{0,14}$", extra={"expected": 'digits as in "37120"'})], ...],
        Meta(min_length=1, description="What its numbers begin with."),
    ]


class OperatorPrice(Table, frozen=True, kw_only=True):
    """What an operator takes for a part; of its prices the first that fits counts."""

    operator: Annotated[str, Meta(description="The operator.")]
    to: Annotated[Pattern, Meta(description=_TO)] = "*"
    networks: Annotated[tuple[Network, ...], Meta(description=_NETWORKS)] = ()
    amount: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$",
            extra={"expected": 'an amount as in "0.021"'},
            description="The price of one part; all prices are of one currency.",
        ),
    ]


class Tariff(Table, frozen=True, kw_only=True):
    """What a client with credit in money pays for a part; the first tariff that fits counts."""

    client: Annotated[str | None, Meta(description="Only messages of this client.")] = None
    to: Annotated[Pattern, Meta(description=_TO)] = "*"
    networks: Annotated[tuple[Network, ...], Meta(description=_NETWORKS)] = ()
    amount: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$",
            extra={"expected": 'an amount as in "0.045", with at most 6 decimals'},
            description="The price of one part, in the client's currency.",
        ),
    ]


class SenderRule(Table, frozen=True, kw_only=True):
    """What becomes of a sender.  The first rule that matches a message decides; what none matches is allowed."""

    client: Annotated[str | None, Meta(description="Only messages of this client.")] = None
    to: Annotated[Pattern, Meta(description=_TO)] = "*"
    networks: Annotated[tuple[Network, ...], Meta(description=_NETWORKS)] = ()
    source: Annotated[SourcePattern, Meta(description="Senders it is about: a number, a name, or a pattern.")] = field(
        default="*", name="from"
    )
    kinds: Annotated[
        tuple[SenderKind, ...],
        Meta(
            description="Only senders of these kinds: `alphanumeric`, `shortcode` (fewer than 7 digits), `number`, "
            "`none` (the message names no sender)."
        ),
    ] = ()
    action: Annotated[SenderAction, Meta(description="`allow`, `replace` (by `sender`), or `refuse` (with `reason`).")]
    sender: Annotated[Sender | None, Meta(description="With `replace`: the sender that handsets see instead.")] = None
    reason: Annotated[
        str, Meta(max_length=160, description="With `refuse`: what the client and the event are told.")
    ] = ""


class BlockRule(Table, frozen=True, kw_only=True):
    """What is not taken: from clients, or from handsets.  Everything that it names must fit."""

    direction: Annotated[Direction, Meta(description="`mt`: messages of clients; `mo`: messages from handsets.")] = (
        Direction.MT
    )
    action: Annotated[
        BlockAction,
        Meta(
            description="mo: `drop` tells the operator that it was taken, `refuse` that it will never be. "
            "Neither reaches a client; an event has it."
        ),
    ] = BlockAction.DROP
    client: Annotated[str | None, Meta(description="Only messages of this client.")] = None
    to: Annotated[Pattern, Meta(description=_TO)] = "*"
    networks: Annotated[tuple[Network, ...], Meta(description=_NETWORKS)] = ()
    source: Annotated[SourcePattern, Meta(description="Senders: a number, a name, or a pattern.")] = field(
        default="*", name="from"
    )
    text: Annotated[TextPattern | None, Meta(description="A pattern over the whole text, in any case.")] = None
    file: Annotated[
        FilePath | None,
        Meta(
            description="A file of handsets (mt: destinations, mo: senders), read at the start: lines `NUMBER`, "
            "`NUMBER,REASON` or `NUMBER,REASON,UNTIL`, where NUMBER may be a pattern. It stands for one rule a line.",
        ),
    ] = None
    reason: Annotated[str, Meta(max_length=160, description="What the client and the event are told.")] = ""
    until: Annotated[Moment | None, Meta(description="From this moment on it holds no longer.")] = None


OptOutWord = Annotated[
    str, Meta(pattern=r"^\S(.{0,38}\S)?$", extra={"expected": "a word or a few, at most 40 characters"})
]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2}$", extra={"expected": 'a language by its two letters, as in "en"'})]


class OptOutRule(Table, frozen=True, kw_only=True):
    """One list of handsets that want to hear no more: where its words are heard, and whom they silence."""

    name: Annotated[Name, Meta(description="Its name in events and in the store: what was said stays with it.")]
    numbers: Annotated[
        tuple[Pattern, ...], Meta(min_length=1, description="Our numbers to which handsets send its words; patterns.")
    ]
    senders: Annotated[
        tuple[SourcePattern, ...],
        Meta(description="Senders that its words silence; none: messages from `numbers` themselves."),
    ] = ()
    clients: Annotated[tuple[str, ...], Meta(description="Only messages of these clients are silenced.")] = ()
    languages: Annotated[
        tuple[Language, ...],
        Meta(
            description="Whose usual words count: "
            "`en`, `de`, `fr`, `es`, `it`, `pt`, `nl`, `pl`, `ru`, `lv`, `lt`, `et`."
        ),
    ] = ("en",)
    stop_words: Annotated[tuple[OptOutWord, ...], Meta(description="More words that silence, in any case.")] = ()
    start_words: Annotated[tuple[OptOutWord, ...], Meta(description="More words that let speak again.")] = ()
    stop_reply: Annotated[
        str, Meta(max_length=600, description="What a handset is told when it was silenced; empty: nothing.")
    ] = ""
    start_reply: Annotated[
        str, Meta(max_length=600, description="What it is told when it may hear again; empty: nothing.")
    ] = ""


class LoopGuard(Table, frozen=True, kw_only=True):
    """When answers to answers are a circle: of one of our numbers and a handset, counted by each operator node."""

    limit: Annotated[
        int,
        Meta(ge=0, description="So many answers to a handset's messages may leave within `window_s`; 0: any number."),
    ] = 0
    window_s: Annotated[float, Meta(gt=0, description="The time in which they are counted, in seconds.")] = 60.0


class Portability(Table, frozen=True, kw_only=True):
    """Which networks numbers went to, where their prefix no longer says it."""

    file: Annotated[
        FilePath | None,
        Meta(
            description="A file of lines `NUMBER,NETWORK`, NETWORK being MCC and MNC, read at the start. What is not "
            "in it is as `[[networks]]` says."
        ),
    ] = None
