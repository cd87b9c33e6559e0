"""The settings of profiles: how an operator's SMSC behaves where the specification leaves a choice.

It must never know which operators have a profile, nor judge a message: it only says what an administrator wrote.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, field

from chappe.runtime.settings_http_operators import HttpApi
from chappe.runtime.settings_operators import Protocol
from chappe.runtime.settings_profile_tables import Billing, Numbers, VendorTlv
from chappe.runtime.settings_table import Name, Octet, Seconds, Status, Table

#: EC of a negative result.
ErrorCode = Annotated[int, Meta(ge=1, le=999, extra={"expected": "an error code from 1 to 999"})]


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
