"""How the texts of HTTP clients are written: national tables where they save a part, other letters on request."""

from typing import Any

import msgspec

from chappe.clients.http_path import Path, path_over
from chappe.clients.http_preview import preview_of
from chappe.clients.http_translate import item_of
from chappe.clients.http_view import accepted_of
from chappe.model.message import Item, Message
from chappe.text import national, udh
from chappe.text.encoding import DefaultAlphabet, Encoding
from chappe.text.national import Shift
from chappe.text.national_tables import Language
from chappe.text.reading import read
from chappe.text.segments import SplitMethod, split
from chappe.wire.http.messages import Change, NewMessage, Preview

TURKISH = Path("operator:three", languages=frozenset({Language.TURKISH}))
LONG = "Şimdi ığdır'da, " * 10


def stored(path: Path = TURKISH, **fields: Any) -> tuple[Item, Message]:
    new = NewMessage(**{"to": "+37120000001", "text": LONG} | fields)
    item = item_of(new, 1, "acme", 1, 0, lambda to, source: path)
    assert isinstance(item, Item), item
    assert isinstance(item.content, Message)
    return item, item.content


def test_a_text_in_national_tables_names_them_in_its_header() -> None:
    item, message = stored()

    assert (message.parts, message.data_coding, message.esm_class) == (2, 0, 0x40)
    header, octets = udh.strip(message.octets)
    assert national.shift_of(header) == Shift(single=Language.TURKISH)
    assert read(message.octets, 0, has_udh=True) == LONG
    assert accepted_of(item).encoding == "gsm7"
    # Each part says so again, and can be read alone.
    parts = split(octets, Encoding.GSM7, elements=header.elements)
    assert "".join(read(part.octets, 0, has_udh=True) for part in parts) == LONG


def test_its_own_header_stays_beside_that_of_the_tables() -> None:
    ports = udh.build([udh.Element(udh.PORTS_16, b"\x0b\x84\x23\xf0")])

    _, message = stored(udh=ports.hex())

    header = udh.parse(message.octets)
    assert header.find(udh.PORTS_16) == b"\x0b\x84\x23\xf0"
    assert header.find(udh.NATIONAL_SINGLE_SHIFT) == b"\x01"


def test_ucs2_stays_where_tables_may_not_or_need_not_be_used() -> None:
    for path, fields in (
        (Path("operator:three"), {}),
        (TURKISH, {"text": "ığdır"}),
        (TURKISH, {"encoding": "ucs2"}),
        (TURKISH, {"data_coding": 8}),
        (TURKISH, {"text": "नमस्ते" * 30}),
        (msgspec.structs.replace(TURKISH, split=SplitMethod.NONE), {}),
    ):
        _, message = stored(path, **fields)
        assert message.data_coding == 8, (path, fields)


def test_a_route_may_use_what_all_its_operators_may() -> None:
    every = Path("operator:one", languages=frozenset(Language))
    latin = Path("operator:two", alphabets=(DefaultAlphabet.LATIN1,), languages=frozenset(Language))

    assert path_over([every, TURKISH]).languages == {Language.TURKISH}
    assert path_over([every, Path("operator:two")]).languages == frozenset()
    assert path_over([every, latin]).languages == frozenset()


def test_a_preview_shows_texts_in_national_tables() -> None:
    new = NewMessage(to="+37120000001", text=LONG)

    shown = preview_of(new, "acme", 0, lambda to, source: TURKISH)

    assert isinstance(shown, Preview)
    assert (shown.encoding, shown.parts) == ("gsm7", 2)
    assert "".join(shown.part_texts or ()) == LONG
    assert shown.per_part == 160 - 11  # the header has 9 octets


def test_a_transliterated_text_is_told_with_all_its_changes() -> None:
    item, message = stored(text="“Ok” – š", transliterate=True)

    assert (message.octets, message.data_coding) == (b'"Ok" - s', 0)
    answer = accepted_of(item)
    assert answer.encoding == "gsm7"
    assert answer.transliterated == (Change("“", '"', 1), Change("”", '"', 1), Change("–", "-", 1), Change("š", "s", 1))


def test_nothing_is_told_where_nothing_was_changed_or_asked_for() -> None:
    for fields in ({"text": "plain", "transliterate": True}, {"text": "“quoted”"}):
        item, _ = stored(**fields)
        assert b"transliterated" not in msgspec.json.encode(accepted_of(item))


def test_a_preview_of_a_transliterated_text_shows_what_would_be_sent() -> None:
    new = NewMessage(to="+37120000001", text="š", transliterate=True)

    shown = preview_of(new, "acme", 0, lambda to, source: TURKISH)

    assert isinstance(shown, Preview)
    assert (shown.part_texts, shown.transliterated, shown.forced_by) == (["s"], (Change("š", "s", 1),), None)
