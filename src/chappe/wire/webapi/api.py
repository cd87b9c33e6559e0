"""One operator's API as a profile describes it, read and ready for use."""

from collections.abc import Mapping
from typing import Final

import msgspec

from chappe.wire.webapi.answers import AnswerForm
from chappe.wire.webapi.calls import InboundForm, ReceiptForm
from chappe.wire.webapi.proofs import Proof
from chappe.wire.webapi.readers import Reader
from chappe.wire.webapi.requests import RequestForm
from chappe.wire.webapi.template import Text

#: What templates may ask for, besides the values that a profile names itself.
NAMES: Final[Mapping[str, str]] = {
    "to": "The handset's number, digits alone.",
    "to_quoted": "The same as a part of a URL that is itself a value.",
    "from": "The sender: digits, or a name.",
    "from_plus": "The same, an international number with `+` before it.",
    "text": "The text; empty when the message is binary.",
    "text_gsm7": "The text if GSM 7 bit can write it, else empty.",
    "hex_ucs2": "The text in hexadecimal UCS-2 if GSM 7 bit cannot write it, else empty.",
    "hex": "The octets of a binary message without their header, in hexadecimal; empty when it is a text.",
    "octets": "The same as octets; only a query or a form can carry them.",
    "udh": "The user data header in hexadecimal; empty when there is none.",
    "udh_octets": "The same as octets.",
    "coding": "The word of `[http.codings]` for what is sent.",
    "class": "The message class, 0 to 3; empty when it has none.",
    "reference": "Our own name for this part of the message: always the same, also when it is sent again.",
    "validity_s": "Seconds until the message is worthless; empty when its client named no end.",
    "validity_ms": "The same in milliseconds.",
    "validity_min": "The same in minutes, at least 1.",
    "client": "The name of the client that sent it.",
    "service_type": "What its client named as service_type.",
    "username": "`username` of `[operators.http]`.",
    "password": "`password` of `[operators.http]`.",
    "receipt_url": "Where the operator brings receipts: `public_url`, the path of `[http.receipt]`, and the token.",
    "inbound_url": "The same for messages from handsets.",
}
#: What a signature may be made over.
SIGNED_NAMES: Final = ("method", "url", "body", "fields")


class ProofForm(msgspec.Struct, frozen=True):
    """What is asked of callers."""

    proof: Proof
    signature: Reader | None = None
    algorithm: str = "sha256"
    signed: Text | None = None


class Api(msgspec.Struct, frozen=True):
    """What an HTTP operator understands, and how it is understood."""

    submit: RequestForm
    answer: AnswerForm
    query: RequestForm | None = None
    found: AnswerForm | None = None
    receipt: ReceiptForm | None = None
    inbound: InboundForm | None = None
    proof: ProofForm = ProofForm(Proof.TOKEN)
    #: `gsm7`, `ucs2`, `octets` → the operator's word.
    codings: Mapping[str, str] = {}
    #: Values that a profile names itself, as they are when nobody says otherwise.
    values: Mapping[str, str] = {}
    #: An operator's error code → three characters for receipts.
    errors: Mapping[str, str] = {}
