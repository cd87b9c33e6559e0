"""Which parts of a long MO belong together, when they are whole, and how the whole reads.

Handsets number the parts of a text; a client that wants whole texts gets them joined.  Pure: parts and `now` come in,
groups go out.  This file must never know where parts wait meanwhile, nor who gets the whole.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from chappe.model.ids import made_at_ms
from chappe.model.message import Item, Message
from chappe.text import udh
from chappe.text.udh import Element

_UDHI: Final = 0x40
_NO_UDHI: Final = 0xFF ^ _UDHI
#: SMPP 3.4 §5.3.2.22 to 5.3.2.24: the sar_* parameters, which some SMSCs use instead of a header.
_SAR_REFERENCE: Final = 0x020C
_SAR_TOTAL: Final = 0x020E
_SAR_NUMBER: Final = 0x020F
_SAR: Final = frozenset({_SAR_REFERENCE, _SAR_TOTAL, _SAR_NUMBER})
#: Elements that name the part; all others are repeated in every part and belong to the whole.
_CONCATENATIONS: Final = frozenset({udh.CONCATENATION_8, udh.CONCATENATION_16})


class PartKey(msgspec.Struct, frozen=True, gc=False):
    """What the parts of one text have in common.  3GPP TS 23.040 §9.2.3.24.1."""

    operator: str
    source: str
    dest: str
    #: Octets of the reference: 1, 2, or 0 for sar_msg_ref_num.  They count apart.
    reference_octets: int
    reference: int
    total: int


class Place(msgspec.Struct, frozen=True, gc=False):
    """Which part of which text a message is, `number` counted from 1."""

    key: PartKey
    number: int


def place_of(message: Message) -> Place | None:
    """Return which part a message is; None for a text of its own, one part of one included."""
    if message.esm_class & _UDHI:
        named = udh.parse(message.octets).concatenation
        if named is not None and named.total > 1:
            octets = 2 if named.is_16_bit else 1
            return Place(_key(message, octets, named.reference, named.total), named.number)
    if message.tlvs:
        return _place_by_sar(message)
    return None


def _place_by_sar(message: Message) -> Place | None:
    values = {tag: int.from_bytes(value, "big") for tag, value in message.tlvs if tag in _SAR}
    if len(values) < len(_SAR):
        return None
    total, number = values[_SAR_TOTAL], values[_SAR_NUMBER]
    if total < 2 or not 0 < number <= total:
        return None
    return Place(_key(message, 0, values[_SAR_REFERENCE], total), number)


def _key(message: Message, reference_octets: int, reference: int, total: int) -> PartKey:
    return PartKey(message.operator, message.source, message.dest, reference_octets, reference, total)


class Group(msgspec.Struct, gc=False):
    """The parts of one text that have come.  `repeats` are parts that came twice, octet for octet."""

    key: PartKey
    items: dict[int, Item]
    #: Unix ms; then its parts go on as parts.
    until_ms: int
    repeats: list[Item]

    @property
    def is_whole(self) -> bool:
        """Every part is there."""
        return len(self.items) == self.key.total

    @property
    def in_order(self) -> list[Item]:
        """The parts by their number."""
        return [self.items[number] for number in sorted(self.items)]

    @property
    def all_items(self) -> list[Item]:
        """The parts by their number, then those that came twice."""
        return [*self.in_order, *self.repeats]


class Groups:
    """All texts of which parts have come and others have not.

    Time is Unix ms and comes from the ids of the parts or as `now`; nothing here reads a clock.
    """

    def __init__(self) -> None:
        #: The group that takes further parts of a text.
        self._open: dict[PartKey, Group] = {}
        #: Every group that is not whole, oldest first.
        self._waiting: dict[int, Group] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, item: Item, place: Place, patience_ms: int, now_ms: int) -> Group | None:
        """Lay a part to its text; return the group when that made it whole.

        The first part of a text says by its `patience_ms` how long the others may take, from when it came: ids run
        ahead of a clock that was set back.

        A part that is there already in other octets says that the reference was used again: it begins a new group,
        and the old one goes on waiting for nothing but its patience.
        """
        group = self._open.get(place.key)
        if group is not None and (there := group.items.get(place.number)) is not None:
            if _octets(there) == _octets(item):
                group.repeats.append(item)
                return None
            group = None
        if group is None:
            came_at_ms = min(made_at_ms(item.id), now_ms)
            group = self._open[place.key] = Group(place.key, {}, came_at_ms + patience_ms, [])
            self._waiting[id(group)] = group
        group.items[place.number] = item
        if not group.is_whole:
            return None
        self._forget(group)
        return group

    def overdue(self, now_ms: int) -> list[Group]:
        """Give up, and return, the texts whose first part has waited too long for the rest."""
        late = [group for group in self._waiting.values() if group.until_ms <= now_ms]
        for group in late:
            self._forget(group)
        return late

    def oldest(self, count: int) -> list[Group]:
        """Give up, and return, so many texts: those whose first part came before all others."""
        oldest = list(self._waiting.values())[:count]
        for group in oldest:
            self._forget(group)
        return oldest

    def _forget(self, group: Group) -> None:
        del self._waiting[id(group)]
        if self._open.get(group.key) is group:
            del self._open[group.key]


def joined(parts: Sequence[Message], message_id: int) -> Message | None:
    """Return the whole text as one MO, its header without the numbering; None where the parts are not of one kind.

    `parts` are in order.  What the header says beyond the numbering (ports, national tables) must be the same in all.
    """
    first = parts[0]
    elements, octets = _without_numbering(first)
    pieces = [octets]
    for part in parts[1:]:
        others, octets = _without_numbering(part)
        if others != elements or part.data_coding != first.data_coding:
            return None
        pieces.append(octets)
    header = udh.build(elements)
    return msgspec.structs.replace(
        first,
        id=message_id,
        octets=header + b"".join(pieces),
        esm_class=first.esm_class & _NO_UDHI | (_UDHI if header else 0),
        tlvs=tuple(each for each in first.tlvs if each[0] not in _SAR),
        possible_duplicate=any(part.possible_duplicate for part in parts),
    )


def _without_numbering(part: Message) -> tuple[tuple[Element, ...], bytes]:
    if not part.esm_class & _UDHI:
        return (), part.octets
    header, octets = udh.strip(part.octets)
    return tuple(each for each in header.elements if each.iei not in _CONCATENATIONS), octets


def _octets(item: Item) -> bytes:
    content = item.content
    return content.octets if isinstance(content, Message) else b""
