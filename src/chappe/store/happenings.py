"""What the lines of an event block tell of one message."""

import csv
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Final

from chappe.model.events import COLUMNS
from chappe.store.port import Happening

_FIELDS: Final = COLUMNS.split(",")


def events_in(lines: bytes) -> Iterator[dict[str, str]]:
    """The events of a block's lines."""
    for fields in csv.reader(lines.decode("utf-8").split("\n")[:-1]):
        yield dict(zip(_FIELDS, fields, strict=True))


def events_named(lines: bytes, names: Collection[str]) -> list[dict[str, str]]:
    """Those of some names; lines of others are passed over without being read."""
    wanted = [f",{name},".encode() for name in names]
    if not any(each in lines for each in wanted):
        return []
    own = [line for line in lines.split(b"\n") if any(each in line for each in wanted)]
    return [event for event in events_in(b"\n".join([*own, b""])) if event["event"] in names]


def happenings_in(lines: bytes, message_id: int) -> Iterator[Happening]:
    """Those of one message, in the order of the lines."""
    wanted = str(message_id)
    if wanted.encode() not in lines:
        return
    # An event is one line: fields hold no line feeds.
    own = [line for line in lines.split(b"\n") if wanted.encode() in line]
    for event in events_in(b"\n".join([*own, b""])):
        if event["id"] == wanted:
            at = datetime.strptime(event["time"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
            at_us = int(at.timestamp()) * 1_000_000 + at.microsecond
            yield Happening(at_us, event["event"], event["operator"], event["operator_ref"], event["detail"])
