"""Turns a class that lists the fields of a PDU into a frozen struct, and remembers what was declared.

    @pdu(command_id=CommandId.OUTBIND)
    class Outbind:
        system_id: str = c_string(max_octets=16)
        password: str = c_string(max_octets=9, secret=True)

This file must never know how fields become octets: `compiler` does.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast, dataclass_transform

import msgspec

from chappe.wire.smpp.fields import (
    CString,
    Field,
    TlvStream,
    c_string,
    composites,
    integer,
    octet_string,
    time_string,
    tlv_stream,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Declaration:
    """A struct and its fields in wire order; `command_id` is None for a part of a PDU."""

    struct: type[Any]
    fields: tuple[tuple[str, Field], ...]
    command_id: int | None = None

    @property
    def has_tlvs(self) -> bool:
        """Whether TLVs may follow the fields."""
        return any(isinstance(field, TlvStream) for _, field in self.fields)


#: Every PDU by its command_id, and every composite by its struct, as `@pdu` and `@composite` saw them.
PDUS: Final[dict[int, Declaration]] = {}
COMPOSITES: Final[dict[type, Declaration]] = {}


@dataclass_transform(
    frozen_default=True, field_specifiers=(c_string, time_string, integer, octet_string, composites, tlv_stream)
)
def pdu(*, command_id: int) -> Callable[[type[T]], type[T]]:
    """Make the class below a PDU: a frozen struct, one attribute for each declared field."""

    def declare(listing: type[T]) -> type[T]:
        fields = _fields_of(listing)
        struct = _struct_of(listing, fields)
        PDUS[command_id] = Declaration(struct, fields, int(command_id))
        return cast("type[T]", struct)

    return declare


@dataclass_transform(frozen_default=True, field_specifiers=(c_string, integer))
def composite(listing: type[T]) -> type[T]:
    """Make the class below one value of a list inside a PDU, as a destination of submit_multi is."""
    fields = _fields_of(listing)
    struct = _struct_of(listing, fields)
    COMPOSITES[struct] = Declaration(struct, fields)
    return cast("type[T]", struct)


def _fields_of(listing: type) -> tuple[tuple[str, Field], ...]:
    return tuple((name, getattr(listing, name)) for name in inspect.get_annotations(listing))


def _struct_of(listing: type, fields: tuple[tuple[str, Field], ...]) -> type[Any]:
    # A PDU is made by the ten thousand and holds nothing that could point back at it: gc=False.
    return msgspec.defstruct(
        listing.__name__,
        [
            (name, listing.__annotations__[name])
            if field.default is None
            else (name, listing.__annotations__[name], field.default)
            for name, field in fields
        ],
        module=listing.__module__,
        namespace={"__doc__": listing.__doc__, **_silence(fields)},
        frozen=True,
        gc=False,
    )


def _silence(fields: tuple[tuple[str, Field], ...]) -> dict[str, Callable[[Any], Any]]:
    """Methods which print a struct without its secrets; none if it has none."""
    secrets = {name for name, field in fields if isinstance(field, CString) and field.is_secret}
    if not secrets:
        return {}

    def shown(struct: Any) -> Iterator[tuple[str, str]]:
        for name, _ in fields:
            yield name, "***" if name in secrets else getattr(struct, name)

    def __repr__(struct: Any) -> str:
        return f"{type(struct).__name__}({', '.join(f'{name}={value!r}' for name, value in shown(struct))})"

    return {"__repr__": __repr__, "__rich_repr__": shown}
