"""What can be wrong with the characters of a peer, and with an operation of our own.

The text of an error names fields, sizes and limits, and never a value: it may be a password or a message.
"""

from chappe.model.errors import MisuseError, PeerError
from chappe.wire.ucp.constants import ErrorCode, error_name


class OperationError(PeerError):
    """The peer sent an operation that cannot be read or done; `status` is the EC that its result should say."""

    def __init__(self, what: str, *, status: ErrorCode) -> None:
        super().__init__(what, status=status)

    def __str__(self) -> str:
        return f"{self.args[0]} [{error_name(self.status)}]"


class FieldError(MisuseError, ValueError):
    """An operation of ours does not fit the wire: the text names the field and its limit."""
