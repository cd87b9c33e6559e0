"""The numbers of UCP: operations, error codes, message types.  EMI-UCP 4.x §2, §4, §6."""

from enum import IntEnum, StrEnum
from typing import Final

#: TRN has two digits, so no more than this many operations wait for a result at once.  §2.
TRNS: Final = 100


class Ot(IntEnum):
    """Operation types.  §4 and §5."""

    CALL_INPUT = 1
    MULTIPLE_ADDRESS_CALL_INPUT = 2
    CALL_INPUT_WITH_SUPPLEMENTARY_SERVICES = 3
    SMS_MESSAGE_TRANSFER = 30
    ALERT = 31
    SUBMIT_SHORT_MESSAGE = 51
    DELIVER_SHORT_MESSAGE = 52
    DELIVER_NOTIFICATION = 53
    MODIFY_MESSAGE = 54
    INQUIRY_MESSAGE = 55
    DELETE_MESSAGE = 56
    INQUIRY_RESPONSE = 57
    DELETE_RESPONSE = 58
    SESSION_MANAGEMENT = 60
    LIST_MANAGEMENT = 61


class ErrorCode(IntEnum):
    """EC of a negative result.  §6."""

    CHECKSUM_ERROR = 1
    SYNTAX_ERROR = 2
    OPERATION_NOT_SUPPORTED = 3
    OPERATION_NOT_ALLOWED = 4
    CALL_BARRING_ACTIVE = 5
    ADC_INVALID = 6
    AUTHENTICATION_FAILURE = 7
    LEGITIMISATION_CODE_FAILURE = 8
    GA_NOT_VALID = 9
    REPETITION_NOT_ALLOWED = 10
    LEGITIMISATION_CODE_FOR_REPETITION_FAILURE = 11
    PRIORITY_CALL_NOT_ALLOWED = 12
    LEGITIMISATION_CODE_FOR_PRIORITY_FAILURE = 13
    URGENT_MESSAGE_NOT_ALLOWED = 14
    LEGITIMISATION_CODE_FOR_URGENT_FAILURE = 15
    REVERSE_CHARGING_NOT_ALLOWED = 16
    LEGITIMISATION_CODE_FOR_REVERSE_CHARGING_FAILURE = 17
    DEFERRED_DELIVERY_NOT_ALLOWED = 18
    NEW_AC_NOT_VALID = 19
    NEW_LEGITIMISATION_CODE_NOT_VALID = 20
    STANDARD_TEXT_NOT_VALID = 21
    TIME_PERIOD_NOT_VALID = 22
    MESSAGE_TYPE_NOT_SUPPORTED = 23
    MESSAGE_TOO_LONG = 24
    REQUESTED_STANDARD_TEXT_NOT_VALID = 25
    MESSAGE_TYPE_NOT_VALID_FOR_PAGER = 26
    MESSAGE_NOT_FOUND = 27
    INVALID_CHARACTER_SET = 28
    SUBSCRIBER_HANG_UP = 30
    FAX_GROUP_NOT_SUPPORTED = 31
    FAX_MESSAGE_TYPE_NOT_SUPPORTED = 32
    ADDRESS_ALREADY_IN_LIST = 33
    ADDRESS_NOT_IN_LIST = 34
    LIST_FULL = 35
    RPID_ALREADY_IN_USE = 36
    DELIVERY_IN_PROGRESS = 37
    MESSAGE_FORWARDED = 38
    LOW_NETWORK_STATUS = 50
    STANDARD_TEXT_CODE = 51
    PARTIALLY_SUCCESSFUL = 53
    NOT_SUCCESSFUL = 54
    SYSTEM_ERROR = 55
    ADDRESS_ALREADY_MEMBER = 57
    ADDRESS_NOT_MEMBER = 58
    LIST_INVALID = 59
    NOT_CONTROLLER = 61


class MessageType(StrEnum):
    """MT: how the text is written.  §4."""

    NUMERIC = "2"
    ALPHANUMERIC = "3"
    TRANSPARENT = "4"


class SessionType(StrEnum):
    """STYP of operation 60.  §5.1."""

    OPEN = "1"
    CHANGE_PASSWORD = "3"
    OPEN_PROVISIONING = "4"
    CHANGE_PROVISIONING_PASSWORD = "6"


class DeliveryStatus(StrEnum):
    """Dst of operation 53.  §4.5."""

    DELIVERED = "0"
    BUFFERED = "1"
    NOT_DELIVERED = "2"


class XserType(IntEnum):
    """Types of extra services within XSer.  §4.3."""

    UDH = 0x01
    DCS = 0x02
    MESSAGE_TYPE = 0x03
    MESSAGE_REFERENCE = 0x04
    PRIVACY = 0x05
    URGENCY = 0x06
    ACK_REQUEST = 0x07
    MESSAGE_UPDATING = 0x08
    CALL_BACK = 0x09
    RESPONSE_CODE = 0x0A
    TELESERVICE = 0x0B
    BILLING = 0x0C
    SINGLE_SHOT = 0x0D


#: OTOA: what OAdC is.  Empty is a national number, a short code, or nobody knows.  §4.3.
OTOA_INTERNATIONAL: Final = "1139"
OTOA_ALPHANUMERIC: Final = "5039"

#: PID and NPID of a computer over TCP/IP.  §4.2.
PID_TCP_IP: Final = "0539"


def error_name(code: int) -> str:
    """The name of an error code, for logs; SMSCs have codes of their own."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"EC_{code:02}"
