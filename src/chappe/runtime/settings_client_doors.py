"""The settings of the doors by which a client comes: who it is there, and how it may behave.

It must never know what a client may do once it is in.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta

from chappe.rules.certificates import PATTERN as CERTIFICATE_PATTERN
from chappe.runtime.settings_table import SECRET, Password, Seconds, SystemId, Table


class IdForm(Enum):
    """How a message id is written to an SMPP client."""

    DECIMAL = "decimal"
    HEX = "hex"
    TEXT = "text"
    SHORT = "short"


PasswordHash = Annotated[str, Meta(pattern=r"^\$argon2", extra={"expected": "an argon2 hash, as in $argon2id$v=19$…"})]


Token = Annotated[str, Meta(pattern=r"^[!-~]{1,255}$", extra={"expected": "1 to 255 printable ASCII characters"})]


TokenHash = Annotated[
    str, Meta(pattern=r"^[0-9a-fA-F]{64}$", extra={"expected": "the SHA-256 of the token in 64 hexadecimal digits"})
]


Username = Annotated[str, Meta(pattern=r"^[!-~]{1,64}$", extra={"expected": "1 to 64 printable ASCII characters"})]


DoorPassword = Annotated[
    str, Meta(pattern=r"^[ -~]{1,255}$", extra={"expected": "1 to 255 printable ASCII characters"})
]


Sender = Annotated[str, Meta(pattern=r"^\S.{0,15}$", extra={"expected": "a number or a name, at most 16 characters"})]


Moment = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        extra={"expected": "a moment as in 2026-12-01T12:00:00Z"},
    ),
]


Certificate = Annotated[
    str,
    Meta(
        pattern=CERTIFICATE_PATTERN,
        extra={"expected": "sha256:FINGERPRINT, or parts of a subject as in CN=acme,O=Acme"},
    ),
]


Certificates = tuple[Certificate, ...]


class ClientSmpp(Table, frozen=True, kw_only=True):
    """A client's SMPP door: its system_id, and what it may do with it."""

    system_id: Annotated[SystemId, Meta(description="system_id it binds with; one client's alone.")]
    password: Annotated[Password | None, Meta(extra=SECRET, description="Its password; or give `password_hash`.")] = (
        None
    )
    password_hash: Annotated[
        PasswordHash | None, Meta(extra=SECRET, description="The argon2 hash of its password.")
    ] = None
    previous_password: Annotated[
        Password | None, Meta(extra=SECRET, description="The password before, while it is still good.")
    ] = None
    previous_password_hash: Annotated[
        PasswordHash | None, Meta(extra=SECRET, description="Its hash, written as that of `password_hash`.")
    ] = None
    previous_password_until: Annotated[
        Moment | None, Meta(description="Until when the one before is good, as in `2026-12-01T12:00:00Z`.")
    ] = None
    password_is_md5: Annotated[
        bool,
        Meta(
            description="`password_hash` is that of the password's MD5 in hexadecimal digits, as "
            "`chappe import jasmin` writes it: Jasmin keeps no more of a password."
        ),
    ] = False
    certificates: Annotated[
        Certificates,
        Meta(
            description="Certificates one of which it must show at `[listen.smpp_tls]`: `sha256:FINGERPRINT`, or parts "
            "of a subject as in `CN=acme,O=Acme`. With them it may have no password."
        ),
    ] = ()
    max_binds: Annotated[int, Meta(ge=1, le=10_000, description="Binds it may hold at the same time.")] = 16
    window: Annotated[
        int,
        Meta(ge=1, le=100_000, description="Its unanswered PDUs per bind; also how many of ours wait for its answers."),
    ] = 1_000
    allowed: Annotated[
        tuple[str, ...], Meta(min_length=1, description="Networks it may come from, as in `192.0.2.0/24`.")
    ] = ("0.0.0.0/0", "::/0")
    id_form: Annotated[
        IdForm | None,
        Meta(
            description="How it is given message ids: `decimal` (at most 19 digits), `hex`, `text`, or `short` (8 "
            "hexadecimal digits). Unset is `decimal`, and `short` for what it submits by a bind of SMPP 3.3."
        ),
    ] = None
    dedup_s: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds within which a submission like an earlier one (source, destination, "
            "user_message_reference, octets) gets the first message_id back and is not stored again; 0 is never.",
        ),
    ] = 0.0
    enquire_link_s: Annotated[
        Seconds, Meta(description="Silence after which its bind is probed with enquire_link, in seconds.")
    ] = 30.0
    response_s: Annotated[
        Seconds, Meta(description="How long its response may take before the PDU counts as unanswered, in seconds.")
    ] = 30.0
    retry_s: Annotated[
        Seconds,
        Meta(
            description="Pause before a receipt or an MO which it refused or left unanswered is sent again, in seconds."
        ),
    ] = 5.0


UcpName = Annotated[
    str, Meta(pattern=r"^[!-.0-~]{1,16}$", extra={"expected": "1 to 16 printable ASCII characters without /"})
]


UcpPassword = Annotated[str, Meta(pattern=r"^[ -~]{1,16}$", extra={"expected": "1 to 16 printable ASCII characters"})]


UcpCode = Annotated[int, Meta(ge=1, le=99)]


