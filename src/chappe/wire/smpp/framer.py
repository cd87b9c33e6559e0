"""Cuts the octets of a connection into PDUs, wherever TCP may have cut them.  SMPP 3.4 §3.2.

It must never know what a body says.
"""

from chappe.wire.smpp.compiler import HEADER
from chappe.wire.smpp.errors import FrameError
from chappe.wire.smpp.statuses import CommandStatus

#: (command_id, command_status, sequence_number, body)
Frame = tuple[int, int, int, bytes]

_HEADER_OCTETS = 16

#: message_payload of 64 KiB and the mandatory fields around it, rounded up.
MAX_PDU_OCTETS = 70_000


class Framer:
    """Collects octets and gives out whole PDUs.  It never holds more than one PDU and one piece of octets."""

    def __init__(self, max_octets: int = MAX_PDU_OCTETS) -> None:
        """`max_octets` is the longest PDU, header included, that the peer may send."""
        self._max_octets = max_octets
        self._held = bytearray()
        #: How many octets must be there before it is worth looking again.
        self._wanted = 4
        #: Why nothing more will come; the frames before the fault were given out.
        self.error: FrameError | None = None

    def lengthen(self, max_octets: int) -> None:
        """From now on a PDU may have so many octets, header included."""
        self._max_octets = max_octets

    def feed(self, octets: bytes) -> list[Frame]:
        """The PDUs that `octets` complete, in order.

        A command_length that cannot be true sets `error` and stops the framer; good PDUs before it are given out.

        Raises:
            FrameError: fed again after the fault.
        """
        if self.error is not None:
            raise self.error
        held = self._held
        if held:
            held += octets
            if len(held) < self._wanted:
                return []
            octets = bytes(held)
            held.clear()
        return self._cut(octets)

    def _cut(self, octets: bytes) -> list[Frame]:
        frames: list[Frame] = []
        unpack, longest = HEADER.unpack_from, self._max_octets
        at, size = 0, len(octets)
        while size - at >= _HEADER_OCTETS:
            length, command_id, command_status, sequence_number = unpack(octets, at)
            if not _HEADER_OCTETS <= length <= longest:
                break
            end = at + length
            if end > size:
                break
            frames.append((command_id, command_status, sequence_number, octets[at + _HEADER_OCTETS : end]))
            at = end
        if at != size:
            self._keep(octets[at:])
        return frames

    def _keep(self, rest: bytes) -> None:
        """Hold the beginning of a PDU until its end comes, unless its length is already known to be false."""
        length = int.from_bytes(rest[:4], "big")
        if len(rest) < 4:
            self._wanted = 4
        elif _HEADER_OCTETS <= length <= self._max_octets:
            self._wanted = length
        else:
            self.error = self._fault(length, rest)
            return
        self._held += rest

    def _fault(self, length: int, rest: bytes) -> FrameError:
        command_id, sequence_number = 0, 0
        if len(rest) >= _HEADER_OCTETS:
            _, command_id, _, sequence_number = HEADER.unpack_from(rest)
        return FrameError(
            f"command_length {length} is not within {_HEADER_OCTETS} to {self._max_octets}",
            status=CommandStatus.ESME_RINVCMDLEN,
            command_id=command_id,
            sequence_number=sequence_number,
        )
