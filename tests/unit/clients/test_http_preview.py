"""What a message would be: the same judgement as that of a posted one, shown."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.clients.http_path import Path
from chappe.clients.http_preview import preview_of
from chappe.clients.http_translate import item_of
from chappe.model.ids import EPOCH_MS
from chappe.model.message import Item, Message
from chappe.text.encoding import DefaultAlphabet
from chappe.text.segments import SplitMethod
from chappe.wire.http.messages import NewMessage, Preview
from chappe.wire.http.problems import Code, Refusal

NOW_MS = EPOCH_MS + 200_000_000_000
THREE = Path("operator:three")


def previewed(path: Path | None = THREE, **fields: Any) -> Preview | Refusal:
    return preview_of(NewMessage(to="+37120000001", **fields), "acme", NOW_MS, lambda to, source: path)


def shown(path: Path = THREE, **fields: Any) -> Preview:
    found = previewed(path, **fields)
    assert isinstance(found, Preview)
    return found


def test_a_short_text_is_one_part_of_the_gsm_alphabet() -> None:
    assert shown(text="Price: 5 €") == Preview("gsm7", 10, 11, 1, 160, None, "three", ["Price: 5 €"])


def test_the_first_character_that_needs_ucs2_is_named() -> None:
    found = shown(text="Labdien! Ķīna ✓")

    assert (found.encoding, found.forced_by, found.per_part, found.units) == ("ucs2", "Ķ", 70, 15)


def test_who_asks_for_ucs2_was_not_forced() -> None:
    assert shown(text="Hello", encoding="ucs2").forced_by is None
    assert shown(text="Hello Ķ", data_coding=8).forced_by is None


def test_a_long_text_shows_its_parts_and_cuts_no_character_apart() -> None:
    found = shown(text="x" * 152 + "€" * 5)

    assert (found.parts, found.per_part, found.characters, found.units) == (2, 153, 157, 162)
    assert found.part_texts == ["x" * 152, "€" * 5]


@pytest.mark.parametrize(
    ("split", "per_part"), [(SplitMethod.UDH8, 67), (SplitMethod.UDH16, 66), (SplitMethod.SAR, 67)]
)
def test_parts_hold_what_the_routes_operator_leaves_them(split: SplitMethod, per_part: int) -> None:
    found = shown(Path("operator:three", split), text="😀" * 40)

    assert (found.parts, found.per_part, found.characters, found.units) == (2, per_part, 40, 80)
    assert "".join(found.part_texts or ()) == "😀" * 40


def test_a_message_that_the_operator_cuts_is_one_part_and_shows_what_handsets_get() -> None:
    found = shown(Path("operator:three", SplitMethod.NONE), text="x" * 200)

    assert (found.parts, [len(each) for each in found.part_texts or ()]) == (1, [153, 47])


def test_octets_are_counted_and_not_shown() -> None:
    found = shown(binary="00ff" * 10, udh="0605040b8423f0")

    assert (found.encoding, found.characters, found.per_part, found.part_texts) == ("binary", 20, 133, None)


def test_an_operator_with_another_alphabet_shows_the_text_as_it_was_written() -> None:
    latin = Path("operator:three", alphabets=(DefaultAlphabet.LATIN1,))

    assert shown(latin, text="Grüße").part_texts == ["Grüße"]


def test_what_would_be_refused_is_refused() -> None:
    nowhere, empty = previewed(None, text="Hello"), previewed(text="")

    assert isinstance(nowhere, Refusal)
    assert isinstance(empty, Refusal)
    assert (nowhere.code, empty.code) == (Code.NO_ROUTE, Code.INVALID_MESSAGE)


@given(
    # A byte order mark at the beginning of a part is read as one, and shows nothing.
    text=st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\ufffe"), min_size=1, max_size=500),
    split=st.sampled_from([SplitMethod.UDH8, SplitMethod.UDH16, SplitMethod.SAR]),
)
def test_a_preview_is_what_would_be_accepted(text: str, split: SplitMethod) -> None:
    path = Path("operator:three", split)
    new = NewMessage(to="+37120000001", text=text)

    found = preview_of(new, "acme", NOW_MS, lambda to, source: path)
    item = item_of(new, 1, "acme", 1, NOW_MS, lambda to, source: path)

    if isinstance(found, Refusal):
        assert found == item
        return
    assert isinstance(item, Item)
    assert isinstance(item.content, Message)
    assert found.parts == item.content.parts
    assert found.part_texts is not None
    assert len(found.part_texts) == found.parts
    assert "".join(found.part_texts) == text
    assert found.units <= found.per_part * found.parts
