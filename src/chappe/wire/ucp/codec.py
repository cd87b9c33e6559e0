"""Operations and results to characters and back.  EMI-UCP 4.x §2 to §5.

Each operation's declaration is compiled once at import to one regular expression of the whole, so that reading 33
fields is one match.  This file must never know who sends, nor in which state.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final
from zlib import adler32

import msgspec

from chappe.wire.ucp.constants import ErrorCode, Ot
from chappe.wire.ucp.errors import FieldError, OperationError
from chappe.wire.ucp.fields import Counted, Field
from chappe.wire.ucp.operations import OPERATIONS, Operation, fields_of

STX: Final = b"\x02"
ETX: Final = b"\x03"

#: TRN/LEN/O|R/OT/data/CK
_FRAME: Final = re.compile(r"([0-9]{2})/([0-9]{5})/([OR])/([0-9]{2})/(.*)/([0-9A-Fa-f]{2})", re.DOTALL)
#: Characters of a frame besides its data: TRN, LEN, the kind, OT, CK, and the slashes.
_AROUND: Final = 17

#: So many characters of Latin-1 never sum up to 65,521.
_SUMMED: Final = 256

#: Results of these name a modified validity period before their text.  §4.
WITH_MVP: Final = frozenset({Ot.SMS_MESSAGE_TRANSFER, *(Ot(number) for number in range(51, 59))})


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame whose length and checksum are right; `data` is what lies between OT and CK."""

    trn: int
    is_result: bool
    ot: int
    data: str


class Ack(msgspec.Struct, frozen=True, gc=False):
    """A positive result.  `sm` of a submit is `AdC:SCTS`, the message's name; `mvp` is a modified validity period."""

    sm: str = ""
    mvp: str = ""


class Nack(msgspec.Struct, frozen=True, gc=False):
    """A negative result: an error code, and what the SMSC says of it."""

    ec: int
    sm: str = ""


Result = Ack | Nack


class FrameFault(Exception):
    """A frame that cannot be true.  `trn` and `ot` are None where they cannot be read, or nobody may be answered."""

    def __init__(self, what: str, ec: ErrorCode, trn: int | None = None, ot: int | None = None) -> None:
        super().__init__(what)
        self.ec = ec
        self.trn = trn
        self.ot = ot


# -- frames -------------------------------------------------------------------------------------------------------


def checksum(characters: bytes) -> int:
    """The sum of all characters from TRN to the last slash, modulo 256.  §2."""
    # The lower half of Adler-32 is one more than the sum, as long as that is below 65,521: a fifth of the time.
    if len(characters) <= _SUMMED:
        return (adler32(characters) - 1) & 0xFF
    pieces = range(0, len(characters), _SUMMED)
    return (sum([adler32(characters[at : at + _SUMMED]) for at in pieces]) - len(pieces)) & 0xFF


def read_frame(characters: bytes) -> Frame:
    """Read what stood between STX and ETX.  Raises: FrameFault."""
    match = _FRAME.fullmatch(characters.decode("latin-1"))
    if match is None:
        raise FrameFault("the frame has no TRN/LEN/O/OT/…/CK", ErrorCode.SYNTAX_ERROR)
    trn, length, kind, ot, data, claimed = match.groups()
    asked = (int(trn), int(ot)) if kind == "O" else (None, None)
    if int(length) != len(characters):
        raise FrameFault(f"LEN {length} is not {len(characters)}", ErrorCode.SYNTAX_ERROR, *asked)
    if int(claimed, 16) != checksum(characters[:-2]):
        raise FrameFault("the checksum is wrong", ErrorCode.CHECKSUM_ERROR, *asked)
    return Frame(int(trn), kind == "R", int(ot), data)


def write_frame(trn: int, ot: int, data: str, *, is_result: bool) -> bytes:
    """Return a whole frame, STX and ETX included.

    Raises:
        FieldError: the data has characters beyond Latin-1, or is too long to be counted.
    """
    length = len(data) + _AROUND
    if length > 99_999:
        raise FieldError(f"a frame of {length} characters; LEN counts to 99999")
    try:
        body = f"{trn:02}/{length:05}/{'R' if is_result else 'O'}/{ot:02}/{data}/".encode("latin-1")
    except UnicodeEncodeError as error:
        raise FieldError(f"U+{ord(error.object[error.start]):04X} is not a character of UCP") from None
    return b"%b%b%02X%b" % (STX, body, checksum(body), ETX)


# -- operations ---------------------------------------------------------------------------------------------------

_Read = Callable[[str], Operation]


def read_operation(frame: Frame) -> Operation:
    """Read the fields of an operation.  Raises: OperationError with the EC to answer."""
    read = _READERS.get(frame.ot)
    if read is None:
        raise OperationError(f"operation {frame.ot:02} is unknown", status=ErrorCode.OPERATION_NOT_SUPPORTED)
    return read(frame.data)


def write_operation(trn: int, operation: Operation) -> bytes:
    """Return an operation as a frame.  Raises: FieldError naming the field that does not fit."""
    return write_frame(trn, operation.ot, data_of(operation), is_result=False)


