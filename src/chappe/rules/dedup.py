"""Whether an MO is a repeat: suppressed on evidence only, since two honest votes are octet-identical.

The evidence is either the operator's own identity of the message, or same content while the first copy's
response was not provably read.  A response is proved read when the peer answers a request that we sent after it.
Times are Unix milliseconds where messages are meant, monotonic seconds where links are.
"""

from collections import OrderedDict, deque
from enum import Enum
from hashlib import blake2b
from typing import Final

from chappe.model.message import Message

#: Suspects and identities kept per operator; beyond, the oldest are forgotten and their repeats pass.
KEPT: Final = 200_000


class Repeat(Enum):
    """What is known of an MO's being a repeat."""

    NO = "no"
    POSSIBLE = "possible"
    PROVED = "proved"


def content_of(message: Message) -> bytes:
    """Sixteen octets that stand for everything the operator sent; equal content, equal octets."""
    digest = blake2b(digest_size=16)
    for text in (message.source, message.dest, message.service_type):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    digest.update(bytes((message.data_coding, message.esm_class, message.protocol_id)))
    digest.update(message.octets)
    for tag, value in message.tlvs:
        digest.update(tag.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value)
    return digest.digest()


class AnsweredMo:
    """The MOs of one link whose responses are not yet proved read."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: deque[tuple[float, int, bytes]] = deque()

    def answered(self, now: float, message_id: int, content: bytes) -> None:
        """The response was handed to the link at `now` (monotonic)."""
        self._open.append((now, message_id, content))

    def proved(self, until: float) -> None:
        """The peer has read all that was written before `until` (monotonic)."""
        while self._open and self._open[0][0] < until:
            self._open.popleft()

    @property
    def oldest_id(self) -> int | None:
        """The first MO that is not proved."""
        return self._open[0][1] if self._open else None

    def lost(self) -> list[tuple[int, bytes]]:
        """The link died: what was never proved, as (message id, content)."""
        left = [(message_id, content) for _, message_id, content in self._open]
        self._open.clear()
        return left


class RepeatJudge:
    """Judges the MOs of one operator."""

    def __init__(self, redelivery_ms: int) -> None:
        self._redelivery_ms = redelivery_ms
        self._suspects: OrderedDict[bytes, int] = OrderedDict()
        self._identities: OrderedDict[bytes, int] = OrderedDict()

    def suspect(self, content: bytes, received_at_ms: int) -> None:
        """An MO was stored, but its response was perhaps not read: it may come again."""
        self._suspects[content] = received_at_ms
        if len(self._suspects) > KEPT:
            self._suspects.popitem(last=False)

    def judge(self, content: bytes, identity: bytes | None, now_ms: int) -> Repeat:
        """Judge an arriving MO; `identity` is the operator's own, where its profile names one."""
        if identity is not None:
            seen_at = self._identities.get(identity)
            if seen_at is not None and now_ms - seen_at <= self._redelivery_ms:
                return Repeat.PROVED
            return Repeat.NO
        suspected_at = self._suspects.get(content)
        if suspected_at is None:
            return Repeat.NO
        if now_ms - suspected_at > self._redelivery_ms:
            del self._suspects[content]
            return Repeat.POSSIBLE
        # One lost response explains one repeat: a second copy is a message of its own.
        del self._suspects[content]
        return Repeat.PROVED

    def forget(self, identity: bytes) -> None:
        """The MO with this identity could not be stored after all: its next copy is welcome."""
        self._identities.pop(identity, None)

    def remember(self, identity: bytes, now_ms: int) -> None:
        """An MO with this identity is being stored."""
        self._identities[identity] = now_ms
        if len(self._identities) > KEPT:
            self._identities.popitem(last=False)
