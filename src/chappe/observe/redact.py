"""How a handset's number leaves the gateway for logs and files: whole, masked or hashed.

The only place that decides it.  A message's text and secrets never come here: events do not carry them.
"""

import csv
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from chappe.model.events import clean

#: The column of the handset's number, counted from 0; nothing before it can hold a number of a handset.
MSISDN: Final = 5
#: Digits of a masked number that stay: country and perhaps network, and enough to tell two apart.
HEAD_DIGITS: Final = 3
TAIL_DIGITS: Final = 2
#: Octets of a hash: with 8, a million numbers collide once in 37 million trials.
HASH_OCTETS: Final = 8
#: Shorter numbers are not looked for in other columns: they would be found in anything.
SHORTEST_SOUGHT: Final = 6

Write = Callable[[str], str]


def mask(number: str) -> str:
    """Keep the first and the last digits: `371******01`; hide all of what is short or no number."""
    digits = number.removeprefix("+")
    hidden = len(digits) - HEAD_DIGITS - TAIL_DIGITS
    if hidden <= 0 or not digits.isalnum():
        return "*" * len(number)
    return f"{digits[:HEAD_DIGITS]}{'*' * hidden}{digits[-TAIL_DIGITS:]}"


def hashed(number: str, key: bytes) -> str:
    """The same for the same number and key, so that one handset's events can be found; else it tells nothing."""
    digits = number.removeprefix("+").encode("utf-8", "backslashreplace")
    return blake2b(digits, digest_size=HASH_OCTETS, key=key, person=b"chappe-msisdn").hexdigest()


def redactor(how: str, key: bytes) -> Callable[[bytes], bytes] | None:
    """What changes event lines as the setting `redact` says; None for "whole", which changes nothing.

    `key` keeps hashes from being looked up in a list of all numbers; it must stay the same between runs.
    """
    if how == "whole":
        return None
    write: Write = mask if how == "masked" else lambda number: hashed(number, key)
    return lambda lines: _redact_lines(lines, write)


def _redact_lines(lines: bytes, write: Write) -> bytes:
    text = lines.decode("utf-8")
    return "".join([_redact_line(line, write) for line in text.split("\n") if line]).encode("utf-8")


def _redact_line(line: str, write: Write) -> str:
    """Change the number wherever it stands from its own column on: references and details may repeat it."""
    *before, rest = line.split(",", MSISDN)
    if '"' not in rest:
        fields = rest.split(",")
        return ",".join([*before, *_hide(fields, write)]) + "\n"
    fields = next(csv.reader([rest]))
    return ",".join([*before, *(clean(field) for field in _hide(fields, write))]) + "\n"


def _hide(fields: list[str], write: Write) -> list[str]:
    """The fields from the number's own on, without the number."""
    number, *others = fields
    if not number:
        return fields
    changed, bare = write(number), number.removeprefix("+")
    if len(bare) < SHORTEST_SOUGHT:
        return [changed, *others]
    return [changed, *(field.replace(bare, changed) for field in others)]