class ClientUcp(Table, frozen=True, kw_only=True):
    """A client's UCP door: the name that it signs on by, and what it may do with it.  It has no SMPP door then."""

    system_id: Annotated[UcpName, Meta(description="OAdC that it signs on with by operation 60; one client's alone.")]
    password: Annotated[
        UcpPassword | None, Meta(extra=SECRET, description="Its password; or give `password_hash`.")
    ] = None
    password_hash: Annotated[
        PasswordHash | None, Meta(extra=SECRET, description="The argon2 hash of its password.")
    ] = None
    previous_password: Annotated[
        UcpPassword | None, Meta(extra=SECRET, description="The password before, while it is still good.")
    ] = None
    previous_password_hash: Annotated[
        PasswordHash | None, Meta(extra=SECRET, description="Its hash, written as that of `password_hash`.")
    ] = None
    previous_password_until: Annotated[
        Moment | None, Meta(description="Until when the one before is good, as in `2026-12-01T12:00:00Z`.")
    ] = None
    certificates: Annotated[
        Certificates,
        Meta(
            description="Certificates one of which it must show at `[listen.ucp_tls]`, as in `[clients.smpp]`. "
            "With them it may have no password."
        ),
    ] = ()
    max_binds: Annotated[int, Meta(ge=1, le=10_000, description="Sessions it may hold at the same time.")] = 16
    window: Annotated[
        int,
        Meta(ge=1, le=100, description="Its unanswered operations per session; also how many of ours wait for it."),
    ] = 100
    allowed: Annotated[
        tuple[str, ...], Meta(min_length=1, description="Networks it may come from, as in `192.0.2.0/24`.")
    ] = ("0.0.0.0/0", "::/0")
    time_zone: Annotated[
        str,
        Meta(
            min_length=1,
            description="The time zone of VP, DDT and DSCTS, and of SCTS in operation 52, as in `Europe/Riga`. "
            "The SCTS that names a message is UTC.",
        ),
    ] = "UTC"
    throttle_code: Annotated[UcpCode, Meta(description="Error code for what comes faster than its `rate`.")] = 4
    queue_full_code: Annotated[UcpCode, Meta(description="Error code for what exceeds its `queue_limit`.")] = 4
    store_away_code: Annotated[
        UcpCode, Meta(description="Error code while the store is away, or the gateway stops.")
    ] = 55
    alert_s: Annotated[
        Seconds, Meta(description="Silence after which its session is probed with operation 31, in seconds.")
    ] = 30.0
    response_s: Annotated[
        Seconds, Meta(description="How long its result may take before an operation counts as unanswered, in seconds.")
    ] = 30.0
    retry_s: Annotated[
        Seconds,
        Meta(
            description="Pause before a notification or an MO which it refused or left unanswered is sent again, "
            "in seconds."
        ),
    ] = 5.0

    @property
    def zone(self) -> ZoneInfo | None:
        """Its time zone; None when this box knows none of that name."""
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None


class ClientHttp(Table, frozen=True, kw_only=True):
    """A client's HTTP door: the token that opens it, or a name and a password for who used another gateway before."""

    token: Annotated[Token | None, Meta(extra=SECRET, description="Its bearer token; or give `token_hash`.")] = None
    token_hash: Annotated[
        TokenHash | None, Meta(extra=SECRET, description="The SHA-256 of its token, hexadecimal.")
    ] = None
    previous_token: Annotated[
        Token | None, Meta(extra=SECRET, description="The token before, while it is still good.")
    ] = None
    previous_token_hash: Annotated[
        TokenHash | None, Meta(extra=SECRET, description="Its hash, written as that of `token_hash`.")
    ] = None
    previous_token_until: Annotated[
        Moment | None, Meta(description="Until when the one before is good, as in `2026-12-01T12:00:00Z`.")
    ] = None
    test_token: Annotated[
        Token | None,
        Meta(
            extra=SECRET,
            description="A second token, for tests: what it sends reaches no operator (docs/testing.md).",
        ),
    ] = None
    test_token_hash: Annotated[
        TokenHash | None, Meta(extra=SECRET, description="The SHA-256 of its test token, hexadecimal.")
    ] = None
    certificates: Annotated[
        Certificates,
        Meta(
            description="Certificates one of which it must show at `[listen.http_tls]`, as in `[clients.smpp]`. "
            "With them it may have no token."
        ),
    ] = ()
    username: Annotated[
        Username | None,
        Meta(description="Its name at `/cgi-bin/sendsms` and `/send` (docs/kannel.md, docs/jasmin.md); its alone."),
    ] = None
    password: Annotated[
        DoorPassword | None,
        Meta(extra=SECRET, description="The password of its `username`; or give `password_hash`."),
    ] = None
    password_hash: Annotated[
        PasswordHash | None, Meta(extra=SECRET, description="The argon2 hash of the password of its `username`.")
    ] = None
    password_is_md5: Annotated[
        bool,
        Meta(
            description="`password_hash` is that of the password's MD5 in hexadecimal digits, as "
            "`chappe import jasmin` writes it: Jasmin keeps no more of a password."
        ),
    ] = False
    sender: Annotated[
        Sender | None,
        Meta(
            description="Sender of what comes by its `username` and names none: a number, or a name of 11 characters."
        ),
    ] = None
