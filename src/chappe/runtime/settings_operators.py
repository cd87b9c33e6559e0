"""The settings of operators, and of the profiles that say how an operator's SMSC behaves.

It must never know clients or routes, nor judge a message: it only says what an administrator wrote.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, field

from chappe.runtime.settings_gateway import Address, MinVersion
from chappe.runtime.settings_http_operators import HttpApi, OperatorHttp
from chappe.runtime.settings_table import SECRET, Given, Name, Octet, Password, Seconds, Status, SystemId, Table
from chappe.wire.smpp.named_tlvs import NamedTlv, TlvType

DAY_S = 86_400.0

#: EC of a negative result.
ErrorCode = Annotated[int, Meta(ge=1, le=999, extra={"expected": "an error code from 1 to 999"})]

SystemType = Annotated[
    str, Meta(pattern=r"^[ -~]{0,12}$", extra={"expected": "at most 12 printable ASCII characters (SMPP 3.4 §5.2.3)"})
]


class Protocol(Enum):
    """What an operator speaks."""

    SMPP = "smpp"
    UCP = "ucp"
    HTTP = "http"


class Bind(Enum):
    """How one link to an SMPP operator is bound."""

    TRANSCEIVER = "transceiver"
    TRANSMITTER_AND_RECEIVER = "transmitter+receiver"


class Alphabet(Enum):
    """What an SMSC means by data_coding 0.  SMPP 3.4 §5.2.19 calls it the SMSC's default alphabet."""

    GSM7 = "gsm7"
    LATIN1 = "latin1"
    ASCII = "ascii"


class IdBase(Enum):
    """How the id of a receipt is written compared with that of the response."""

    EXACT = "exact"
    HEX_TO_DECIMAL = "hex_to_decimal"
    DECIMAL_TO_HEX = "decimal_to_hex"
    EITHER = "either"


class UnknownOutcome(Enum):
    """What happens to a part whose link died between its write and its response."""

    RESEND = "resend"
    HOLD = "hold"
    QUERY = "query"


class NationalLanguage(Enum):
    """A language that has tables of its own in the GSM 7 bit alphabet.  3GPP TS 23.038 §6.2.1.2.4."""

    ALL = "all"
    TURKISH = "turkish"
    SPANISH = "spanish"
    PORTUGUESE = "portuguese"
    BENGALI = "bengali"
    GUJARATI = "gujarati"
    HINDI = "hindi"
    KANNADA = "kannada"
    MALAYALAM = "malayalam"
    ORIYA = "oriya"
    PUNJABI = "punjabi"
    TAMIL = "tamil"
    TELUGU = "telugu"
    URDU = "urdu"


