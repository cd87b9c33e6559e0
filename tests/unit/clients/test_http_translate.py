"""From a posted message to the one that is stored, and from a life to what its client sees."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.clients.account import NO_CALLBACKS, CallbackRights
from chappe.clients.http_path import Path, path_over
from chappe.clients.http_translate import item_of
from chappe.clients.http_view import accepted_of
from chappe.model.ids import EPOCH_MS, first_id_at
from chappe.model.message import Item, Message
from chappe.text import udh
from chappe.text.encoding import DefaultAlphabet, decode_text
from chappe.text.segments import SplitMethod
from chappe.wire.http.messages import NewMessage
from chappe.wire.http.problems import Code, FieldError, Refusal

NOW_MS = EPOCH_MS + 200_000_000_000
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
ID = first_id_at(NOW_MS) + 5
PATH = Path("operator:three")


def judged(path: Path | None = PATH, **fields: Any) -> Item | Refusal:
    new = NewMessage(**{"to": "+37120000001", "text": "Hi"} | fields)
    return item_of(new, ID, "acme", 1, NOW_MS, lambda to, source: path)


def item(path: Path | None = PATH, **fields: Any) -> Item:
    found = judged(path, **fields)
    assert isinstance(found, Item), found
    return found


def message(path: Path | None = PATH, **fields: Any) -> Message:
    content = item(path, **fields).content
    assert isinstance(content, Message)
    return content


def errors(**fields: Any) -> tuple[FieldError, ...]:
    found = judged(**fields)
    assert isinstance(found, Refusal), found
    assert found.code is Code.INVALID_MESSAGE
    return found.errors


def pointers(**fields: Any) -> list[str]:
    return [error.pointer for error in errors(**fields)]


# -- addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "address"),
    [
        ("+37120000001", (1, 1, "37120000001")),
        ("37120000001", (1, 1, "37120000001")),
        ("0037120000001", (0, 0, "0037120000001")),
        ("112", (0, 0, "112")),
        ("123456", (0, 0, "123456")),
        ("123456789012345", (1, 1, "123456789012345")),
    ],
)
def test_destination_is_a_number_or_a_short_code(to: str, address: tuple[int, int, str]) -> None:
    found = message(to=to)

    assert (found.dest_ton, found.dest_npi, found.dest) == address


@pytest.mark.parametrize(
    "to",
    ["", "12", "+", "+12", "+0371200000", "1234567890123456", "+1234567890123456", "SHOP", "371 200", "٣٣٣٣", "1\n"],
)
def test_what_is_no_number_is_refused_as_a_destination(to: str) -> None:
    assert pointers(to=to) == ["/to"]


@pytest.mark.parametrize(
    ("source", "address"),
    [
        (None, (0, 0, "")),
        ("SHOP", (5, 0, "SHOP")),
        ("My Shop 24", (5, 0, "My Shop 24")),
        ("Café Ñandú", (1, 1, "")),
        ("+37163103", (1, 1, "37163103")),
        ("63103", (0, 0, "63103")),
        ("37120000009", (1, 1, "37120000009")),
        ("12345678901", (1, 1, "12345678901")),
    ],
)
def test_source_is_a_number_a_short_code_a_name_or_nothing(source: str | None, address: tuple[int, int, str]) -> None:
    if source == "Café Ñandú":  # ú is not in the GSM alphabet
        assert pointers(source=source) == ["/from"]
        return
    found = message(source=source)

    assert (found.source_ton, found.source_npi, found.source) == address


@pytest.mark.parametrize(
    "source", ["", " ", "TWELVE CHARS", "[[[[[[", "Ω", "€", "a\nb", "12", "+12", "a\x00", "1" * 16]
)
def test_a_name_that_an_smsc_cannot_write_is_refused(source: str) -> None:
    assert pointers(source=source) == ["/from"]


# -- texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "encoding", "data_coding"),
    [
        ({"text": "Hello @ €"}, "gsm7", 0),
        ({"text": "Привет"}, "ucs2", 8),
        ({"text": "Hi", "encoding": "ucs2"}, "ucs2", 8),
        ({"text": "çÿ", "encoding": "latin1"}, "latin1", 3),
        ({"text": "Hi", "encoding": "gsm7", "data_coding": 0x10}, "gsm7", 0x10),
        ({"text": "Hi", "data_coding": 0x18}, "ucs2", 0x18),
        ({"text": "Hi", "data_coding": 0}, "gsm7", 0),
    ],
)
def test_a_text_is_written_in_the_alphabet_that_it_needs_or_asks_for(
    fields: dict[str, Any], encoding: str, data_coding: int
) -> None:
    found = item(**fields)

    assert accepted_of(found).encoding == encoding
    assert message(**fields).data_coding == data_coding
    assert decode_text(message(**fields).octets, data_coding) == fields["text"]


@pytest.mark.parametrize(
    ("text", "split", "parts"),
    [
        ("x" * 160, SplitMethod.UDH8, 1),
        ("x" * 161, SplitMethod.UDH8, 2),
        ("x" * 306, SplitMethod.UDH8, 2),
        ("x" * 306, SplitMethod.UDH16, 3),
        ("Ж" * 70, SplitMethod.UDH8, 1),
        ("Ж" * 71, SplitMethod.SAR, 2),
        ("Ж" * 7000, SplitMethod.NONE, 1),
        ("x" * 39_015, SplitMethod.UDH8, 255),
    ],
)
def test_parts_are_counted_as_the_operator_cuts(text: str, split: SplitMethod, parts: int) -> None:
    assert message(Path("operator:three", split), text=text).parts == parts


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"text": ""}, "/text"),
        ({"text": None}, ""),
        ({"binary": "00"}, ""),
        ({"text": "x" * 39_016}, "/text"),
        ({"text": "Ж" * 20_000}, "/text"),
        ({"text": "Ж", "encoding": "gsm7"}, "/text"),
        ({"text": "Ж", "encoding": "latin1"}, "/text"),
        ({"text": "Ж", "data_coding": 0}, "/text"),
        ({"text": "Hi", "data_coding": 4}, "/data_coding"),
        ({"text": "Hi", "encoding": "ucs2", "data_coding": 0}, "/data_coding"),
        ({"text": None, "binary": ""}, "/binary"),
        ({"text": None, "binary": "0"}, "/binary"),
        ({"text": None, "binary": "0g"}, "/binary"),
        ({"text": None, "binary": "00 11"}, "/binary"),
        ({"text": None, "binary": "00" * 39_016}, "/binary"),
        ({"text": None, "binary": "00" * 35_000}, "/binary"),
        ({"text": None, "binary": "00", "encoding": "gsm7"}, "/encoding"),
        ({"udh": "zz"}, "/udh"),
        ({"udh": "05"}, "/udh"),
        ({"udh": "0605040b8423"}, "/udh"),
        ({"udh": "020005"}, "/udh"),
        ({"udh": "0500037f0201", "text": "x" * 154}, "/udh"),
        ({"udh": "8c008a" + "00" * 138, "text": "xx"}, "/udh"),
        ({"callback_url": "http://example.com/"}, "/callback_url"),
    ],
)
def test_user_data_that_cannot_be_sent_is_refused_with_its_field(fields: dict[str, Any], pointer: str) -> None:
    assert pointers(**fields) == [pointer]


def test_the_character_that_does_not_fit_is_named_by_number_and_place() -> None:
    assert errors(text="abЖ", encoding="gsm7")[0].detail == "U+0416 at index 2 is not in gsm7"


def test_an_operator_that_cuts_itself_gets_no_more_than_parts_can_be_numbered() -> None:
    whole = Path("operator:three", SplitMethod.NONE)

    assert message(whole, text="Ж" * 17_085).parts == 1
    assert isinstance(judged(whole, text="Ж" * 17_086), Refusal)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert pointers(to="x", source="", text="Ж", encoding="gsm7") == ["/to", "/from", "/text"]


@given(st.binary(min_size=1, max_size=300), st.integers(0, 255))
def test_binary_octets_are_stored_as_they_were_sent(octets: bytes, data_coding: int) -> None:
    assert message(text=None, binary=octets.hex(), data_coding=data_coding).octets == octets


@given(st.text(min_size=1, max_size=400).filter(lambda text: "\x1b" not in text))
def test_any_text_is_stored_so_that_it_reads_the_same(text: str) -> None:
    found = message(text=text)

    assert decode_text(found.octets, found.data_coding) == text.removeprefix("\ufeff")


def test_a_header_stands_in_front_of_the_octets_and_is_announced() -> None:
    found = message(text=None, binary="0a0b", udh="06050415811581")

    assert found.octets == bytes.fromhex("06050415811581" + "0a0b")
    assert found.esm_class == 0x40
    assert found.data_coding == 4
    assert udh.parse(found.octets).ports is not None


def test_a_part_that_the_client_cut_itself_passes() -> None:
    found = message(text="x" * 153, udh="0500037f0201")

    assert found.parts == 1


# -- alphabets of operators ---------------------------------------------------------------------------------------

GSM, LATIN, ASCII = DefaultAlphabet.GSM7, DefaultAlphabet.LATIN1, DefaultAlphabet.ASCII


@pytest.mark.parametrize(
    ("alphabets", "text", "octets", "data_coding"),
    [
        ((LATIN,), "a@b è", b"a@b \xe8", 0),
        ((LATIN,), "{x}", b"{x}", 0),
        ((LATIN,), "5 €", "5 €".encode("utf-16-be"), 8),
        ((ASCII,), "a@b", b"a@b", 0),
        ((ASCII,), "è", "è".encode("utf-16-be"), 8),
        ((GSM, LATIN), "plain text", b"plain text", 0),
        ((GSM, LATIN), "a@b", "a@b".encode("utf-16-be"), 8),
        ((LATIN,), "Ж", "Ж".encode("utf-16-be"), 8),
        ((LATIN,), "ÿ", "ÿ".encode("utf-16-be"), 8),
        ((LATIN,), "{" + "x" * 158, b"{" + b"x" * 158, 0),
        ((LATIN,), "{" + "x" * 159, ("{" + "x" * 159).encode("utf-16-be"), 8),
        ((GSM,), "a@b", b"a\x00b", 0),
    ],
)
def test_a_text_is_written_in_the_octets_that_every_operator_of_its_route_reads_so(
    alphabets: tuple[DefaultAlphabet, ...], text: str, octets: bytes, data_coding: int
) -> None:
    path = path_over([Path(f"operator:{each.value}", alphabets=(each,)) for each in alphabets])

    found = message(path, text=text)

    assert (found.octets, found.data_coding) == (octets, data_coding)


@pytest.mark.parametrize("fields", [{"encoding": "gsm7"}, {"data_coding": 0}])
def test_a_text_that_must_be_gsm_and_that_the_operators_alphabet_lacks_is_refused(fields: dict[str, Any]) -> None:
    found = judged(Path("operator:three", alphabets=(LATIN,)), text="5 €", **fields)

    assert isinstance(found, Refusal)
    assert found.errors == (
        FieldError("/text", "U+20AC at index 2 has no octet that every operator of its route knows"),
    )


def test_a_class_or_an_alphabet_of_its_own_is_no_matter_of_the_operators_default() -> None:
    latin = Path("operator:three", alphabets=(LATIN,))

    assert message(latin, text="@", data_coding=0x10).octets == b"\x00"
    assert message(latin, text="@", encoding="latin1").octets == b"@"
    assert message(latin, text=None, binary="40", data_coding=0).octets == b"@"


def test_a_route_goes_by_the_queue_and_the_cut_of_its_first_operator() -> None:
    paths = [Path("operator:a", SplitMethod.SAR, (GSM,)), Path("operator:b", SplitMethod.UDH8, (GSM,))]

    assert path_over(paths) == Path("operator:a", SplitMethod.SAR)


# -- the rest -----------------------------------------------------------------------------------------------------


def test_a_message_goes_to_the_operator_of_its_route_in_its_clients_lane() -> None:
    found = item(reference="order-881", tags=("otp", "eu"))

    assert (found.queue, found.lane, found.priority, found.due_at_ms, found.id) == ("operator:three", "acme", 1, 0, ID)
    content = message(reference="order-881", tags=("otp", "eu"))
    assert (content.reference, content.tags, content.registered_delivery) == ("order-881", ("otp", "eu"), 0)


def test_a_number_without_a_route_is_refused_with_a_code_of_its_own() -> None:
    found = judged(None)

    assert isinstance(found, Refusal)
    assert (found.code, found.errors[0].pointer) == (Code.NO_ROUTE, "/to")


@pytest.mark.parametrize(("word", "priority"), [("high", 0), ("normal", 1), ("bulk", 2), (None, 1)])
def test_priority_is_the_messages_own_or_its_clients(word: str | None, priority: int) -> None:
    assert item(priority=word).priority == priority


def test_validity_runs_from_the_moment_at_which_the_message_leaves() -> None:
    assert message().expires_at_ms == 0
    assert message(validity_seconds=600).expires_at_ms == NOW_MS + 600_000
    later = NOW + timedelta(hours=1)
    assert message(validity_seconds=600, send_at=later).expires_at_ms == NOW_MS + 4_200_000


def test_a_message_for_later_is_scheduled_and_one_for_the_past_leaves_at_once() -> None:
    later, past = item(send_at=NOW + timedelta(hours=1)), item(send_at=NOW - timedelta(days=400))

    assert later.due_at_ms == NOW_MS + 3_600_000
    assert accepted_of(later).status == "scheduled"
    assert past.due_at_ms == 0
    assert accepted_of(past).status == "accepted"


@pytest.mark.parametrize("ahead", [timedelta(days=400), timedelta(days=300_000)])
def test_nobody_can_schedule_further_ahead_than_a_year(ahead: timedelta) -> None:
    assert pointers(send_at=NOW + ahead) == ["/send_at"]


def test_a_message_for_later_says_from_when_its_validity_counts() -> None:
    item = judged(send_at=NOW + timedelta(days=20))

    assert isinstance(item, Item)
    assert isinstance(item.content, Message)
    assert item.due_at_ms == item.content.send_at_ms == int((NOW + timedelta(days=20)).timestamp() * 1000)


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("hours", [-14, 14])
def test_the_ends_of_time_are_only_moments(year: int, hours: int) -> None:
    moment = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, 23 * (year > 1), tzinfo=_zone(hours))

    assert isinstance(judged(send_at=moment), Item if year == 1 else Refusal)


def _zone(hours: int) -> timezone:
    return timezone(timedelta(hours=hours))


# -- callbacks ----------------------------------------------------------------------------------------------------

OWN_URL = CallbackRights(has_url=True, may_name_url=True)
NAMED_ONLY = CallbackRights(may_name_url=True)
INSIDE = CallbackRights(has_url=True, may_name_url=True, allow_private=True)


def told(rights: CallbackRights, **fields: Any) -> Message | Refusal:
    new = NewMessage(**{"to": "+37120000001", "text": "Hi"} | fields)
    found = item_of(new, ID, "acme", 1, NOW_MS, lambda to, source: PATH, rights)
    if isinstance(found, Refusal):
        return found
    assert isinstance(found.content, Message)
    return found.content


@pytest.mark.parametrize(("report", "bits"), [("final", 0x01), ("all", 0x11), ("none", 0x00)])
def test_report_decides_what_callbacks_tell(report: str, bits: int) -> None:
    found = told(OWN_URL, report=report)

    assert isinstance(found, Message)
    assert (found.is_called_back, found.registered_delivery, found.callback_url) == (True, bits, "")


def test_nobody_is_told_who_has_no_url() -> None:
    for rights in (NO_CALLBACKS, NAMED_ONLY):
        found = told(rights, report="all")
        assert isinstance(found, Message)
        assert (found.is_called_back, found.registered_delivery) == (False, 0)


def test_a_message_may_name_its_url() -> None:
    found = told(NAMED_ONLY, callback_url="https://shop.example/x?y=1")

    assert isinstance(found, Message)
    assert (found.is_called_back, found.registered_delivery) == (True, 1)
    assert found.callback_url == "https://shop.example/x?y=1"


@pytest.mark.parametrize(
    ("rights", "url", "why"),
    [
        (NO_CALLBACKS, "https://shop.example/", "not called back"),
        (OWN_URL, "ftp://shop.example/", "http"),
        (OWN_URL, "https://shop.example/ä", "%"),
        (OWN_URL, "https://" + "a" * 2_000, "characters"),
        (OWN_URL, "http://127.0.0.1/", "no public address"),
        (OWN_URL, "http://[::ffff:10.0.0.1]/", "no public address"),
        (OWN_URL, "http://169.254.169.254/latest/meta-data", "no public address"),
    ],
)
def test_a_url_that_may_not_be_called_is_refused(rights: CallbackRights, url: str, why: str) -> None:
    found = told(rights, callback_url=url)

    assert isinstance(found, Refusal)
    (error,) = found.errors
    assert error.pointer == "/callback_url"
    assert why in error.detail


def test_a_private_address_may_be_called_where_that_is_allowed() -> None:
    assert isinstance(told(INSIDE, callback_url="http://10.0.0.1/"), Message)
