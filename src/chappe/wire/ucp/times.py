"""Moments as UCP writes them: DDMMYYHHmm and DDMMYYHHmmss, in the SMSC's own time.  EMI-UCP 4.x §4.3.

No clock is read here, and the time zone comes in.
"""

from datetime import datetime, tzinfo

from chappe.wire.ucp.constants import ErrorCode
from chappe.wire.ucp.errors import OperationError


def write_minute(moment: datetime, zone: tzinfo) -> str:
    """Return DDMMYYHHmm of an aware moment, as DDT and VP have it; seconds are cut off."""
    return f"{moment.astimezone(zone):%d%m%y%H%M}"


def write_second(moment: datetime, zone: tzinfo) -> str:
    """Return DDMMYYHHmmss of an aware moment, as SCTS and DSCTS have it."""
    return f"{moment.astimezone(zone):%d%m%y%H%M%S}"


def read(digits: str, zone: tzinfo) -> datetime:
    """Return the aware moment that 10 or 12 digits name.  Raises: OperationError."""
    pattern = {10: "%d%m%y%H%M", 12: "%d%m%y%H%M%S"}.get(len(digits))
    try:
        if pattern is None:
            raise ValueError
        return datetime.strptime(digits, pattern).replace(tzinfo=zone)
    except ValueError:
        raise OperationError("a time is not DDMMYYHHmm or DDMMYYHHmmss", status=ErrorCode.SYNTAX_ERROR) from None
