"""Every TLV of SMPP 3.4 and 5.0, declared once, and how to find one among those of a PDU.

A PDU keeps its TLVs raw and in order, so vendors' tags pass through untouched.  This file must never judge a
value: only its length is declared here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from chappe.wire.smpp.constants import VERSION_3_4, VERSION_5_0
from chappe.wire.smpp.fields import Tlvs


class Tag(IntEnum):
    """What a TLV is.  SMPP 3.4 §5.3.2, SMPP 5.0 §4.8.1."""

    DEST_ADDR_SUBUNIT = 0x0005
    DEST_NETWORK_TYPE = 0x0006
    DEST_BEARER_TYPE = 0x0007
    DEST_TELEMATICS_ID = 0x0008
    SOURCE_ADDR_SUBUNIT = 0x000D
    SOURCE_NETWORK_TYPE = 0x000E
    SOURCE_BEARER_TYPE = 0x000F
    SOURCE_TELEMATICS_ID = 0x0010
    QOS_TIME_TO_LIVE = 0x0017
    PAYLOAD_TYPE = 0x0019
    ADDITIONAL_STATUS_INFO_TEXT = 0x001D
    RECEIPTED_MESSAGE_ID = 0x001E
    MS_MSG_WAIT_FACILITIES = 0x0030
    PRIVACY_INDICATOR = 0x0201
    SOURCE_SUBADDRESS = 0x0202
    DEST_SUBADDRESS = 0x0203
    USER_MESSAGE_REFERENCE = 0x0204
    USER_RESPONSE_CODE = 0x0205
    SOURCE_PORT = 0x020A
    DESTINATION_PORT = 0x020B
    SAR_MSG_REF_NUM = 0x020C
    LANGUAGE_INDICATOR = 0x020D
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    CALLBACK_NUM_PRES_IND = 0x0302
    CALLBACK_NUM_ATAG = 0x0303
    NUMBER_OF_MESSAGES = 0x0304
    CALLBACK_NUM = 0x0381
    DPF_RESULT = 0x0420
    SET_DPF = 0x0421
    MS_AVAILABILITY_STATUS = 0x0422
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    DELIVERY_FAILURE_REASON = 0x0425
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427
    CONGESTION_STATE = 0x0428
    USSD_SERVICE_OP = 0x0501
    BROADCAST_CHANNEL_INDICATOR = 0x0600
    BROADCAST_CONTENT_TYPE = 0x0601
    BROADCAST_CONTENT_TYPE_INFO = 0x0602
    BROADCAST_MESSAGE_CLASS = 0x0603
    BROADCAST_REP_NUM = 0x0604
    BROADCAST_FREQUENCY_INTERVAL = 0x0605
    BROADCAST_AREA_IDENTIFIER = 0x0606
    BROADCAST_ERROR_STATUS = 0x0607
    BROADCAST_AREA_SUCCESS = 0x0608
    BROADCAST_END_TIME = 0x0609
    BROADCAST_SERVICE_GROUP = 0x060A
    BILLING_IDENTIFICATION = 0x060B
    SOURCE_NETWORK_ID = 0x060D
    DEST_NETWORK_ID = 0x060E
    SOURCE_NODE_ID = 0x060F
    DEST_NODE_ID = 0x0610
    DEST_ADDR_NP_RESOLUTION = 0x0611
    DEST_ADDR_NP_INFORMATION = 0x0612
    DEST_ADDR_NP_COUNTRY = 0x0613
    DISPLAY_TIME = 0x1201
    SMS_SIGNAL = 0x1203
    MS_VALIDITY = 0x1204
    ALERT_ON_MESSAGE_DELIVERY = 0x130C
    ITS_REPLY_TYPE = 0x1380
    ITS_SESSION_INFO = 0x1383


class Kind(Enum):
    """How the value of a TLV is written."""

    INTEGER = "integer"
    C_OCTET = "c_octet"
    OCTETS = "octets"


@dataclass(frozen=True, slots=True)
class Tlv:
    """One TLV of the specification; the limits are those of its value, a C-octet string's NUL included."""

    tag: Tag
    kind: Kind
    min_octets: int
    max_octets: int
    since_version: int = VERSION_3_4
    may_repeat: bool = False

    @property
    def name(self) -> str:
        """The specification's name."""
        return self.tag.name.lower()


