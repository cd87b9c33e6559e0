"""Operations and results of UCP on the wire.  EMI-UCP 4.x §2 to §5."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis.strategies import SearchStrategy, binary, builds, integers, lists, sampled_from, text

from chappe.wire.ucp.codec import (
    Ack,
    Frame,
    FrameFault,
    Nack,
    checksum,
    read_frame,
    read_operation,
    read_result,
    write_frame,
    write_operation,
    write_result,
)
from chappe.wire.ucp.constants import ErrorCode, Ot
from chappe.wire.ucp.errors import FieldError, OperationError
from chappe.wire.ucp.fields import Counted, hexadecimal
from chappe.wire.ucp.operations import (
    OPERATIONS,
    Alert,
    MultipleAddressCallInput,
    Operation,
    SessionManagement,
    SubmitShortMessage,
    fields_of,
)

SIGN_ON = SessionManagement(oadc="1234", oton="6", onpi="5", styp="1", pwd="736563", vers="0100")


#: A character of each kind of field; what comes back must be longer than one to show that fields do not mix.
_CHARACTERS = "0123456789ABCDEFabcdef ()_~\xe9"


def _value(field: Any) -> SearchStrategy[Any]:
    """A value that the field's pattern takes.  Drawn from few characters: patterns themselves are slow to draw from."""
    if isinstance(field, Counted):
        return lists(_value(field.field), max_size=5).map(tuple)
    pattern = re.compile(field.pattern)
    alphabet = [each for each in _CHARACTERS if pattern.fullmatch(each) or pattern.fullmatch(each * 2)]
    return text(alphabet, max_size=8).filter(lambda value: pattern.fullmatch(value) is not None)


def _operations(operation: type[Operation]) -> SearchStrategy[Operation]:
    return builds(operation, **{name: _value(field) for name, field in fields_of(operation)})


any_operation = sampled_from(OPERATIONS).flatmap(_operations)


def test_the_example_of_a_result_is_written_octet_for_octet() -> None:
    written = write_result(1, Ot.SESSION_MANAGEMENT, Ack("BIND AUTHENTICATED"))

    assert written == b"\x0201/00037/R/60/A/BIND AUTHENTICATED/6E\x03"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (write_operation(0, Alert("1234", "0539")), b"/O/31/1234/0539/"),
        (write_result(7, Ot.SUBMIT_SHORT_MESSAGE, Nack(4, "slow down")), b"/R/51/N/04/slow down/"),
        (write_result(7, Ot.SUBMIT_SHORT_MESSAGE, Ack("1:2", "3")), b"/R/51/A/3/1:2/"),
        (write_result(7, Ot.ALERT, Ack("0000")), b"/R/31/A/0000/"),
    ],
)
def test_a_frame_counts_and_sums_its_characters(written: bytes, kind: bytes) -> None:
    assert written[9:-3] == kind
    assert int(written[4:9]) == len(written) - 2
    assert written[-3:-1] == b"%02X" % (sum(written[1:-3]) & 0xFF)


def test_the_example_of_a_sign_on_is_read_and_written_octet_for_octet() -> None:
    characters = b"01/00045/O/60/1234/6/5/1/736563//0100//////64"

    assert read_operation(read_frame(characters)) == SIGN_ON
    assert write_operation(1, SIGN_ON) == b"\x02" + characters + b"\x03"


@given(characters=binary(max_size=600))
def test_the_checksum_is_the_sum_modulo_256(characters: bytes) -> None:
    assert checksum(characters) == sum(characters) % 256


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 511, 512, 513, 8_000])
def test_the_checksum_of_the_greatest_characters_is_the_sum_too(count: int) -> None:
    assert checksum(b"\xff" * count) == 255 * count % 256