class Split(Enum):
    """How the parts of a long message are told to belong together."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"


class OperatorTls(Table, frozen=True, kw_only=True):
    """TLS to an operator: the table alone encrypts its links and verifies whom they reach.

    The files are read anew when they change, and on SIGHUP; open links stay.
    """

    ca: Annotated[
        Given | None,
        Meta(description="PEM file of the authorities to trust; unset: those that the system trusts."),
    ] = None
    server_name: Annotated[
        Given | None,
        Meta(description="The name that its certificate must bear; unset: the host of its address."),
    ] = None
    certificate: Annotated[
        Given | None,
        Meta(description="PEM file of the certificate that we show, with the chain behind it."),
    ] = None
    key: Annotated[Given | None, Meta(description="PEM file of its private key, without passphrase.")] = None
    verify: Annotated[
        bool,
        Meta(description="Whom a link reaches is verified. `false` trusts whoever answers, and is for tests alone."),
    ] = True
    min_version: Annotated[MinVersion, Meta(description="The oldest version of TLS that is spoken.")] = (
        MinVersion.TLS_1_2
    )


class Operator(Table, frozen=True, kw_only=True):
    """One operator: where its SMSC is, how its links are bound, how fast it may be fed."""

    name: Annotated[Name, Meta(description="Its name in routes, queues, events and metrics.")]
    protocol: Annotated[
        Protocol,
        Meta(description="`smpp`, `ucp`, or `http`, which needs `[operators.http]` and a profile that has `http`."),
    ] = Protocol.SMPP
    address: Annotated[Address, Meta(description="Where its SMSC listens; `http` has a `url` instead.")] = ""
    system_id: Annotated[
        SystemId, Meta(description="system_id of the bind, SMPP 3.4 §4.1.1; OAdC of the sign-on over UCP.")
    ] = ""
    password: Annotated[
        Password, Meta(extra=SECRET, description="Password of the bind, SMPP 3.4 §4.1.1, or of the sign-on over UCP.")
    ] = ""
    system_type: Annotated[SystemType, Meta(description="system_type of the bind, SMPP 3.4 §4.1.1.")] = ""
    bind: Annotated[
        Bind,
        Meta(description="One `transceiver` a link, or a pair `transmitter+receiver` a link; over UCP no pairs."),
    ] = Bind.TRANSCEIVER
    binds: Annotated[int, Meta(ge=1, le=100, description="Links of this operator over all boxes.")] = 2
    window: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="PDUs in flight per link; over UCP at most 100. `http`: requests under way per link. "
            "The profile's `window`, where it has one, is never exceeded.",
        ),
    ] = 100
    rate: Annotated[
        float,
        Meta(
            ge=0,
            description="PDUs per second over all links; 0 is unlimited. "
            "The profile's `rate`, where it has one, is never exceeded.",
        ),
    ] = 0.0
    paused: Annotated[
        bool,
        Meta(description="Send it nothing more; what is for it waits, its receipts and MO come in as before."),
    ] = False
    profile: Annotated[str, Meta(description="The profile that says how this SMSC behaves.")] = "default"
    source_ton: Annotated[
        Octet | None, Meta(description="source_addr_ton of every PDU; unset leaves what the message brought.")
    ] = None
    source_npi: Annotated[
        Octet | None, Meta(description="source_addr_npi of every PDU; unset leaves what the message brought.")
    ] = None
    dest_ton: Annotated[
        Octet | None, Meta(description="dest_addr_ton of every PDU; unset leaves what the message brought.")
    ] = None
    dest_npi: Annotated[
        Octet | None, Meta(description="dest_addr_npi of every PDU; unset leaves what the message brought.")
    ] = None
    recipient_prefix: Annotated[
        str,
        Meta(
            pattern=r"^(00)?$",
            extra={"expected": '"" or "00"'},
            description="UCP: what stands before an international recipient; `00` where the SMSC wants it.",
        ),
    ] = ""
    notify_address: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{0,16}$",
            extra={"expected": "at most 16 digits"},
            description="UCP: NAdC, where notifications are sent. Empty: to the sender of each message, "
            "which some SMSCs cannot do for one that is a name.",
        ),
    ] = ""
    session_init_s: Annotated[
        Seconds, Meta(description="How long a connection may take from dialling to bound, in seconds.")
    ] = 10.0
    enquire_link_s: Annotated[
        Seconds,
        Meta(
            description="Silence after which a link is probed with enquire_link, or operation 31 over UCP, in seconds."
        ),
    ] = 30.0
    response_s: Annotated[
        Seconds, Meta(description="How long a response may take before its request counts as unanswered, in seconds.")
    ] = 30.0
    reconnect_min_s: Annotated[
        Seconds, Meta(description="First pause before a lost link is dialled again, in seconds.")
    ] = 1.0
    reconnect_max_s: Annotated[
        Seconds, Meta(description="Longest pause between two dials; pauses double and are jittered, in seconds.")
    ] = 60.0
    max_validity_s: Annotated[
        Seconds, Meta(description="No message waits longer for this operator than this, in seconds.")
    ] = 2 * DAY_S
    unknown_s: Annotated[
        Seconds,
        Meta(description="A sent message without receipt becomes `unknown` after this, in seconds; it is not final."),
    ] = 3 * DAY_S
    retry_s: Annotated[
        tuple[Seconds, ...],
        Meta(
            min_length=1,
            description="Pauses before a message is tried again after a temporary refusal, in seconds; "
            "the last one repeats until its validity ends.",
        ),
    ] = (5.0, 30.0, 120.0, 600.0, 1_800.0)
    tls: Annotated[OperatorTls | None, Meta(description="TLS on its links.")] = None
    http: Annotated[OperatorHttp | None, Meta(description="Where an operator over HTTP is.")] = None


class NumberForm(Enum):
    """How an international number is written."""

    PLAIN = "plain"
    PLUS = "plus"
    ZEROS = "zeros"


Plan = Annotated[tuple[Octet, Octet], Meta(extra={"expected": "TON and NPI, as in [5, 0]"})]


class Numbers(Table, frozen=True, kw_only=True):
    """SMPP: TON and NPI by the kind of number, and how numbers are written.  What `[[operators]]` says beats it."""

    alphanumeric: Annotated[Plan | None, Meta(description="TON and NPI of a sender that is a name.")] = None
    short: Annotated[Plan | None, Meta(description="TON and NPI of a sender that is a short number.")] = None
    international: Annotated[Plan | None, Meta(description="TON and NPI of any other sender.")] = None
    recipient: Annotated[Plan | None, Meta(description="TON and NPI of recipients.")] = None
    short_digits: Annotated[int, Meta(ge=0, le=20, description="A number of so many digits at most is short.")] = 6
    sender_form: Annotated[
        NumberForm, Meta(description="Senders that are international: digits alone, with `+`, or with `00`.")
    ] = NumberForm.PLAIN
    recipient_form: Annotated[NumberForm, Meta(description="The same of recipients.")] = NumberForm.PLAIN


class VendorTlv(Table, frozen=True, kw_only=True):
    """A TLV of the vendor's own, by a name of ours."""

    tag: Annotated[int, Meta(ge=1, le=0xFFFF, description="Its tag, as in 0x1501.")]
    type: Annotated[TlvType, Meta(description="What its octets are.")] = TlvType.STRING
    octets: Annotated[int, Meta(ge=1, le=8, description="Of an integer: how many.")] = 1
    value: Annotated[
        str | None, Meta(description="What every message bears; unset: only those whose billing says so.")
    ] = None

    @property
    def named(self) -> NamedTlv:
        """What writes its values."""
        return NamedTlv(self.tag, self.type, self.octets)


