"""Changes to good octets, made of numbers that some random source gives."""

from collections.abc import Sequence

#: (what is done, where, with which octet)
Edit = tuple[int, int, int]


def edited(octets: bytes, edits: Sequence[Edit]) -> bytes:
    """The octets after some edits."""
    for kind, at, octet in edits:
        at %= max(1, len(octets))
        if kind % 5 == 0:
            octets = octets[:at] + bytes((octet,)) + octets[at + 1 :]
        elif kind % 5 == 1:
            octets = octets[:at] + bytes((octet,)) * (1 + kind) + octets[at:]
        elif kind % 5 == 2:
            octets = octets[:at] + octets[at + 1 + octet % 8 :]
        elif kind % 5 == 3:
            octets = octets[: max(16, at)]
        else:
            octets = octets[:at] + octets[at : at + 9] + octets[at:]
    return octets