def data_of(operation: Operation) -> str:
    """Return what stands between OT and CK.  Raises: FieldError naming the field that does not fit."""
    is_whole = _IS_WHOLE.get(operation.ot)
    data = "/".join(_values_of(operation) if is_whole is None else msgspec.structs.astuple(operation))
    if is_whole is not None and is_whole(data) is not None:
        return data
    try:
        _READERS[operation.ot](data)
    except OperationError as error:
        raise FieldError(str(error.args[0])) from None
    return data


def _values_of(operation: Operation) -> Iterator[str]:
    for value in msgspec.structs.astuple(operation):
        if isinstance(value, str):
            yield value
        else:
            yield str(len(value))
            yield from value


def _reader(operation: type[Operation]) -> _Read:
    """Compile a declaration."""
    fields = fields_of(operation)
    if any(isinstance(field, Counted) for _, field in fields):
        return lambda data: operation(*_walk(operation, data.split("/")))
    is_whole = _IS_WHOLE[int(operation.ot)]

    def read(data: str) -> Operation:
        values = data.split("/")
        # Only where something is wrong it is worth asking what.
        return operation(*(values if is_whole(data) is not None else _walk(operation, values)))

    return read


def _walk(operation: type[Operation], values: list[str]) -> list[str | tuple[str, ...]]:
    """Read field by field, and name the one that is wrong.  Raises: OperationError."""
    taken: list[str | tuple[str, ...]] = []
    left = iter(values)
    for name, field in fields_of(operation):
        value = next(left, None)
        if value is None:
            raise _syntax(operation, f"ends before {name}")
        if isinstance(field, Counted):
            taken.append(_take_list(operation, name, field, value, left))
        elif re.fullmatch(field.pattern, value) is None:
            raise _syntax(operation, f"{name} is not {field.expected}")
        else:
            taken.append(value)
    if next(left, None) is not None:
        raise _syntax(operation, f"has more than {len(taken)} fields")
    return taken


def _take_list(
    operation: type[Operation], name: str, field: Counted, number: str, left: Iterator[str]
) -> tuple[str, ...]:
    if not number.isascii() or not number.isdigit() or len(number) > field.count_digits:
        if number:
            raise _syntax(operation, f"the number of {name} is not at most {field.count_digits} digits")
        return ()
    values = tuple(islice(left, int(number)))
    if len(values) < int(number):
        raise _syntax(operation, f"ends within {name}")
    if any(re.fullmatch(field.field.pattern, value) is None for value in values):
        raise _syntax(operation, f"one of {name} is not {field.field.expected}")
    return values


def _syntax(operation: type[Operation], what: str) -> OperationError:
    return OperationError(f"operation {operation.ot:02} {what}", status=ErrorCode.SYNTAX_ERROR)


def _whole(operation: type[Operation]) -> Callable[[str], re.Match[str] | None] | None:
    """Whether data has all fields of an operation as they should be; None where a field is several values."""
    patterns = [field.pattern for _, field in fields_of(operation) if isinstance(field, Field)]
    if len(patterns) < len(fields_of(operation)):
        return None
    # No field has a slash, and nothing of it is taken out: that is for `split`, which is faster.
    return re.compile("/".join(patterns)).fullmatch


_IS_WHOLE: Final = {
    int(operation.ot): is_whole for operation in OPERATIONS if (is_whole := _whole(operation)) is not None
}
_READERS: Final[dict[int, _Read]] = {int(operation.ot): _reader(operation) for operation in OPERATIONS}


# -- results ------------------------------------------------------------------------------------------------------


def read_result(frame: Frame) -> Result:
    """Read a result.  Raises: OperationError.

    Some SMSCs leave out what is empty at the end, the modified validity period first of all.
    """
    kind, *fields = frame.data.split("/")
    if kind == "A" and frame.ot in WITH_MVP and len(fields) > 1:
        return Ack("/".join(fields[1:]), fields[0])
    if kind == "A":
        return Ack("/".join(fields))
    if kind == "N" and fields and fields[0].isascii() and fields[0].isdigit():
        return Nack(int(fields[0][:3]), "/".join(fields[1:]))
    raise OperationError(f"a result of operation {frame.ot:02} is neither A nor N", status=ErrorCode.SYNTAX_ERROR)


def write_result(trn: int, ot: int, result: Result) -> bytes:
    """Return a result as a frame; `sm` keeps to one line and has no slash.

    Raises:
        FieldError: the text has characters beyond Latin-1.
    """
    sm = _UNSAFE.sub(" ", result.sm)
    if isinstance(result, Nack):
        data = f"N/{result.ec:02}/{sm}"
    elif ot in WITH_MVP:
        data = f"A/{result.mvp}/{sm}"
    else:
        data = f"A/{sm}"
    return write_frame(trn, ot, data, is_result=True)


_UNSAFE: Final = re.compile(r"[/\x00-\x1f\x7f]")