@pytest.mark.parametrize("most", [32, 400, 640, 1_400])
def test_a_field_of_pairs_holds_an_even_number_of_digits_up_to_the_most(most: int) -> None:
    pattern = re.compile(hexadecimal(most).pattern)

    held = [count for count in range(most + 50) if pattern.fullmatch("A9" * (count // 2) + "f" * (count % 2))]

    assert held == list(range(0, most + 1, 2))
    assert not pattern.fullmatch("A9G9")
    assert not pattern.fullmatch("A9" * 10 + "A/" + "A9" * 10)


@given(operation=any_operation, trn=integers(0, 99))
def test_what_is_written_is_read_again(operation: Operation, trn: int) -> None:
    frame = read_frame(write_operation(trn, operation)[1:-1])

    assert (frame.trn, frame.is_result, frame.ot) == (trn, False, operation.ot)
    assert read_operation(frame) == operation


def test_a_list_of_recipients_stands_behind_its_number() -> None:
    written = write_operation(2, MultipleAddressCallInput(rads=("11", "22"), oadc="3", mt="3", msg="abc"))

    assert b"/O/02/2/11/22/3//3/abc/" in written


@pytest.mark.parametrize(
    ("characters", "ec", "trn"),
    [
        (b"", ErrorCode.SYNTAX_ERROR, None),
        (b"01/00045/O/60", ErrorCode.SYNTAX_ERROR, None),
        (b"1/00045/O/60/1234/6/5/1/736563//0100//////64", ErrorCode.SYNTAX_ERROR, None),
        (b"01/00044/O/60/1234/6/5/1/736563//0100//////64", ErrorCode.SYNTAX_ERROR, 1),
        (b"01/00045/O/60/1234/6/5/1/736563//0100//////65", ErrorCode.CHECKSUM_ERROR, 1),
        (b"01/00037/R/60/A/BIND AUTHENTICATED/00", ErrorCode.CHECKSUM_ERROR, None),  # results are never answered
    ],
)
def test_a_frame_that_cannot_be_true_says_who_is_to_hear_of_it(
    characters: bytes, ec: ErrorCode, trn: int | None
) -> None:
    with pytest.raises(FrameFault) as caught:
        read_frame(characters)

    assert (caught.value.ec, caught.value.trn) == (ec, trn)


@pytest.mark.parametrize(
    ("ot", "data", "what", "ec"),
    [
        (99, "", "operation 99 is unknown", ErrorCode.OPERATION_NOT_SUPPORTED),
        (
            31,
            "12345678901234567/0539",
            "operation 31 adc is not at most 16 printable characters without /",
            ErrorCode.SYNTAX_ERROR,
        ),
        (31, "1234", "operation 31 ends before pid", ErrorCode.SYNTAX_ERROR),
        (31, "1234/0539/", "operation 31 has more than 2 fields", ErrorCode.SYNTAX_ERROR),
        (2, "3/11/22", "operation 02 ends within rads", ErrorCode.SYNTAX_ERROR),
        (2, "x/11/22", "operation 02 the number of rads is not at most 2 digits", ErrorCode.SYNTAX_ERROR),
        (2, "1/1x/22//3/a", "operation 02 one of rads is not at most 16 digits", ErrorCode.SYNTAX_ERROR),
    ],
)
def test_an_operation_that_cannot_be_read_names_the_field(ot: int, data: str, what: str, ec: ErrorCode) -> None:
    with pytest.raises(OperationError) as caught:
        read_operation(Frame(1, False, ot, data))

    assert (caught.value.args[0], caught.value.status) == (what, ec)


@pytest.mark.parametrize(
    "operation",
    [
        SubmitShortMessage(adc="+371"),
        SubmitShortMessage(adc="12/34"),
        SubmitShortMessage(msg="ABC"),
        SubmitShortMessage(msg="00" * 701),
        SessionManagement(oadc="a\x03b"),
        SessionManagement(oadc="\u0394"),
        MultipleAddressCallInput(rads=("1x",)),
    ],
)
def test_an_operation_of_ours_that_does_not_fit_the_wire_is_not_written(operation: Operation) -> None:
    with pytest.raises(FieldError):
        write_operation(1, operation)


def test_a_text_beyond_what_the_length_counts_is_not_written() -> None:
    with pytest.raises(FieldError):
        write_frame(1, 51, "x" * 100_000, is_result=False)


@pytest.mark.parametrize(
    ("ot", "data", "result"),
    [
        (51, "A//37120000001:231126084310", Ack("37120000001:231126084310")),
        (51, "A/2311261200/37120000001:231126084310", Ack("37120000001:231126084310", "2311261200")),
        (51, "A/37120000001:231126084310", Ack("37120000001:231126084310")),
        (51, "A", Ack()),
        (31, "A/0002", Ack("0002")),
        (60, "A/welcome", Ack("welcome")),
        (51, "N/04/slow down", Nack(4, "slow down")),
        (51, "N/04/", Nack(4)),
        (51, "N/04", Nack(4)),
        (51, "N/999/of its own", Nack(999, "of its own")),
    ],
)
def test_results_are_read_also_where_empty_fields_are_left_out(ot: int, data: str, result: Ack | Nack) -> None:
    assert read_result(Frame(1, True, ot, data)) == result


@pytest.mark.parametrize("data", ["", "B", "N", "N/", "N/x", "a//"])
def test_a_result_that_is_neither_yes_nor_no_is_an_error(data: str) -> None:
    with pytest.raises(OperationError):
        read_result(Frame(1, True, 51, data))


@given(sm=text(max_size=80).filter(lambda sm: max(sm, default="") <= "\xff"), ot=sampled_from([31, 51, 52, 53, 60]))
def test_whatever_is_said_in_a_result_stays_one_field(sm: str, ot: int) -> None:
    frame = read_frame(write_result(3, ot, Ack(sm))[1:-1])

    assert len(read_result(frame).sm) == len(sm)
    assert "/" not in read_result(frame).sm


@given(characters=binary(max_size=200))
def test_no_characters_crash_the_reader(characters: bytes) -> None:
    try:
        frame = read_frame(characters)
        read_result(frame) if frame.is_result else read_operation(frame)
    except (FrameFault, OperationError):
        pass


@given(data=text(max_size=300), ot=sampled_from([int(each.ot) for each in OPERATIONS]))
def test_no_data_crash_the_reader_of_an_operation(data: str, ot: int) -> None:
    try:
        read_operation(Frame(1, False, ot, data))
    except OperationError:
        pass


def test_secrets_never_print() -> None:
    shown = repr(SIGN_ON)

    assert "736563" not in shown
    assert "oadc='1234'" in shown
    assert "npwd" not in shown  # empty fields say nothing


def test_every_operation_has_a_type_and_declares_every_field() -> None:
    assert {operation.ot for operation in OPERATIONS} == set(Ot)
    for operation in OPERATIONS:
        assert [name for name, _ in fields_of(operation)] == [field.name for field in msgspec.structs.fields(operation)]
    assert len(fields_of(SubmitShortMessage)) == 33
    assert len(fields_of(SessionManagement)) == 12