def _integer(tag: Tag, octets: int, *, since: int = VERSION_3_4, may_repeat: bool = False) -> Tlv:
    return Tlv(tag, Kind.INTEGER, octets, octets, since, may_repeat)


def _c_octet(tag: Tag, min_octets: int, max_octets: int, *, since: int = VERSION_3_4) -> Tlv:
    return Tlv(tag, Kind.C_OCTET, min_octets, max_octets, since)


def _octets(tag: Tag, least: int, most: int, *, since: int = VERSION_3_4, may_repeat: bool = False) -> Tlv:
    return Tlv(tag, Kind.OCTETS, least, most, since, may_repeat)


_DECLARED = (
    _integer(Tag.DEST_ADDR_SUBUNIT, 1),
    _integer(Tag.DEST_NETWORK_TYPE, 1),
    _integer(Tag.DEST_BEARER_TYPE, 1),
    _integer(Tag.DEST_TELEMATICS_ID, 2),
    _integer(Tag.SOURCE_ADDR_SUBUNIT, 1),
    _integer(Tag.SOURCE_NETWORK_TYPE, 1),
    _integer(Tag.SOURCE_BEARER_TYPE, 1),
    _integer(Tag.SOURCE_TELEMATICS_ID, 1),
    _integer(Tag.QOS_TIME_TO_LIVE, 4),
    _integer(Tag.PAYLOAD_TYPE, 1),
    _c_octet(Tag.ADDITIONAL_STATUS_INFO_TEXT, 1, 256),
    _c_octet(Tag.RECEIPTED_MESSAGE_ID, 1, 65),
    _octets(Tag.MS_MSG_WAIT_FACILITIES, 1, 1),
    _integer(Tag.PRIVACY_INDICATOR, 1),
    _octets(Tag.SOURCE_SUBADDRESS, 2, 23),
    _octets(Tag.DEST_SUBADDRESS, 2, 23),
    _integer(Tag.USER_MESSAGE_REFERENCE, 2),
    _integer(Tag.USER_RESPONSE_CODE, 1),
    _integer(Tag.SOURCE_PORT, 2),
    _integer(Tag.DESTINATION_PORT, 2),
    _integer(Tag.SAR_MSG_REF_NUM, 2),
    _integer(Tag.LANGUAGE_INDICATOR, 1),
    _integer(Tag.SAR_TOTAL_SEGMENTS, 1),
    _integer(Tag.SAR_SEGMENT_SEQNUM, 1),
    _integer(Tag.SC_INTERFACE_VERSION, 1),
    _octets(Tag.CALLBACK_NUM_PRES_IND, 1, 1, may_repeat=True),
    _octets(Tag.CALLBACK_NUM_ATAG, 1, 65, may_repeat=True),
    _integer(Tag.NUMBER_OF_MESSAGES, 1),
    _octets(Tag.CALLBACK_NUM, 4, 19, may_repeat=True),
    _integer(Tag.DPF_RESULT, 1),
    _integer(Tag.SET_DPF, 1),
    _integer(Tag.MS_AVAILABILITY_STATUS, 1),
    _octets(Tag.NETWORK_ERROR_CODE, 3, 3),
    _octets(Tag.MESSAGE_PAYLOAD, 0, 0xFFFF),
    _integer(Tag.DELIVERY_FAILURE_REASON, 1),
    _integer(Tag.MORE_MESSAGES_TO_SEND, 1),
    _integer(Tag.MESSAGE_STATE, 1),
    _integer(Tag.CONGESTION_STATE, 1, since=VERSION_5_0),
    _octets(Tag.USSD_SERVICE_OP, 1, 1),
    _integer(Tag.BROADCAST_CHANNEL_INDICATOR, 1, since=VERSION_5_0),
    _octets(Tag.BROADCAST_CONTENT_TYPE, 3, 3, since=VERSION_5_0),
    _octets(Tag.BROADCAST_CONTENT_TYPE_INFO, 1, 255, since=VERSION_5_0),
    _integer(Tag.BROADCAST_MESSAGE_CLASS, 1, since=VERSION_5_0),
    _integer(Tag.BROADCAST_REP_NUM, 2, since=VERSION_5_0),
    _octets(Tag.BROADCAST_FREQUENCY_INTERVAL, 3, 3, since=VERSION_5_0),
    _octets(Tag.BROADCAST_AREA_IDENTIFIER, 1, 0xFFFF, since=VERSION_5_0, may_repeat=True),
    _integer(Tag.BROADCAST_ERROR_STATUS, 4, since=VERSION_5_0, may_repeat=True),
    _integer(Tag.BROADCAST_AREA_SUCCESS, 1, since=VERSION_5_0),
    _c_octet(Tag.BROADCAST_END_TIME, 1, 17, since=VERSION_5_0),
    _octets(Tag.BROADCAST_SERVICE_GROUP, 1, 255, since=VERSION_5_0),
    _octets(Tag.BILLING_IDENTIFICATION, 1, 1024, since=VERSION_5_0),
    _c_octet(Tag.SOURCE_NETWORK_ID, 7, 65, since=VERSION_5_0),
    _c_octet(Tag.DEST_NETWORK_ID, 7, 65, since=VERSION_5_0),
    _octets(Tag.SOURCE_NODE_ID, 6, 6, since=VERSION_5_0),
    _octets(Tag.DEST_NODE_ID, 6, 6, since=VERSION_5_0),
    _integer(Tag.DEST_ADDR_NP_RESOLUTION, 1, since=VERSION_5_0),
    _octets(Tag.DEST_ADDR_NP_INFORMATION, 10, 10, since=VERSION_5_0),
    _octets(Tag.DEST_ADDR_NP_COUNTRY, 1, 5, since=VERSION_5_0),
    _integer(Tag.DISPLAY_TIME, 1),
    _octets(Tag.SMS_SIGNAL, 2, 2),
    # One octet in SMPP 3.4 §5.3.2, one or four in SMPP 5.0 §4.8.4.
    _octets(Tag.MS_VALIDITY, 1, 4),
    # Without a value in SMPP 3.4 §5.3.2, one octet in SMPP 5.0 §4.8.4.
    _octets(Tag.ALERT_ON_MESSAGE_DELIVERY, 0, 1),
    _integer(Tag.ITS_REPLY_TYPE, 1),
    _octets(Tag.ITS_SESSION_INFO, 2, 2),
)

