"""Delivery receipts: reads any form seen in the field, writes the one of appendix B.  SMPP 3.4 §2.11, appendix B.

The specification calls the text of a receipt the vendor's own, so it is read by key and never by position.  This
file says what a receipt says; it must never know which message it belongs to, nor judge whether it is believable.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import structs

#: How the id of a receipt may be written compared with that of the submit's response.
ID_BASES: Final = ("exact", "hex_to_decimal", "decimal_to_hex", "either")

#: message_state, SMPP 3.4 §5.2.28 (0 and 9: SMPP 5.0 §4.7.15), as receipts spell it.
STAT_BY_STATE: Final[Mapping[int, str]] = {
    0: "SCHEDULED",
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
    9: "SKIPPED",
}
UNKNOWN: Final = 7

#: Spellings that are taken at their word.  Delivered has no family below: only these words may mean it.
_STATE_BY_STAT: Final[Mapping[str, int]] = (
    {stat: state for state, stat in STAT_BY_STATE.items()}
    | {
        "DELIVERED": 2,
        "DELIVERD": 2,
        "DELIVRED": 2,
        "DELIVERED_TO_HANDSET": 2,
    }
    | {str(state): state for state in STAT_BY_STATE}
)

#: Vendors' own words by family.  First hit wins, so a failure is never read as progress (SUBMIT_FAILED).
_STATE_BY_FAMILY: Final[tuple[tuple[re.Pattern[str], int], ...]] = (
    (re.compile("REJ|DND|BLACK|BLOCK|BARRED|SPAM|FILTER|DENIED", re.IGNORECASE), 8),
    (re.compile("EXPIR|TIMEOUT|TIMED.?OUT", re.IGNORECASE), 3),
    (re.compile("DELET|CANCEL", re.IGNORECASE), 4),
    (re.compile("UN_?DEL|UN_?DLV|NOT.?DEL|NON.?DEL|FAIL|ABSENT|ERROR|INVALID", re.IGNORECASE), 5),
    (re.compile("SCHED", re.IGNORECASE), 0),
    (re.compile("SKIP", re.IGNORECASE), 9),
    (re.compile("ACCEP", re.IGNORECASE), 6),
    (re.compile("ROUTE|BUFFER|SENT|SUBMIT|PENDING|QUEUE|RETRY|TEMP", re.IGNORECASE), 1),
)

#: TLVs that outrank the text.  SMPP 3.4 §5.3.2.12, §5.3.2.31, §5.3.2.32, §5.3.2.35.
_RECEIPTED_MESSAGE_ID: Final = 0x001E
_NETWORK_ERROR_CODE: Final = 0x0423
_MESSAGE_PAYLOAD: Final = 0x0424
_MESSAGE_STATE: Final = 0x0427

#: The form of appendix B, which nearly every receipt has.  Anything else goes the slow way.
_WELL_FORMED: Final = re.compile(
    r"id:([!-~]{1,65})(?: sub:(\d{1,3}) dlvrd:(\d{1,3}))? submit date:(\d{6,16}[-+]?) done date:(\d{6,16}[-+]?) "
    r"stat:([A-Z_]{1,64}) err:([0-9A-Za-z]{1,16})(?: [Tt]ext:(.*)| *)",
    re.DOTALL | re.ASCII,
).fullmatch

_KEY: Final = re.compile(
    r"(?<![a-z0-9_])(?:(?P<id>(?:(?:message|msg)[ _-]?)?id)|(?P<sub>sub)|(?P<dlvrd>dlvrd|dlvd)"
    r"|(?P<submit_date>submit[ _]?date)|(?P<done_date>done[ _]?date)|(?P<stat>stat(?:us|e)?)"
    r"|(?P<err>err(?:or)?(?:[ _]?code)?)|(?P<text>text))[ \t]{0,4}[:=]",
    re.IGNORECASE | re.ASCII,
)
#: Where a value of several words ends: with the line, or before a vendor's own key.  One separator is asked for, not
#: a run of them: the time must not grow with the square of what a peer puts into message_payload.
_LINE_END: Final = re.compile(r"[\r\n\0]|[\s,;|][A-Za-z_]\w{0,19}[:=]", re.ASCII)
_MAX_ID_OCTETS: Final = 65  # SMPP 3.4 §5.2.23; other values are cut there too
_IS_HEX: Final[Callable[[str], object]] = re.compile(r"[0-9A-Fa-f]{1,65}").fullmatch
_BLANKS: Final = " \t\r\n\0"
_COUNTS: Final = tuple(f"{count:03d}" for count in range(1000))
_COUNT_BY_TEXT: Final[Mapping[str, int]] = {
    str(count).zfill(width): count for width in (1, 2, 3) for count in range(10**width)
}
_ESCAPE: Final = 0x1B  # of the GSM alphabet, 3GPP TS 23.038 §6.2.1


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What a delivery receipt says.  A field that it lacks is None.

    `id` is written as the peer wrote it; where TLV and text differ it is the TLV's and `alternative_id` the text's.
    `state` is an SMPP message_state; 7 (UNKNOWN) also where nothing readable says it.  `stat` is verbatim, "" if
    there is none.  Dates are raw: neither their form nor their zone is sure, so they decide nothing.  `text` holds
    octets in the alphabet of the receipt, blanks at its end cut.  `network_error_code` is the TLV's value (network
    type, two octets of code); `err` is that code in decimal, or the text's where the TLV is missing or zero.
    """

    id: str | None
    alternative_id: str | None
    state: int
    stat: str
    err: str | None
    submit_date: str | None
    done_date: str | None
    text: bytes | None
    sub: int | None
    dlvrd: int | None
    network_error_code: bytes | None = None


