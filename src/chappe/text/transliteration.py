"""Writes a text with the letters of the GSM alphabet, and says what it changed.

Only on request, for it changes what somebody wrote.  Typographic marks become plain ones, letters lose marks that the
alphabet does not have, other scripts are written in Latin letters.  This file must never know who asked.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec
from anyascii import anyascii

from chappe.text import gsm7

#: What typographers and word processors write, and what a telephone's keys have.  Latin letters with marks, and
#: other scripts, are found by decomposition and by table.
_PLAIN: Final[Mapping[str, str]] = {
    "`": "'",
    "´": "'",
    "…": "...",
    "\u00a0": " ",
    "\u202f": " ",
    "\u200b": "",
    "\u200c": "",
    "\u200d": "",
    "\ufe0f": "",
    "\ufeff": "",
    "\t": " ",
    "\u2028": "\n",
    "\u2029": "\n",
    "«": '"',
    "»": '"',
    "×": "x",
    "÷": "/",
    "™": "TM",
    "©": "(c)",
    "®": "(r)",
    "°": "o",
    # anyascii leaves it out, for it is not always spoken; an Arabic text without it cannot be read.
    "\u0627": "a",
}


class Change(msgspec.Struct, frozen=True, gc=False):
    """One character that was written in another way, and how often."""

    character: str
    written: str
    count: int


class Transliterated(msgspec.Struct, frozen=True, gc=False):
    """A text of the GSM alphabet, and each character of the original that is not in it as it was."""

    text: str
    changes: tuple[Change, ...]


def transliterate(text: str) -> Transliterated:
    """Write a text in the GSM alphabet.  A character for which nothing stands, such as an emoji, becomes `?`.

    Marks that follow their letter are taken together with it first (normal form C), so `e` and an acute is `é`.
    """
    composed = unicodedata.normalize("NFC", text)
    count_by_character: dict[str, int] = {}
    pieces = []
    for character in composed:
        piece = _written(character)
        if piece != character:
            count_by_character[character] = count_by_character.get(character, 0) + 1
        pieces.append(piece)
    changes = tuple(Change(each, _written(each), count) for each, count in count_by_character.items())
    return Transliterated("".join(pieces), changes)


@lru_cache(maxsize=4096)
def _written(character: str) -> str:
    """One character of any script, in characters of the alphabet."""
    if gsm7.fits(character):
        return character
    if character in _PLAIN:
        return _PLAIN[character]
    if unicodedata.combining(character):
        return ""
    letter = unicodedata.normalize("NFKD", character)[0]
    if letter != character and gsm7.fits(letter) and letter.isalpha():
        return letter
    latin = anyascii(character)
    return latin if latin and gsm7.fits(latin) and not _is_a_name(character, latin) else "?"


def _is_a_name(character: str, latin: str) -> bool:
    """Pictures come back as names between colons: nobody reads `:joy:` as what was meant."""
    return unicodedata.category(character) in {"So", "Sk", "Cs", "Co", "Cn"} and latin.startswith(":")
