"""The numbers which fields and TLVs of SMPP carry, by the specification's names.

Decoded fields stay plain integers; these names are for those who read or write them.
"""

from enum import IntEnum
from typing import Final

#: interface_version: the versions we know.  Everything below 3.4 knows no TLVs.  SMPP 3.4 §5.2.4, SMPP 5.0 §4.7.13.
VERSION_3_3: Final = 0x33
VERSION_3_4: Final = 0x34
VERSION_5_0: Final = 0x50

#: A command_id with this bit is a response.  SMPP 3.4 §5.1.2.1.
RESPONSE_BIT: Final = 0x8000_0000


class CommandId(IntEnum):
    """What a PDU is.  SMPP 3.4 §5.1.2.1, SMPP 5.0 §4.7.5; the three at 0x22 are of SMPP 3.3 only."""

    BIND_RECEIVER = 0x01
    BIND_TRANSMITTER = 0x02
    QUERY_SM = 0x03
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    REPLACE_SM = 0x07
    CANCEL_SM = 0x08
    BIND_TRANSCEIVER = 0x09
    OUTBIND = 0x0B
    ENQUIRE_LINK = 0x15
    SUBMIT_MULTI = 0x21
    PARAM_RETRIEVE = 0x22
    QUERY_LAST_MSGS = 0x23
    QUERY_MSG_DETAILS = 0x24
    ALERT_NOTIFICATION = 0x102
    DATA_SM = 0x103
    BROADCAST_SM = 0x111
    QUERY_BROADCAST_SM = 0x112
    CANCEL_BROADCAST_SM = 0x113
    GENERIC_NACK = 0x8000_0000
    BIND_RECEIVER_RESP = 0x8000_0001
    BIND_TRANSMITTER_RESP = 0x8000_0002
    QUERY_SM_RESP = 0x8000_0003
    SUBMIT_SM_RESP = 0x8000_0004
    DELIVER_SM_RESP = 0x8000_0005
    UNBIND_RESP = 0x8000_0006
    REPLACE_SM_RESP = 0x8000_0007
    CANCEL_SM_RESP = 0x8000_0008
    BIND_TRANSCEIVER_RESP = 0x8000_0009
    ENQUIRE_LINK_RESP = 0x8000_0015
    SUBMIT_MULTI_RESP = 0x8000_0021
    PARAM_RETRIEVE_RESP = 0x8000_0022
    QUERY_LAST_MSGS_RESP = 0x8000_0023
    QUERY_MSG_DETAILS_RESP = 0x8000_0024
    DATA_SM_RESP = 0x8000_0103
    BROADCAST_SM_RESP = 0x8000_0111
    QUERY_BROADCAST_SM_RESP = 0x8000_0112
    CANCEL_BROADCAST_SM_RESP = 0x8000_0113


class Ton(IntEnum):
    """Type of number.  SMPP 3.4 §5.2.5."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6


class Npi(IntEnum):
    """Numbering plan indicator.  SMPP 3.4 §5.2.6."""

    UNKNOWN = 0
    E164 = 1
    DATA = 3
    TELEX = 4
    LAND_MOBILE = 6
    NATIONAL = 8
    PRIVATE = 9
    ERMES = 10
    INTERNET = 14
    WAP_CLIENT_ID = 18


class MessageState(IntEnum):
    """What became of a message: query_sm_resp and the TLV message_state.  SMPP 3.4 §5.2.28, SMPP 5.0 §4.7.15."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8
    SKIPPED = 9


class EsmClass:
    """Masks and values of esm_class.  Compare `esm_class & TYPE_MASK`, never a bit alone.  SMPP 3.4 §5.2.12."""

    MODE_MASK: Final = 0x03
    MODE_DEFAULT: Final = 0x00
    MODE_DATAGRAM: Final = 0x01
    MODE_FORWARD: Final = 0x02
    MODE_STORE_AND_FORWARD: Final = 0x03

    TYPE_MASK: Final = 0x3C
    TYPE_MESSAGE: Final = 0x00
    TYPE_DELIVERY_RECEIPT: Final = 0x04
    TYPE_DELIVERY_ACK: Final = 0x08
    TYPE_USER_ACK: Final = 0x10
    TYPE_CONVERSATION_ABORT: Final = 0x18
    TYPE_INTERMEDIATE_NOTIFICATION: Final = 0x20

    UDHI: Final = 0x40
    REPLY_PATH: Final = 0x80


class RegisteredDelivery:
    """Masks and values of registered_delivery.  SMPP 3.4 §5.2.17, SMPP 5.0 §4.7.21."""

    RECEIPT_MASK: Final = 0x03
    RECEIPT_NEVER: Final = 0x00
    RECEIPT_ALWAYS: Final = 0x01
    RECEIPT_ON_FAILURE: Final = 0x02
    #: Reserved in SMPP 3.4.
    RECEIPT_ON_SUCCESS: Final = 0x03

    ACK_MASK: Final = 0x0C
    ACK_DELIVERY: Final = 0x04
    ACK_USER: Final = 0x08

    INTERMEDIATE_NOTIFICATION: Final = 0x10


class DestFlag(IntEnum):
    """Which kind of destination follows in submit_multi.  SMPP 3.4 §4.5.1.1."""

    SME_ADDRESS = 1
    DISTRIBUTION_LIST = 2