def parse(octets: bytes, data_coding: int = 0, tlvs: tuple[tuple[int, bytes], ...] = ()) -> Receipt | None:
    """Read a receipt from a short_message and its TLVs; None if neither names a message or a state.

    Never fails, whatever the octets are.  `data_coding` is only a hint: receipts in UTF-16 under data_coding 0 and
    ASCII ones under 8 are read too.  The text may lie in the TLV message_payload.
    """
    # str patterns yield str groups: one decoding here is cheaper than one for each field.
    match = _WELL_FORMED(octets.decode("latin-1"))
    if match is None:
        return _parse_tolerantly(octets, data_coding, tlvs)
    id, sub, dlvrd, submit_date, done_date, stat, err, text = match.groups()
    state = _STATE_BY_STAT.get(stat)
    receipt = Receipt(
        id,
        None,
        state if state is not None else state_of(stat),
        stat,
        err,
        submit_date,
        done_date,
        None if text is None else text.rstrip(_BLANKS).encode("latin-1"),
        _COUNT_BY_TEXT.get(sub),
        _COUNT_BY_TEXT.get(dlvrd),
    )
    return _prefer_tlvs(receipt, tlvs) if tlvs else receipt


def format(
    message_id: str, sub: int, dlvrd: int, submit_date: str, done_date: str, state: int, err: str, text: bytes
) -> bytes:
    """Write the text of appendix B.  Dates are `YYMMDDhhmm`; counts above 999 are written as 999.

    `text` is in the alphabet of data_coding 0; its first 20 octets are kept, but no half of an escape pair.  An `err`
    that an operator wrote in another alphabet is kept as far as Latin-1 has it, with ? for the rest.

    Raises:
        KeyError: `state` is no message_state.
    """
    if len(text) > 20:
        text = text[:19] if text[19] == _ESCAPE else text[:20]
    return (
        f"id:{message_id} sub:{_COUNTS[sub if sub < 1000 else 999]} dlvrd:{_COUNTS[dlvrd if dlvrd < 1000 else 999]}"
        f" submit date:{submit_date} done date:{done_date} stat:{STAT_BY_STATE[state]} err:{err} text:"
    ).encode("latin-1", "replace") + text


def state_of(stat: str) -> int:
    """Return the message_state that `stat` means: its own, that of its family, or 7 (UNKNOWN).

    A number (`stat:2`) is read as message_state.  What nobody knows is never taken for delivered.
    """
    first, *_ = stat.upper().split(maxsplit=1) or [""]
    state = _STATE_BY_STAT.get(first)
    if state is not None:
        return state
    return next((state for family, state in _STATE_BY_FAMILY if family.search(stat)), UNKNOWN)


def id_candidates(id: str, base: str, *, ignores_case: bool = False, ignores_zeros: bool = False) -> list[str]:
    """List the forms in which the submit's response may have given the id that a receipt names; exact first.

    `base` tells how the id changes on its way from the response to the receipt: "exact", "hex_to_decimal" (usual
    since SMPP 3.3), "decimal_to_hex", or "either".  Converted forms come bare and zero padded, hexadecimal ones in
    both cases.  An id that is no number in the receipt's base (a UUID) is not converted; size does not matter.

    Raises:
        ValueError: `base` is none of the four.
    """
    if base == "exact" and not ignores_case and not ignores_zeros:
        return [id]
    if base not in ID_BASES:
        raise ValueError(f"id base {base!r} is none of {', '.join(ID_BASES)}")
    forms = [id]
    if base in ("hex_to_decimal", "either") and id.isdecimal() and id.isascii() and len(id) <= _MAX_ID_OCTETS:
        forms += [cased for form in _padded(f"{int(id):x}", 8, 16) for cased in (form, form.upper())]
    if base in ("decimal_to_hex", "either") and _IS_HEX(id):
        forms += _padded(str(int(id, 16)), 10)
    if ignores_zeros and _IS_HEX(id):
        forms += _padded(id.lstrip("0") or "0", 8, 10, 16)
    if ignores_case:
        forms += [cased for form in forms for cased in (form.lower(), form.upper())]
    return list(dict.fromkeys(forms))


def _padded(number: str, *widths: int) -> list[str]:
    """List a number bare and padded with zeros to each width it falls short of."""
    return [number, *(number.zfill(width) for width in widths if len(number) < width)]


