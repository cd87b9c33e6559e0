"""The messages that a simulated client makes up: each has its own tag, handsets count up or are scattered.

It must never know a link, a ledger or a protocol's PDU.
"""

from random import Random
from typing import Final

import msgspec

from chappe.sim.options import ClientOptions

#: Letters of a made-up tag prefix: no digits, for the message's number follows, and none that look alike.
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz"

#: A prime that scatters the handsets: steps of this size reach each of them before one comes again.
_STRIDE: Final = 2_654_435_761


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message: `text` begins with the tag."""

    tag: str
    source: str
    destination: str
    text: str


class MessageSource:
    """Makes the messages of one run, one after the other."""

    def __init__(self, options: ClientOptions, random: Random) -> None:
        self.remaining = options.count
        self.prefix: Final = options.tag_prefix or "".join(random.choices(_LETTERS, k=5))
        self._options = options
        self._made = 0

    def make(self) -> Message:
        """The next message."""
        options, number = self._options, self._made
        self._made += 1
        self.remaining -= 1
        tag = f"{self.prefix}{number + 1}"
        handset = number * _STRIDE % options.destinations if options.is_scattered else number % options.destinations
        text = options.text.replace("{n}", str(number + 1))
        return Message(tag, options.source, str(int(options.destination) + handset), f"{tag} {text}")