#: Every TLV that the specification knows, by its tag.
TLVS: Final[Mapping[int, Tlv]] = {int(tlv.tag): tlv for tlv in _DECLARED}

#: The least and most octets of each as `decode` takes them.  Seen: peers leave out the NUL of a C-octet string.
LIMITS: Final[Mapping[int, tuple[int, int]]] = {
    tag: (tlv.min_octets - (tlv.kind is Kind.C_OCTET), tlv.max_octets) for tag, tlv in TLVS.items()
}


def find(tlvs: Tlvs, tag: int) -> bytes | None:
    """The value of the first TLV with `tag`, or None."""
    for found, value in tlvs:
        if found == tag:
            return value
    return None


def integer_of(tlvs: Tlvs, tag: int) -> int | None:
    """The first TLV with `tag` as an unsigned integer, or None."""
    value = find(tlvs, tag)
    return None if value is None else int.from_bytes(value, "big")


def c_string_of(tlvs: Tlvs, tag: int) -> str | None:
    """The first TLV with `tag` as text, without its NUL (which some peers leave out), or None."""
    value = find(tlvs, tag)
    return None if value is None else value.removesuffix(b"\0").decode("latin-1")


def integer_tlv(tag: int, value: int) -> tuple[int, bytes]:
    """The TLV `tag` with `value` in the most octets which the specification allows it.

    Raises:
        OverflowError: the value needs more octets.
        KeyError: the specification does not know the tag.
    """
    return tag, value.to_bytes(TLVS[tag].max_octets, "big")


def c_string_tlv(tag: int, text: str) -> tuple[int, bytes]:
    """The TLV `tag` with `text` and its NUL."""
    return tag, text.encode("latin-1") + b"\0"


def without(tlvs: Tlvs, tags: Iterable[int]) -> Tlvs:
    """Those TLVs whose tag is not among `tags`, in their order."""
    unwanted = frozenset(tags)
    return tuple(tlv for tlv in tlvs if tlv[0] not in unwanted)
