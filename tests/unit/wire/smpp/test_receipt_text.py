"""Receipts: the form of appendix B, the wild forms of the field, what TLVs change, and ids in another base."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import binary, builds, from_regex, integers, lists, sampled_from, tuples

from chappe.wire.smpp.receipt_text import (
    ID_BASES,
    STAT_BY_STATE,
    UNKNOWN,
    Receipt,
    format,
    id_candidates,
    parse,
    state_of,
)

WELL_FORMED = (
    b"id:7700012345 sub:001 dlvrd:001 submit date:2601161238 done date:2601161239 stat:DELIVRD err:000 text:Your code"
)
RECEIPTED_MESSAGE_ID, NETWORK_ERROR_CODE, MESSAGE_PAYLOAD, MESSAGE_STATE = 0x001E, 0x0423, 0x0424, 0x0427

tlvs_with_any_octets = lists(
    tuples(sampled_from([0x001E, 0x0423, 0x0424, 0x0427, 0x1400]), binary(max_size=70)), max_size=5
).map(tuple)


def read(octets: bytes, data_coding: int = 0, tlvs: tuple[tuple[int, bytes], ...] = ()) -> Receipt:
    receipt = parse(octets, data_coding, tlvs)
    assert receipt is not None
    return receipt


def test_the_form_of_appendix_b_is_read_whole() -> None:
    receipt = read(WELL_FORMED)

    assert receipt == Receipt(
        id="7700012345",
        alternative_id=None,
        state=2,
        stat="DELIVRD",
        err="000",
        submit_date="2601161238",
        done_date="2601161239",
        text=b"Your code",
        sub=1,
        dlvrd=1,
    )


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(
            b"id:A1 submit date:202601161238 done date:202601161239 stat:DELIVRD err:0",
            {"id": "A1", "state": 2, "sub": None, "dlvrd": None, "submit_date": "202601161238", "text": None},
            id="no counts, no text, century in the dates",
        ),
        pytest.param(
            b"id:9 sub:001 dlvrd:001 submit date:260116123800912+ done date:260116123901012- stat:EXPIRED err:00B ",
            {"submit_date": "260116123800912+", "done_date": "260116123901012-", "err": "00B", "state": 3},
            id="SMPP times, err in hexadecimal, a blank at the end",
        ),
        pytest.param(
            b"err:21b STAT:undeliv Done Date:2601161239 ID:0x7F Submit Date:2601161238 DLVRD:000 SUB:001",
            {"id": "0x7F", "state": 5, "stat": "undeliv", "err": "21b", "sub": 1, "dlvrd": 0},
            id="another order and another case",
        ),
        pytest.param(
            b"id: 55\r\nsub: 001\r\ndlvrd: 000\r\nsubmit date: 2601161238\r\nstat: REJECTD\r\nerr: 034\r\n\0\0",
            {"id": "55", "sub": 1, "dlvrd": 0, "submit_date": "2601161238", "state": 8, "err": "034"},
            id="a line for each field and NULs at the end",
        ),
        pytest.param(
            b"id:56,sub:001,dlvrd:001,submit date:2601161238,done date:2601161239,stat:DELIVRD,err:000",
            {"id": "56", "sub": 1, "done_date": "2601161239", "stat": "DELIVRD", "state": 2, "err": "000"},
            id="commas between fields",
        ),
        pytest.param(
            b"message_id=57; status=DELIVERED; error code=12; submit_date=2026-01-16 12:38:00; done_date=x",
            {"id": "57", "stat": "DELIVERED", "state": 2, "err": "12", "submit_date": "2026-01-16 12:38:00"},
            id="other names of the keys",
        ),
        pytest.param(
            b"id: sub:001 dlvrd:000 submit date:2601161238 done date:2601161239 stat:UNDELIV err:001 text:failed",
            {"id": None, "state": 5, "sub": 1, "text": b"failed"},
            id="an empty id",
        ),
        pytest.param(
            b"sub:001 dlvrd:000 stat:DELETED text:",
            {"id": None, "state": 4, "err": None, "text": b""},
            id="no id at all",
        ),
        pytest.param(b"id:86 stat:DELIVRD", {"id": "86", "state": 2, "err": None, "text": None}, id="the least"),
        pytest.param(b"id:86", {"id": "86", "state": UNKNOWN, "stat": ""}, id="an id alone"),
        pytest.param(
            b"id:58 stat:NOT DELIVERED err:x",
            {"stat": "NOT DELIVERED", "state": 5, "err": "x"},
            id="a state of two words",
        ),
        pytest.param(
            b"id:59 stat:DELIVRD smsc:riga-failed err:001",
            {"stat": "DELIVRD", "state": 2, "err": "001"},
            id="a key that only the vendor knows",
        ),
        pytest.param(
            b"id:00467012345:260116123852 stat:ENROUTE",
            {"id": "00467012345:260116123852", "state": 1},
            id="an id with a colon",
        ),
        pytest.param(
            b"id:a\x11b stat:DND\x11REJECTED", {"id": "a_b", "state": 8}, id="underscores of the GSM alphabet"
        ),
        pytest.param(
            b"id:60 sub:12345 dlvrd:x stat:DELIVRD",
            {"sub": 12345, "dlvrd": None, "state": 2},
            id="counts that are long or no numbers",
        ),
        pytest.param(
            WELL_FORMED.replace(b"Your code", b"ACK \xff\0\x1be   \n\0"),
            {"text": b"ACK \xff\0\x1be", "state": 2},
            id="octets in the text, blanks behind it",
        ),
        pytest.param(
            WELL_FORMED.replace(b"DELIVRD", b"HANDSET_BUSY_7"),
            {"stat": "HANDSET_BUSY_7", "state": UNKNOWN},
            id="a state nobody knows",
        ),
    ],
)
def test_a_receipt_is_read_by_key_whatever_its_form(octets: bytes, expected: dict[str, Any]) -> None:
    receipt = read(octets)

    assert {name: getattr(receipt, name) for name in expected} == expected


def test_words_of_the_message_are_not_taken_for_fields() -> None:
    receipt = read(b"ID:1 stat:UNDELIV text:id:666 stat:DELIVRD err:9")

    assert (receipt.id, receipt.state, receipt.err) == ("1", 5, None)
    assert receipt.text == b"id:666 stat:DELIVRD err:9"


def test_fields_behind_the_text_are_read_and_cannot_be_forged_by_it() -> None:
    receipt = read(b"id:1 text:stat:DELIVRD stat:UNDELIV err:027")

    assert (receipt.id, receipt.state, receipt.err) == ("1", 5, "027")
    assert receipt.text == b"stat:DELIVRD"


def test_the_first_of_repeated_fields_counts_where_no_text_came_before() -> None:
    receipt = read(b"id:1 stat:UNDELIV id:2 stat:DELIVRD")

    assert (receipt.id, receipt.state) == ("1", 5)


def test_fields_behind_the_text_are_read_in_any_order() -> None:
    receipt = read(b"id:1 text:err:9 stat:UNDELIV err:027 done date:2601161239")

    assert (receipt.state, receipt.err, receipt.done_date) == (5, "027", "2601161239")


def test_words_of_the_message_are_not_searched_for_what_a_tlv_says() -> None:
    receipt = read(b"id:1 text:stat:DELIVRD", 0, ((MESSAGE_STATE, b"\x05"),))

    assert (receipt.state, receipt.stat, receipt.text) == (5, "", b"stat:DELIVRD")


def test_a_network_error_of_zero_does_not_hide_the_one_in_the_text() -> None:
    receipt = read(WELL_FORMED.replace(b"err:000", b"err:034"), 0, ((NETWORK_ERROR_CODE, b"\x03\0\0"),))

    assert (receipt.err, receipt.network_error_code) == ("034", b"\x03\0\0")


def test_a_utf_16_text_whose_octets_spell_a_field_is_still_a_text() -> None:
    octets = WELL_FORMED.decode().replace("Your code", "楤㨱").encode("utf-16-be")  # the octets of "id:1"

    assert read(octets, 8).id == "7700012345"


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("data_coding", [0, 3, 8, 0x18])
def test_a_utf_16_receipt_is_read_under_any_data_coding(encoding: str, data_coding: int) -> None:
    octets = WELL_FORMED.decode().replace("Your code", "Привет 😀 ").encode(encoding)

    receipt = read(octets, data_coding)

    assert (receipt.id, receipt.state, receipt.sub, receipt.done_date) == ("7700012345", 2, 1, "2601161239")
    assert receipt.text == "Привет 😀".encode(encoding)


def test_an_ascii_receipt_under_data_coding_8_is_read() -> None:
    assert read(WELL_FORMED, 8) == read(WELL_FORMED)
    assert read(b"id:7 stat:DELIVRD", 8).id == "7"


def test_the_tlvs_outrank_the_text() -> None:
    tlvs = ((RECEIPTED_MESSAGE_ID, b"1CAFE\0"), (MESSAGE_STATE, b"\x05"), (NETWORK_ERROR_CODE, b"\x03\x00\x1b"))

    receipt = read(WELL_FORMED, 0, tlvs)

    assert (receipt.id, receipt.alternative_id) == ("1CAFE", "7700012345")
    assert (receipt.state, receipt.stat) == (5, "DELIVRD")
    assert (receipt.err, receipt.network_error_code) == ("027", b"\x03\x00\x1b")
    assert (receipt.sub, receipt.text) == (1, b"Your code")


def test_tlvs_that_agree_with_the_text_leave_no_alternative() -> None:
    receipt = read(WELL_FORMED, 0, ((RECEIPTED_MESSAGE_ID, b"7700012345"), (NETWORK_ERROR_CODE, b"\x03\0\0")))

    assert (receipt.id, receipt.alternative_id, receipt.err) == ("7700012345", None, "000")


@pytest.mark.parametrize(
    "tlvs",
    [
        ((RECEIPTED_MESSAGE_ID, b""), (MESSAGE_STATE, b""), (NETWORK_ERROR_CODE, b"\x03")),
        ((RECEIPTED_MESSAGE_ID, b"\0\0"), (MESSAGE_STATE, b"\x07"), (NETWORK_ERROR_CODE, b"")),
        ((RECEIPTED_MESSAGE_ID, b" \0"), (MESSAGE_STATE, b"\xff"), (0x1400, b"vendor")),
    ],
)
def test_tlvs_that_say_nothing_change_nothing(tlvs: tuple[tuple[int, bytes], ...]) -> None:
    assert read(WELL_FORMED, 0, tlvs) == read(WELL_FORMED)


def test_a_receipt_of_tlvs_alone_is_read() -> None:
    receipt = read(
        b"", 0, ((RECEIPTED_MESSAGE_ID, b"77aa01\0"), (MESSAGE_STATE, b"\x02"), (NETWORK_ERROR_CODE, b"\3\0\0"))
    )

    assert (receipt.id, receipt.state, receipt.stat, receipt.text) == ("77aa01", 2, "", None)
    assert receipt.err == "000"


def test_a_text_without_an_id_takes_it_from_the_tlv_and_keeps_its_own_words() -> None:
    octets = b"sub:001 dlvrd:000 stat:UNDELIV err:011 text:my id:5"

    receipt = read(octets, 0, ((RECEIPTED_MESSAGE_ID, b"77aa01"),))

    assert (receipt.id, receipt.alternative_id, receipt.text) == ("77aa01", None, b"my id:5")


def test_a_receipt_in_the_message_payload_is_read() -> None:
    assert read(b"", 0, ((MESSAGE_PAYLOAD, WELL_FORMED),)) == read(WELL_FORMED)
    assert read(b"\0", 8, ((MESSAGE_PAYLOAD, WELL_FORMED.decode().encode("utf-16-be")),)).state == 2


@pytest.mark.parametrize("octets", [b"", b"Hello", b"\0\0", b"idle stationary: yes", b"state", b"idea:5", b"text:hi"])
def test_what_is_no_receipt_is_none(octets: bytes) -> None:
    assert parse(octets) is None


@pytest.mark.parametrize(
    ("stat", "state"),
    [(stat, state) for state, stat in STAT_BY_STATE.items()]
    + [
        ("delivrd", 2),
        ("DELIVERED", 2),
        ("2", 2),
        ("5", 5),
        ("DND_REJECTED", 8),
        ("BLACKLISTED", 8),
        ("REJECTED", 8),
        ("EXPIRD", 3),
        ("CANCELLED", 4),
        ("UNDELIVERABLE", 5),
        ("DELIVERY_FAILED", 5),
        ("SUBMIT_FAILED", 5),
        ("NOT_DELIVERED", 5),
        ("ACCEPTED", 6),
        ("BUFFERED", 1),
        ("SENT", 1),
        ("SCHEDULED", 0),
        ("", UNKNOWN),
        ("77", UNKNOWN),
        ("DELIVERY", UNKNOWN),
        ("COFFEE", UNKNOWN),
    ],
)
def test_a_vendors_word_means_its_family_and_never_delivered_by_accident(stat: str, state: int) -> None:
    assert state_of(stat) == state


def test_a_receipt_is_written_as_appendix_b_has_it() -> None:
    written = format("7700012345", 1, 1, "2601161238", "2601161239", 2, "000", b"Your code")

    assert written == WELL_FORMED


def test_counts_above_999_are_written_as_999() -> None:
    assert b"sub:999 dlvrd:999 " in format("1", 1000, 70000, "", "", 2, "000", b"")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b"a" * 20, b"a" * 20),
        (b"a" * 21, b"a" * 20),
        (b"a" * 19 + b"\x1be", b"a" * 19),  # half a euro sign would show as something else
        (b"a" * 18 + b"\x1bebc", b"a" * 18 + b"\x1be"),
    ],
)
def test_the_text_is_cut_at_20_octets_but_not_inside_an_escape_pair(text: bytes, kept: bytes) -> None:
    assert format("1", 1, 1, "", "", 2, "000", text).split(b" text:", 1)[1] == kept


def test_a_state_that_does_not_exist_is_not_written() -> None:
    with pytest.raises(KeyError):
        format("1", 1, 1, "", "", 10, "000", b"")


@given(
    message_id=from_regex(r"[!-~]{1,64}", fullmatch=True),
    counts=tuples(integers(0, 999), integers(0, 999)),
    dates=tuples(*[from_regex(r"[0-9]{10}", fullmatch=True)] * 2),
    state=sampled_from(sorted(STAT_BY_STATE)),
    err=from_regex(r"[0-9A-Z]{3}", fullmatch=True),
    text=binary(max_size=20),
)
def test_what_is_written_is_read_back(
    message_id: str, counts: tuple[int, int], dates: tuple[str, str], state: int, err: str, text: bytes
) -> None:
    octets = format(message_id, *counts, *dates, state, err, text)

    receipt = read(octets)

    assert (receipt.id, receipt.state, receipt.stat, receipt.err) == (message_id, state, STAT_BY_STATE[state], err)
    assert (receipt.sub, receipt.dlvrd, receipt.submit_date, receipt.done_date) == (*counts, *dates)
    assert receipt.text == text.rstrip(b" \t\r\n\0")


keys = sampled_from([b"id:", b" sub:", b" dlvrd:", b" submit date:", b" done date:", b" stat:", b" err:", b" text:"])
receipt_like = lists(keys | binary(max_size=6) | sampled_from([b"\0", b" ", b"DELIVRD", b"001"]), max_size=24).map(
    b"".join
)


@given(octets=binary(max_size=300) | receipt_like, data_coding=integers(0, 255), tlvs=tlvs_with_any_octets)
def test_no_octets_crash_the_reader(octets: bytes, data_coding: int, tlvs: tuple[tuple[int, bytes], ...]) -> None:
    receipt = parse(octets, data_coding, tlvs)

    assert receipt is None or receipt.state in STAT_BY_STATE
    assert receipt is None or receipt.id is None or 0 < len(receipt.id) <= 70


@pytest.mark.parametrize("filler", [b" ,;|", b"id ", b"a b_", b"stat:", b"message_", b"text:id", b"\0i"])
def test_a_payload_of_64_kib_is_read_in_time_that_grows_with_its_length(filler: bytes) -> None:
    octets = b"id:1 stat:" + filler * (65_000 // len(filler))  # takes long enough to be noticed if it is quadratic

    assert len(read(octets).stat) <= 65


@given(fields=builds(lambda order: order, lists(integers(0, 6), min_size=7, max_size=7, unique=True)))
def test_the_order_of_fields_does_not_matter(fields: list[int]) -> None:
    pieces = WELL_FORMED[: WELL_FORMED.index(b" text:")].replace(b" date", b"-date").split(b" ")
    shuffled = b" ".join(pieces[at] for at in fields).replace(b"-date", b" date")

    receipt = read(shuffled)

    expected = read(b" ".join(pieces).replace(b"-date", b" date"))
    assert receipt == expected


def test_an_exact_id_has_no_other_form() -> None:
    assert id_candidates("00B8BE19", "exact") == ["00B8BE19"]


@pytest.mark.parametrize(
    ("receipt_id", "response_id"),
    [
        ("972660181", "39f99dd5"),
        ("0281605133", "10C8F40D"),
        ("0000000026", "0000001a"),
        ("26", "1A"),
        ("64567564356765435676", f"{64567564356765435676:x}"),  # above 64 bits
    ],
)
def test_a_decimal_receipt_finds_its_hexadecimal_response(receipt_id: str, response_id: str) -> None:
    candidates = id_candidates(receipt_id, "hex_to_decimal")

    assert candidates[0] == receipt_id
    assert response_id in candidates
    assert response_id in id_candidates(receipt_id, "either")
    assert response_id not in id_candidates(receipt_id, "decimal_to_hex")


@pytest.mark.parametrize(
    ("receipt_id", "response_id"), [("39F99DD5", "972660181"), ("1a", "26"), ("0000001A", "0000000026")]
)
def test_a_hexadecimal_receipt_finds_its_decimal_response(receipt_id: str, response_id: str) -> None:
    candidates = id_candidates(receipt_id, "decimal_to_hex")

    assert candidates[0] == receipt_id
    assert response_id in candidates
    assert response_id in id_candidates(receipt_id, "either")


@pytest.mark.parametrize("base", ID_BASES)
@pytest.mark.parametrize(
    "id", ["577e505a-dbd7-46ab-a04c-5a927ffb85b1", "rdwjwxns18krxr9936ey96ymcw", "12²", "", "9" * 70, "1_0", "0x1A"]
)
def test_what_is_no_number_is_not_converted(base: str, id: str) -> None:
    assert id_candidates(id, base) == [id]


def test_case_and_zeros_vary_only_where_the_profile_says_so() -> None:
    assert id_candidates("ab-C1", "exact", ignores_case=True) == ["ab-C1", "ab-c1", "AB-C1"]
    assert "B8BE19" in id_candidates("00B8BE19", "exact", ignores_zeros=True)
    assert "00B8BE19" in id_candidates("B8BE19", "exact", ignores_zeros=True)
    assert id_candidates("B8BE19", "exact", ignores_zeros=True)[0] == "B8BE19"
    assert "00b8be19" in id_candidates("B8BE19", "exact", ignores_zeros=True, ignores_case=True)


def test_an_unknown_base_is_an_error() -> None:
    with pytest.raises(ValueError, match="octal"):
        id_candidates("1", "octal")


@given(number=integers(0, 2**200), base=sampled_from(ID_BASES), width=integers(0, 20))
def test_candidates_are_unique_and_begin_with_the_exact_form(number: int, base: str, width: int) -> None:
    id = str(number).zfill(width)

    candidates = id_candidates(id, base, ignores_zeros=True, ignores_case=True)

    assert candidates[0] == id
    assert len(candidates) == len(set(candidates)) <= 24


def test_an_error_in_another_alphabet_still_makes_a_receipt() -> None:
    octets = format("77", 1, 1, "2601011200", "2601011200", 2, "Ж1", b"x")

    assert b" stat:DELIVRD err:?1 text:x" in octets