class Billing(Table, frozen=True, kw_only=True):
    """How one kind of charge is told to the operator.  Its name is a client's service_type, or one of its tags."""

    service_type: Annotated[
        str | None,
        Meta(
            extra={"expected": "at most 5 characters (SMPP 3.4 §5.2.11)"},
            description="SMPP: service_type, instead of the client's.",
        ),
    ] = None
    tlvs: Annotated[
        dict[str, str],
        Meta(extra={"expected": "a table of strings by names of tlvs"}, description="SMPP: values of named TLVs."),
    ] = field(default_factory=dict)
    xser: Annotated[
        str,
        Meta(
            pattern=r"^(?:[0-9A-Fa-f]{2})*$",
            extra={"expected": "pairs of hexadecimal digits"},
            description="UCP: services of XSer, as in `0C0401020304`.",
        ),
    ] = ""
    http: Annotated[
        dict[str, str],
        Meta(extra={"expected": "a table of strings"}, description="HTTP: values by the names that templates ask for."),
    ] = field(default_factory=dict)


class Profile(Table, frozen=True, kw_only=True):
    """How one kind of SMSC behaves where the specification leaves a choice.  An operator names its profile.

    Profiles are shipped, lie as `profiles/NAME.toml` beside the settings file, or stand here (docs/profiles.md).
    """

    base: Annotated[
        Name | None,
        Meta(
            description="The profile that this one stands on, and of which it says only what differs; "
            "unset: one of the same name in `profiles/` or among those that are shipped, if there is one."
        ),
    ] = None
    description: Annotated[str, Meta(description="What it is for, for people.")] = ""
    protocol: Annotated[Protocol | None, Meta(description="The protocol that it is for; unset: any.")] = None
    window: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None,
        Meta(description="The most that may be in flight on a link; unset: as operators say."),
    ] = None
    rate: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="The most PDUs per second that it takes; unset: as operators say."),
    ] = None
    alphabet: Annotated[
        Alphabet,
        Meta(
            description="What its data_coding 0 means: `gsm7`, `latin1` or `ascii`. "
            "Texts that come over HTTP are written so, and keywords of MO are read so; "
            "octets that SMPP clients submit pass unchanged."
        ),
    ] = Alphabet.GSM7
    national: Annotated[
        tuple[NationalLanguage, ...],
        Meta(
            description="Languages whose GSM 7 bit tables (3GPP TS 23.038 annex A) may be used for texts of "
            "HTTP clients, where that saves a part against UCS-2; `all` is every one. The SMSC must pass on the "
            "header, and handsets must know the table: old ones show wrong letters."
        ),
    ] = ()
    split: Annotated[
        Split,
        Meta(description="How long messages are cut: `udh8`, `udh16`, `sar`, or `payload` (not cut at all)."),
    ] = Split.UDH8
    gsm7_packed: Annotated[
        bool,
        Meta(description="SMPP: texts in GSM 7 bit travel packed, eight characters in seven octets, as on the air."),
    ] = False
    data_codings: Annotated[
        dict[str, Octet],
        Meta(
            extra={"expected": 'data_codings by ours, as in { "0" = 0xF1 }'},
            description="SMPP: which data_coding this SMSC has for one of ours, in both directions.",
        ),
    ] = field(default_factory=dict)
    numbers: Annotated[Numbers | None, Meta(description="SMPP: TON, NPI and form of numbers.")] = None
    tlvs: Annotated[dict[str, VendorTlv], Meta(description="SMPP: TLVs of the vendor's own, by name.")] = field(
        default_factory=dict
    )
    billing: Annotated[
        dict[str, Billing], Meta(description="How charges are told: by a client's service_type or tag.")
    ] = field(default_factory=dict)
    receipt_pattern: Annotated[
        str | None,
        Meta(
            description="SMPP: a regular expression that reads this SMSC's receipts, with groups `id`, `stat` and "
            "perhaps `err` and `done`, as in `(?P<id>\\w+)/(?P<stat>\\w+)`; what it does not fit is read "
            "as everybody's."
        ),
    ] = None
    id_base: Annotated[
        IdBase,
        Meta(
            description="How a receipt's id may differ from the response's: `exact` (not at all), `hex_to_decimal` "
            "(response hexadecimal, receipt decimal), `decimal_to_hex`, or `either`.",
        ),
    ] = IdBase.EXACT
    id_ignores_case: Annotated[bool, Meta(description="A receipt's id may differ in upper and lower case.")] = False
    id_ignores_zeros: Annotated[bool, Meta(description="A receipt's id may have more or fewer leading zeros.")] = False
    unknown_outcome: Annotated[
        UnknownOutcome,
        Meta(
            description="A part whose link died before the response: `resend` it (it may double), "
            "`hold` it for a person, or `query` the operator what became of it, where its protocol and profile can."
        ),
    ] = UnknownOutcome.RESEND
    unknown_outcome_premium: Annotated[
        UnknownOutcome, Meta(description="The same for premium traffic, which costs the handset's owner money.")
    ] = UnknownOutcome.HOLD
    retry_status: Annotated[
        Status,
        Meta(description="command_status that makes this SMSC send an MO or a receipt again when it cannot be stored."),
    ] = 0x64
    throttle_statuses: Annotated[
        tuple[Status, ...],
        Meta(description="Statuses by which it asks for a slower pace; the queue waits and keeps its order."),
    ] = (0x58,)
    queue_full_statuses: Annotated[
        tuple[Status, ...],
        Meta(description="Statuses by which it says its queue is full; the queue waits and keeps its order."),
    ] = (0x14,)
    temporary_statuses: Annotated[
        tuple[Status, ...],
        Meta(
            description="Statuses after which one message is tried again by `retry_s`. Every other status is permanent."
        ),
    ] = (0x04, 0x08, 0x64, 0x102)
    ucp_throttle_codes: Annotated[
        tuple[ErrorCode, ...],
        Meta(description="Error codes by which an SMSC over UCP asks for a slower pace; the queue waits in order."),
    ] = (4,)
    ucp_temporary_codes: Annotated[
        tuple[ErrorCode, ...],
        Meta(
            description="Error codes of UCP after which one message is tried again by `retry_s`. "
            "Every other code is permanent."
        ),
    ] = (1, 37, 50, 55)
    ucp_retry_code: Annotated[
        ErrorCode,
        Meta(description="Error code that makes an SMSC over UCP send an MO or a notification again."),
    ] = 55
    time_zone: Annotated[
        str | None,
        Meta(
            description="The time in which this operator dates its receipts, as in `Europe/Riga`: clients are then "
            "told its moment, in UTC, instead of ours. Over UCP validity is written in it."
        ),
    ] = None
    ucp_time_zone: Annotated[
        str, Meta(description="Over UCP where `time_zone` is not set: the time in which validity is written.")
    ] = "UTC"
    mo_identity: Annotated[
        str,
        Meta(
            pattern=r"^(none|tlv:(0x[0-9A-Fa-f]{1,4}|[A-Za-z][A-Za-z0-9_.-]{0,31}))$",
            extra={"expected": '"none" or a TLV, as in "tlv:0x1401" or by its name in tlvs'},
            description="Where an MO carries an identity of its own: `none`, or a TLV as in `tlv:0x1401`, "
            "or by its name in `tlvs`.",
        ),
    ] = "none"
    redelivery_s: Annotated[
        Seconds,
        Meta(
            description="How long an MO of the same content counts as a repeat of one whose response "
            "was not provably read, in seconds.",
        ),
    ] = 300.0

    http: Annotated[HttpApi | None, Meta(description="The API of an operator over HTTP (docs/profiles.md).")] = None

    @property
    def ucp_zone(self) -> ZoneInfo | None:
        """The time zone of an SMSC over UCP; None when nobody knows it."""
        return _zone_of(self.time_zone or self.ucp_time_zone)

    @property
    def zone(self) -> ZoneInfo | None:
        """The time in which receipts are dated; None when it is not told, or nobody knows it."""
        return _zone_of(self.time_zone) if self.time_zone else None

    @property
    def mo_identity_tag(self) -> int | None:
        """The TLV that identifies an MO; None when this SMSC sends none."""
        if self.mo_identity == "none":
            return None
        named = self.mo_identity.removeprefix("tlv:")
        return self.tlvs[named].tag if named in self.tlvs else int(named, 16)


def _zone_of(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
