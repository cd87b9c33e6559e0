"""Columns as arrays in the server's binary form, built whole: the driver asks each value whether it is a list.

An array is a header (dimensions, whether it holds NULL, type of its elements, count, first index), then for each
element its length and its octets, most significant first.  It must never know what a column means.
"""

import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

_HEADER: Final = struct.Struct(">iiIii")
#: An array without elements has no dimension.
_EMPTY_OCTETS: Final = 12
_LENGTH: Final = struct.Struct(">i")
_NULL: Final = _LENGTH.pack(-1)
_LENGTHS: Final = tuple(_LENGTH.pack(number) for number in range(1024))
_IS_LITTLE: Final = sys.byteorder == "little"

#: Type of element → (its array's type, its array's name).
_BYTEA: Final = 17
_ARRAYS: Final = {20: (1016, "_int8"), 21: (1005, "_int2"), 23: (1007, "_int4"), _BYTEA: (1001, "_bytea")}
#: Type of a number → code of `array` for it, for the words that it is made of, and those words of its length.
_NUMBERS: Final = {20: ("q", "I", (8,)), 21: ("h", "H", (0, 2)), 23: ("i", "I", (4,))}


def speed_up(connection: Any) -> None:
    """Have a connection send and read columns of numbers and octets this way."""
    settings = connection._protocol.get_settings()
    for element, (oid, name) in _ARRAYS.items():
        encode: Callable[[Any], bytes] = encode_octets if element == _BYTEA else partial(encode_numbers, element)
        decode = decode_octets if element == _BYTEA else partial(decode_numbers, element)
        settings.add_python_codec(oid, name, "pg_catalog", [], "scalar", encode, decode, "binary")


def encode_numbers(element: int, values: Any) -> bytes:
    """An array of numbers.  Raises: OverflowError, TypeError."""
    code, word, lengths = _NUMBERS[element]
    try:
        numbers: array[int] = array(code, values)
    except TypeError:
        if not isinstance(values, Sequence) or None not in values:
            raise
        return _with_nulls(element, [None if each is None else _swapped(array(code, [each])) for each in values])
    count = len(numbers)
    words = array(word, _swapped(numbers))
    before = len(lengths)
    size = before + numbers.itemsize // words.itemsize
    filled = array(word, [*lengths, *[0] * (size - before)])
    if _IS_LITTLE:
        filled.byteswap()
    filled *= count
    for place in range(before, size):
        filled[place::size] = words[place - before :: size - before]
    return _header(element, count, has_null=False) + filled.tobytes()


def _swapped(numbers: "array[int]") -> bytes:
    if _IS_LITTLE:
        numbers.byteswap()
    return numbers.tobytes()


def encode_octets(values: Sequence[bytes | None]) -> bytes:
    """An array of octet strings.  Raises: TypeError."""
    if None in values:
        return _with_nulls(_BYTEA, values)
    return _header(_BYTEA, len(values), has_null=False) + _with_lengths(values)


def _with_lengths(values: Sequence[Any]) -> bytes:
    lengths, most, pack = _LENGTHS, len(_LENGTHS), _LENGTH.pack
    pieces: list[Any] = [b""] * (2 * len(values))
    pieces[::2] = [lengths[length] if length < most else pack(length) for length in map(len, values)]
    pieces[1::2] = values
    return b"".join(pieces)


def _with_nulls(element: int, values: Sequence[bytes | None]) -> bytes:
    pieces = [_NULL if each is None else _LENGTH.pack(len(each)) + each for each in values]
    return _header(element, len(values), has_null=True) + b"".join(pieces)


def _header(element: int, count: int, *, has_null: bool) -> bytes:
    octets = _HEADER.pack(1 if count else 0, has_null, element, count, 1)
    return octets if count else octets[:_EMPTY_OCTETS]


def decode_numbers(element: int, octets: bytes) -> list[int | None]:
    """The numbers of an array."""
    code, word, lengths = _NUMBERS[element]
    if len(octets) <= _EMPTY_OCTETS:
        return []
    if _HEADER.unpack_from(octets)[1]:
        return [None if each is None else int.from_bytes(each, "big", signed=True) for each in _pieces(octets)]
    words = array(word, octets[_HEADER.size :])
    before, itemsize = len(lengths), array(code).itemsize
    size = before + itemsize // words.itemsize
    only = array(word, bytes(len(words) // size * itemsize))
    for place in range(before, size):
        only[place - before :: size - before] = words[place::size]
    numbers = array(code, only.tobytes())
    if _IS_LITTLE:
        numbers.byteswap()
    return numbers.tolist()  # type: ignore[return-value]


def decode_octets(octets: bytes) -> list[bytes | None]:
    """The octet strings of an array."""
    return _pieces(octets) if len(octets) > _EMPTY_OCTETS else []


def _pieces(octets: bytes) -> list[bytes | None]:
    found: list[bytes | None] = []
    place, unpack = _HEADER.size, _LENGTH.unpack_from
    while place < len(octets):
        (length,) = unpack(octets, place)
        place += 4
        found.append(None if length < 0 else octets[place : place + length])
        place += max(length, 0)
    return found
