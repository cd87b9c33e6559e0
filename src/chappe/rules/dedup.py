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
        self._open: deque[tuple[float, int, bytes, bool]] = deque()

    def answered(self, now: float, message_id: int, content: bytes, *, is_repeat: bool = False) -> None:
        """The response was handed to the link at `now` (monotonic); a repeat bears the id of its first copy."""
        self._open.append((now, message_id, content, is_repeat))

    def proved(self, until: float) -> None:
        """The peer has read all that was written before `until` (monotonic)."""
        while self._open and self._open[0][0] < until:
            self._open.popleft()

    @property
    def is_waiting(self) -> bool:
        """Something is not proved."""
        return bool(self._open)

    @property
    def oldest_id(self) -> int | None:
        """The first new MO that is not proved."""
        return next((message_id for _, message_id, _, is_repeat in self._open if not is_repeat), None)

    @property
    def repeat_ids(self) -> list[int]:
        """The first copies of suppressed repeats whose answers are not proved either."""
        return [message_id for _, message_id, _, is_repeat in self._open if is_repeat]

    def lost(self) -> list[tuple[int, bytes]]:
        """The link died: what was never proved, as (message id, content)."""
        left = [(message_id, content) for _, message_id, content, _ in self._open]
        self._open.clear()
        return left


class RepeatJudge:
    """Judges the MOs of one operator."""

    def __init__(self, redelivery_ms: int) -> None:
        self._redelivery_ms = redelivery_ms
        #: Content → when each copy of it was received, and its id: honest messages of equal content are several.
        self._suspects: OrderedDict[bytes, list[tuple[int, int]]] = OrderedDict()
        self._identities: OrderedDict[bytes, int] = OrderedDict()
        #: There are suspects that were none when somebody last cleared this, or the other way round.
        self.has_changed = False

    def change(self, redelivery_ms: int) -> None:
        """Copies come within another time from now on."""
        self._redelivery_ms = redelivery_ms

    def suspect(self, content: bytes, received_at_ms: int, message_id: int = 0) -> None:
        """An MO was stored, but its response was perhaps not read: it may come again."""
        self._suspects.setdefault(content, []).append((received_at_ms, message_id))
        self.has_changed = True
        if len(self._suspects) > KEPT:
            self._suspects.popitem(last=False)

    @property
    def suspect_ids(self) -> list[int]:
        """The ids of all suspects."""
        return [message_id for copies in self._suspects.values() for _, message_id in copies]

    def first_copy(self, content: bytes) -> int:
        """The id of the suspect that explains the next repeat of this content; 0 when there is none."""
        copies = self._suspects.get(content)
        return copies[0][1] if copies else 0

    def judge(self, content: bytes, identity: bytes | None, now_ms: int) -> Repeat:
        """Judge an arriving MO; `identity` is the operator's own, where its profile names one."""
        if identity is not None:
            seen_at = self._identities.get(identity)
            if seen_at is not None and now_ms - seen_at <= self._redelivery_ms:
                return Repeat.PROVED
            return Repeat.NO
        copies = self._suspects.get(content)
        if copies is None:
            return Repeat.NO
        # One lost response explains one repeat: a further copy is a message of its own.
        received_at_ms, _ = copies.pop(0)
        if not copies:
            del self._suspects[content]
        self.has_changed = True
        return Repeat.PROVED if now_ms - received_at_ms <= self._redelivery_ms else Repeat.POSSIBLE

    def forget(self, identity: bytes) -> None:
        """The MO with this identity could not be stored after all: its next copy is welcome."""
        self._identities.pop(identity, None)

    def remember(self, identity: bytes, now_ms: int) -> None:
        """An MO with this identity is being stored."""
        self._identities[identity] = now_ms
        if len(self._identities) > KEPT:
            self._identities.popitem(last=False)