def _parse_tolerantly(octets: bytes, data_coding: int, tlvs: tuple[tuple[int, bytes], ...]) -> Receipt | None:
    """Read a receipt that is not in the form of appendix B, or that is only TLVs."""
    value_by_tag = dict(tlvs)
    needed = {"id", "stat"}
    if _RECEIPTED_MESSAGE_ID in value_by_tag:
        needed.discard("id")
    if _MESSAGE_STATE in value_by_tag:
        needed.discard("stat")
    receipt = _read(octets, data_coding, needed)
    if receipt.id is None and not receipt.stat and _MESSAGE_PAYLOAD in value_by_tag:
        receipt = _read(value_by_tag[_MESSAGE_PAYLOAD], data_coding, needed)
    receipt = _prefer_tlvs(receipt, tlvs)
    says_something = receipt.id is not None or receipt.stat or receipt.state != UNKNOWN
    return receipt if says_something else None


def _read(octets: bytes, data_coding: int, needed: set[str]) -> Receipt:
    """Read a text in the first alphabet in which it names a message or a state."""
    encodings = ["latin-1", "utf-16-be", "utf-16-le"]
    if data_coding & 0xEF == 0x08:  # UCS2, also with a message class (0x18)
        encodings = ["utf-16-be", "latin-1", "utf-16-le"]
    for encoding in encodings:
        raw_by_key = _split_at_keys(octets.decode(encoding, "replace"), needed)
        if "id" in raw_by_key or "stat" in raw_by_key:
            return _receipt_of(raw_by_key, encoding)
    return _receipt_of({}, "latin-1")


def _split_at_keys(text: str, needed: set[str]) -> dict[str, str]:
    """Cut a receipt at its keys and return what stands behind each.

    The sender chose the words behind `text:`, and they may look like keys.  So the first of each key counts, and
    `text:` runs to the end once all `needed` ones came before it; had they not, the last of each behind it counts.
    """
    cuts: dict[str, re.Match[str]] = {}
    settled: frozenset[str] | None = None  # the keys before an early `text:`
    for match in _KEY.finditer(text):
        key = match.lastgroup or ""
        if key in (cuts if settled is None else settled):
            continue
        cuts.pop(key, None)
        cuts[key] = match
        if key == "text" and needed <= cuts.keys():
            break
        if key == "text":
            settled = frozenset(cuts)
    starts = [match.start() for match in cuts.values()]
    ends = [*starts[1:], len(text)]
    return {key: text[match.end() : end] for (key, match), end in zip(cuts.items(), ends, strict=False)}


def _receipt_of(raw_by_key: dict[str, str], encoding: str) -> Receipt:
    """Make a receipt of what stands behind the keys of a text."""
    stat = _line(raw_by_key.get("stat")) or ""
    text = raw_by_key.get("text")
    return Receipt(
        id=_word(raw_by_key.get("id")),
        alternative_id=None,
        state=state_of(stat),
        stat=stat,
        err=_word(raw_by_key.get("err")),
        submit_date=_line(raw_by_key.get("submit_date")),
        done_date=_line(raw_by_key.get("done_date")),
        text=None if text is None else text.rstrip(_BLANKS).encode(encoding, "replace"),
        sub=_count(raw_by_key.get("sub")),
        dlvrd=_count(raw_by_key.get("dlvrd")),
    )


def _line(raw: str | None) -> str | None:
    """Return a value that may hold blanks: it ends with its line, or where a key unknown to us begins."""
    if raw is None:
        return None
    line = _LINE_END.split(_readable(raw).lstrip(_BLANKS), maxsplit=1)[0]
    return line.strip(_BLANKS + ",;|")[:_MAX_ID_OCTETS] or None


def _word(raw: str | None) -> str | None:
    """Return a value that holds no blanks."""
    words = _readable(raw).replace("\0", " ").split(maxsplit=1) if raw is not None else []
    return words[0].strip(",;|")[:_MAX_ID_OCTETS] or None if words else None


def _readable(raw: str) -> str:
    """Undo the one trap of the GSM alphabet that names fall into: its 0x11 is `_`.  3GPP TS 23.038 §6.2.1."""
    return raw.replace("\x11", "_")


def _count(raw: str | None) -> int | None:
    """Return a count, or None where none can be read."""
    word = _word(raw) or ""
    return int(word) if word.isdecimal() and word.isascii() and len(word) < 10 else None


def _prefer_tlvs(receipt: Receipt, tlvs: tuple[tuple[int, bytes], ...]) -> Receipt:
    """Let the TLVs outrank the text wherever they say something."""
    changed: dict[str, object] = {}
    for tag, value in tlvs:
        if tag == _RECEIPTED_MESSAGE_ID:
            written = value.partition(b"\0")[0].decode("latin-1").strip()
            if written and written != receipt.id:
                changed |= {"id": written, "alternative_id": receipt.id}
        elif tag == _MESSAGE_STATE:
            stated = value[-1] if value else UNKNOWN  # some write it as a longer integer
            if stated != receipt.state and stated in STAT_BY_STATE and stated != UNKNOWN:
                changed["state"] = stated
        elif tag == _NETWORK_ERROR_CODE and len(value) == 3:
            changed["network_error_code"] = value
            code = value[1] << 8 | value[2]
            if code or receipt.err is None:
                changed["err"] = f"{code:03d}"
    return structs.replace(receipt, **changed) if changed else receipt
