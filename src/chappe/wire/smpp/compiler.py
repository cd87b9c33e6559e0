"""Compiles the declaration of a PDU, once at import, into straight-line Python that encodes or decodes it.

The source it writes for `UnbindResp`, `SubmitSm` and the like is what one would write by hand for speed; see it with
`print(decoder_source(PDUS[CommandId.SUBMIT_SM]))`.  This file must never know a single PDU.
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, cast

from chappe.wire.smpp import reading, writing
from chappe.wire.smpp.constants import RESPONSE_BIT
from chappe.wire.smpp.declaration import COMPOSITES, Declaration
from chappe.wire.smpp.errors import FieldError
from chappe.wire.smpp.fields import Composites, CString, Field, Integer, OctetString, TlvStream

#: command_length, command_id, command_status, sequence_number.  SMPP 3.4 §3.2.
HEADER = Struct(">IIII")

Decode = Callable[[bytes], Any]
Encode = Callable[[Any, int, int], bytes]


def compile_decoder(declaration: Declaration) -> Decode:
    """The function from a body to the PDU; it raises PduError."""
    return cast(Decode, _compiled(decoder_source(declaration), "decode", _reading_names(declaration)))


def compile_encoder(declaration: Declaration) -> Encode:
    """The function from (pdu, sequence_number, command_status) to the whole PDU; it raises FieldError."""
    return cast(Encode, _compiled(encoder_source(declaration), "encode", _writing_names(declaration)))


def decoder_source(declaration: Declaration) -> str:
    """The source of the decoder: it takes every field optimistically and explains a failure afterwards."""
    is_response = _is_response(declaration)
    return _source(
        "def decode(body):",
        *(["    if not body:", "        return PDU()"] if is_response else []),
        "    text = body.decode('latin-1')",
        "    size = len(body)",
        "    at = 0",
        "    try:",
        *_indent(_read_lines(declaration), 2),
        "    except (IndexError, ValueError):",
        "        raise cut_short(FIELDS, body) from None",
        f"    return PDU({_names(declaration)})",
    )


def encoder_source(declaration: Declaration) -> str:
    """The source of the encoder: limits first, then all text and small integers in one format."""
    return _source(
        "def encode(pdu, sequence_number, command_status):",
        *_indent(_write_lines(declaration), 1),
        f"    return header(16 + len(body), {declaration.command_id:#x}, command_status, sequence_number) + body",
    )


# --- decoding ---------------------------------------------------------------------------------------------------


def _read_lines(declaration: Declaration) -> Iterator[str]:
    if not declaration.fields:
        yield "pass"
    for name, field in declaration.fields:
        if isinstance(field, TlvStream):
            yield f"{name} = () if at >= size else read_tlvs(body, at)"
        elif _is_response(declaration):
            # Seen: an SMSC leaves out the last fields of a response.  Nobody can refuse it, so they have defaults.
            yield "if at < size:"
            yield from _indent(_read_field(name, field, is_nul_optional=True), 1)
            yield "else:"
            yield f"    {name} = {field.default!r}"
        else:
            yield from _read_field(name, field, is_nul_optional=False)


def _read_field(name: str, field: Field, *, is_nul_optional: bool) -> Iterator[str]:
    if isinstance(field, CString):
        yield from _read_c_string(name, field, is_nul_optional=is_nul_optional)
    elif isinstance(field, Integer):
        yield from _read_integer(name, field)
    elif isinstance(field, OctetString):
        yield from _read_octet_string(name, field)
    else:
        yield f"{name}, at = read_{name}(body, text, at + 1, body[at])"


def _read_c_string(name: str, field: CString, *, is_nul_optional: bool) -> Iterator[str]:
    is_misfit = "end - at != 16" if field.is_time else f"end - at >= {field.max_octets}"
    yield "if body[at]:"
    if is_nul_optional:
        # Seen: an SMSC leaves out the NUL of the message_id.  Its id is worth more than its manners.
        yield "    end = text.find(NUL, at)"
        yield "    if end < 0:"
        yield "        end = size"
    else:
        yield "    end = text.index(NUL, at)"
    yield f"    if {is_misfit}:"
    yield f"        raise too_long({name!r}, FIELD_{name}, end - at + 1)"
    yield f"    {name} = text[at:end]"
    yield "    at = end + 1"
    yield "else:"
    yield f"    {name} = ''"
    yield "    at += 1"


def _read_integer(name: str, field: Integer) -> Iterator[str]:
    if field.octets == 1:
        yield f"{name} = body[at]"
        yield "at += 1"
        return
    yield f"{name} = int.from_bytes(body[at : at + {field.octets}], 'big')"
    yield f"at += {field.octets}"
    yield "body[at - 1]"


def _read_octet_string(name: str, field: OctetString) -> Iterator[str]:
    yield "at += 1"
    yield "end = at + body[at - 1]"
    yield "if end > size:"
    yield f"    raise message_too_long({field.length_field!r}, end - at, size - at)"
    yield f"{name} = body[at:end]"
    yield "at = end"


def _reading_names(declaration: Declaration) -> dict[str, object]:
    names: dict[str, object] = {
        "PDU": declaration.struct,
        "FIELDS": declaration.fields,
        "NUL": "\0",
        "cut_short": reading.cut_short,
        "too_long": reading.too_long,
        "message_too_long": reading.message_too_long,
        "read_tlvs": reading.read_tlvs_kindly if _is_response(declaration) else reading.read_tlvs,
    }
    for name, field in declaration.fields:
        if isinstance(field, CString):
            names[f"FIELD_{name}"] = field
        elif isinstance(field, Composites):
            readers = {flag: _compile_reader(COMPOSITES[shape]) for flag, shape in field.shapes.items()}
            names[f"read_{name}"] = reading.list_reader(name, readers)
    return names


def _compile_reader(declaration: Declaration) -> reading.ReadComposite:
    source = _source(
        "def read(body, text, at):",
        "    size = len(body)",
        *_indent(_read_lines(declaration), 1),
        f"    return PDU({_names(declaration)}), at",
    )
    return cast(reading.ReadComposite, _compiled(source, "read", _reading_names(declaration)))


# --- encoding ---------------------------------------------------------------------------------------------------


def _write_lines(declaration: Declaration) -> Iterator[str]:
    """Lines that leave the octets of all fields in `body`."""
    for name, field in declaration.fields:
        yield f"{name} = pdu.{name}"
        yield from _check_lines(name, field)
    pieces = list(_pieces(declaration))
    if pieces:
        yield "try:"
        yield f"    body = {' + '.join(pieces)}"
        yield "except FieldError:"
        yield "    raise"
        yield "except (ValueError, OverflowError, TypeError):"
        yield "    raise misfit(pdu, FIELDS) from None"
    else:
        yield "body = b''"
    if declaration.has_tlvs:
        yield "if tlvs:"
        yield "    body += write_tlvs(tlvs)"


def _check_lines(name: str, field: Field) -> Iterator[str]:
    if isinstance(field, CString):
        is_misfit = f"len({name}) != 16" if field.is_time else f"len({name}) >= {field.max_octets}"
        yield f"if {name} and ({is_misfit} or NUL in {name}):"
        yield "    raise misfit(pdu, FIELDS)"
    elif isinstance(field, OctetString):
        yield f"if len({name}) > {field.max_octets}:"
        yield "    raise misfit(pdu, FIELDS)"


def _pieces(declaration: Declaration) -> Iterator[str]:
    """Expressions of bytes, in wire order; neighbouring strings and small integers share one."""
    run: list[tuple[str, str]] = []
    for name, field in declaration.fields:
        if isinstance(field, CString):
            run.append(("%s\\0", name))
        elif isinstance(field, Integer) and field.octets == 1:
            run.append(("%c", name))
        elif not isinstance(field, TlvStream):
            if not isinstance(field, Integer):
                run.append(("%c", f"len({name})"))
            yield from _formatted(run)
            run = []
            yield _octets_of(name, field)
    yield from _formatted(run)


def _octets_of(name: str, field: Field) -> str:
    if isinstance(field, Integer):
        return f"{name}.to_bytes({field.octets}, 'big')"
    return f"write_{name}({name})" if isinstance(field, Composites) else name


def _formatted(run: list[tuple[str, str]]) -> Iterator[str]:
    """The whole run in one str format and one encoding: the quickest that CPython has."""
    if run:
        template = "".join(piece for piece, _ in run)
        values = ", ".join(value for _, value in run)
        yield f"(\"{template}\" % ({values},)).encode('latin-1')"


def _writing_names(declaration: Declaration) -> dict[str, object]:
    names: dict[str, object] = {
        "FIELDS": declaration.fields,
        "FieldError": FieldError,
        "NUL": "\0",
        "header": HEADER.pack,
        "misfit": writing.misfit,
        "write_tlvs": writing.write_tlvs,
    }
    for name, field in declaration.fields:
        if isinstance(field, Composites):
            writers = {
                shape: (b"" if flag is None else bytes((flag,)), _compile_writer(COMPOSITES[shape]))
                for flag, shape in field.shapes.items()
            }
            names[f"write_{name}"] = writing.list_writer(writers)
    return names


def _compile_writer(declaration: Declaration) -> writing.WriteComposite:
    source = _source("def write(pdu):", *_indent(_write_lines(declaration), 1), "    return body")
    return cast(writing.WriteComposite, _compiled(source, "write", _writing_names(declaration)))


# --- source -----------------------------------------------------------------------------------------------------


def _is_response(declaration: Declaration) -> bool:
    return declaration.command_id is not None and bool(declaration.command_id & RESPONSE_BIT)


def _names(declaration: Declaration) -> str:
    return ", ".join(name for name, _ in declaration.fields)


def _indent(lines: Iterator[str], depth: int) -> Iterator[str]:
    return ("    " * depth + line for line in lines)


def _source(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def _compiled(source: str, name: str, names: dict[str, object]) -> object:
    """The function `name` of `source`, which sees only `names` and Python's own."""
    exec(compile(source, f"<{name} of a declared PDU>", "exec"), names)
    return names[name]
