"""XSer, the extra services of operations 51 to 58: a chain of type, length and octets in hexadecimal.  §4.3.

It must never know what a service means.
"""

from collections.abc import Iterable
from typing import Final

from chappe.wire.ucp.constants import ErrorCode
from chappe.wire.ucp.errors import FieldError, OperationError

#: Hexadecimal digits of the whole field.
MAX_DIGITS: Final = 400

Service = tuple[int, bytes]


def read(digits: str) -> tuple[Service, ...]:
    """Return the services of a field that holds hexadecimal pairs, in order.  Raises: OperationError."""
    octets = bytes.fromhex(digits)
    services = []
    at = 0
    while at < len(octets):
        end = at + 2 + octets[at + 1] if at + 1 < len(octets) else len(octets) + 1
        if end > len(octets):
            raise OperationError("XSer ends within a service", status=ErrorCode.SYNTAX_ERROR)
        services.append((octets[at], octets[at + 2 : end]))
        at = end
    return tuple(services)


def write(services: Iterable[Service]) -> str:
    """Return the field.  Raises: FieldError when it grows too long."""
    octets = bytearray()
    for kind, data in services:
        if len(data) > 255:
            raise FieldError(f"service {kind:02X} of XSer has {len(data)} octets; one octet counts them")
        octets += bytes((kind, len(data))) + data
    if len(octets) * 2 > MAX_DIGITS:
        raise FieldError(f"XSer of {len(octets) * 2} hexadecimal digits; at most {MAX_DIGITS}")
    return octets.hex().upper()


def find(services: Iterable[Service], kind: int) -> bytes | None:
    """Return the octets of a service, None without it."""
    return next((data for each, data in services if each == kind), None)
