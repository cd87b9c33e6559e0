"""Which table of a SQLite store becomes which table of PostgreSQL, column by column.  Pure.

Numbers of names differ from store to store, so rows travel with the names themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec

from chappe.model.address import handset_key
from chappe.model.ids import made_at_ms
from chappe.model.message import Message
from chappe.store.bodies import message_or_none
from chappe.store.postgres.hashing import ref_key

Row = tuple[Any, ...]

#: The type of a column in PostgreSQL, by how it travels: `name` is the number of a name, `octets` was text in SQLite,
#: `place` is made of the moment from which an item is due and the one at which it came; `handset` and `ref_key`
#: are read from the message; `writer` is the moved store itself.
_PG_TYPES: Final = {
    "name": "integer",
    "octets": "bytea",
    "place": "bigint",
    "handset": "bigint",
    "ref_key": "integer",
    "writer": "integer",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the target."""

    name: str
    travels_as: str

    @property
    def pg_type(self) -> str:
        """Its type in PostgreSQL."""
        return _PG_TYPES.get(self.travels_as, self.travels_as)


@dataclass(frozen=True, slots=True)
class Table:
    """One table, read in the order of `keys`, columns of the source that tell its rows apart."""

    name: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]

    def row_of(self, source: Mapping[str, Any], name_of: Callable[[int], str]) -> Row:
        """A row of the source as it travels: names as text, text as octets."""
        return tuple(_value(column, source, name_of) for column in self.columns)


def _value(column: Column, source: Mapping[str, Any], name_of: Callable[[int], str]) -> Any:
    if column.travels_as == "place":
        return source["due_at_ms"] or made_at_ms(source["id"])
    if column.travels_as == "writer":
        return None
    if column.travels_as in ("handset", "ref_key"):
        return _key_of(column.travels_as, message_or_none(source["body"]))
    value = source[column.name]
    if value is None:
        return None
    if column.travels_as == "name":
        return name_of(value)
    if column.travels_as == "octets":
        return value.encode() if isinstance(value, str) else bytes(value)
    return value


def _key_of(travels_as: str, message: Message | None) -> int | None:
    """What a message is searched by; one whose octets are broken is found by its id alone."""
    if travels_as == "handset":
        return handset_key(message.handset) if message is not None else 0
    return ref_key(message.reference) if message is not None and message.reference else None


def _table(name: str, keys: str, columns: str) -> Table:
    pairs = (word.split(":") for word in columns.split())
    return Table(name, tuple(Column(column, kind) for column, kind in pairs), tuple(keys.split()))


TABLES: Final[Sequence[Table]] = (
    _table(
        "messages",
        "id",
        "id:bigint client:name status:smallint queue:name priority:smallint lane:name place:place due_at_ms:bigint"
        " operator:name sent_at_us:bigint final_at_us:bigint operator_ref:octets error:octets"
        " handset:handset client_ref:ref_key body:bytea",
    ),
    _table(
        "parts",
        "id part",
        "id:bigint part:smallint status:smallint operator:name operator_ref:octets sent_at_us:bigint error:octets",
    ),
    _table(
        "queue",
        "queue priority lane due_at_ms id",
        "queue:name priority:smallint lane:name place:place id:bigint attempts:integer due_at_ms:bigint body:bytea",
    ),
    _table("expiries", "at_ms id", "at_ms:bigint id:bigint"),
    _table(
        "held",
        "id",
        "id:bigint queue:name at_us:bigint reason:octets priority:smallint lane:name body:bytea",
    ),
    _table("parked", "id", "id:bigint operator:name at_ms:bigint body:bytea"),
    _table("kept", "key", "key:bytea id:bigint fingerprint:bytea answer:bytea at_ms:bigint until_ms:bigint"),
    _table(
        "failed_callbacks",
        "id",
        "id:bigint client:name queue:name priority:smallint lane:name at_us:bigint attempts:integer reason:octets"
        " body:bytea",
    ),
    _table("callbacks_off", "client", "client:octets url:octets at_us:bigint reason:octets"),
    _table(
        "opt_outs",
        "list handset",
        "list:octets handset:bytea is_out:boolean message_id:bigint at_us:bigint word:bytea reply_id:bigint",
    ),
    _table("credit", "client currency", "client:octets currency:octets balance:bigint is_open:smallint"),
    _table(
        "configurations",
        "number",
        "number:bigint at_us:bigint author:octets approved_by:octets instruction:bigint what:octets digest:text"
        " before:text toml:octets document:octets",
    ),
    _table("configuration_files", "box", "box:text digest:text"),
    _table("mo_identities", "operator identity", "operator:name identity:bytea at_ms:bigint"),
    _table(
        "counters",
        "minute event client operator",
        "minute:bigint event:text client:octets operator:octets writer:writer count:bigint",
    ),
    _table(
        "event_blocks",
        "seq",
        "writer:writer seq:bigint run:integer at_us:bigint events:integer ids:bytea counts:bytea lines:bytea",
    ),
)

BY_NAME: Final = {table.name: table for table in TABLES}

#: Tables of the source that become something else in the target, or mean nothing there.
TRANSLATED: Final = frozenset(
    {"names", "refs", "reference_generations", "finished", "copies", "runs", "meta", "sqlite_sequence"}
)

_pack = msgspec.msgpack.Encoder().encode


class Digest:
    """How many rows there were and what they were, whatever their order."""

    __slots__ = ("rows", "sum")

    def __init__(self, rows: int = 0, sum_: int = 0) -> None:
        self.rows = rows
        self.sum = sum_

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows as they travel."""
        for row in rows:
            self.sum = (self.sum + int.from_bytes(blake2b(_pack(row), digest_size=16).digest(), "big")) % (1 << 128)
        self.rows += len(rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digest) and (self.rows, self.sum) == (other.rows, other.sum)

    def __hash__(self) -> int:
        return hash((self.rows, self.sum))
