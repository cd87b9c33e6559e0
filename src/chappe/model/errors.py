"""The four things that can go wrong, named by whose turn it is to act.

What the trade expects (refused, deferred) is a value and never an exception.
This file must know no protocol and no store.
"""

from __future__ import annotations


class GatewayError(Exception):
    """What should not have happened.  Its text is one line: what, how much, which limit, which peer."""


class PeerError(GatewayError):
    """The other side broke its protocol: answer with `status`, the protocol's own number, then close."""

    def __init__(self, what: str, *, status: int) -> None:
        super().__init__(what)
        self.status = status


class ResourceError(GatewayError):
    """The store or the network is away: back off and try again."""


class SettingsError(GatewayError):
    """An administrator must act: the text names the file, the key, and what was expected."""


class MisuseError(GatewayError):
    """Our own code is wrong: crash, restart, be loud."""
