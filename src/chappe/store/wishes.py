"""What clients ask of messages that they have handed over, or hand over under a key, and what they are answered."""

from enum import Enum

import msgspec

from chappe.model.message import Item, Message


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """A client's wish that one of its messages does not leave."""

    id: int
    client: str


class Replace(msgspec.Struct, frozen=True, gc=False):
    """A client's wish that `message` leaves instead of `was`, under the same id and by the same queue.

    Its `send_at_ms` says when: 0 is at once.
    """

    was: Message
    message: Message

    @property
    def id(self) -> int:
        """The message that both are."""
        return self.was.id

    @property
    def client(self) -> str:
        """Whose message it is."""
        return self.was.client


Wish = Cancel | Replace


class Granted(Enum):
    """What became of a wish to cancel or replace."""

    DONE = "done"
    #: It is as wished already: somebody asked before, perhaps the same client who did not hear the answer.
    ALREADY = "already"
    #: Somebody holds it, some of it has left, it has ended, or (replace) it is no longer what it was taken for.
    TOO_LATE = "too_late"
    #: There is no such message of this client.
    UNKNOWN = "unknown"


class Once(msgspec.Struct, frozen=True, gc=False):
    """Messages to be stored together, and only if nothing was stored under their key before.

    Without items it only keeps the answer.
    """

    #: Made by the node: the same `Once` given again is known by it, and is no repeat.
    id: int
    #: A digest of what names the request, its client included; at most 32 octets.
    key: bytes
    #: A digest of what was asked for under the key.
    fingerprint: bytes
    #: What the client is told when it asks again.
    answer: bytes
    #: Unix ms until which a repeat is recognised.
    until_ms: int
    items: tuple[Item, ...] = ()


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What was stored under a key before."""

    fingerprint: bytes
    answer: bytes
