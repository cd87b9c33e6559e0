"""What can be wrong with the octets of a peer, and with a PDU of our own.

The text of an error names fields, sizes and limits, and never a value: it may be a password or a message.
"""

from chappe.model.errors import MisuseError, PeerError
from chappe.wire.smpp.statuses import status_name


class PduError(PeerError):
    """The peer sent a PDU that cannot be read; `status` is what its response should say."""

    def __str__(self) -> str:
        return f"{self.args[0]} [{status_name(self.status)}]"


class FrameError(PeerError):
    """The peer sent a command_length that cannot be true: nothing after it can be trusted.  SMPP 3.4 §3.2."""

    def __init__(self, what: str, *, status: int, command_id: int, sequence_number: int) -> None:
        """`command_id` and `sequence_number` are 0 if the peer had not sent them yet."""
        super().__init__(what, status=status)
        self.command_id = command_id
        self.sequence_number = sequence_number

    def __str__(self) -> str:
        return f"{self.args[0]} [{status_name(self.status)}]"


class FieldError(MisuseError, ValueError):
    """A PDU of ours does not fit the wire: the text names the field and its limit."""
