"""Fuzzes the SMPP wire and both nodes with atheris, which guides its mutations by coverage.

    make fuzz ARGS="-max_total_time=60" FUZZ=nodes

Every argument goes to libFuzzer.  A finding is written to a file `crash-…`; give that file as the argument to see
it again.  Tests need nothing of this.
"""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    atheris: Any
else:
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: make fuzz installs it")

sys.path.insert(0, str(Path(__file__).parent))

with atheris.instrument_imports(include=["chappe"]):
    from mutation import GOOD, Box, mutated

    from chappe.wire.smpp.codec import decode, encode
    from chappe.wire.smpp.framer import Framer

_TARGETS = ("session of a client", "stranger", "operator's link")


def main() -> None:
    """Fuzz until libFuzzer is told to stop."""
    with tempfile.TemporaryDirectory() as folder:
        box = Box(Path(folder))
        atheris.Setup(sys.argv, lambda octets: fuzz(box, octets))
        atheris.Fuzz()


def fuzz(box: Box, octets: bytes) -> None:
    """One talk: some PDUs of the fuzzer's choice, changed as it likes, to one of the targets."""
    source = atheris.FuzzedDataProvider(octets)
    target = _TARGETS[source.ConsumeIntInRange(0, len(_TARGETS) - 1)]
    pieces = [_piece(source) for _ in range(source.ConsumeIntInRange(1, 6))]
    if target == "operator's link":
        written = box.feed_link(pieces)
    else:
        written = box.feed_door(pieces, is_bound=target != "stranger")
    framer = Framer()
    for command_id, _, _, body in framer.feed(written):
        decode(command_id, body)


def _piece(source: Any) -> bytes:
    if source.ConsumeBool():
        return bytes(source.ConsumeBytes(source.ConsumeIntInRange(0, 200)))
    pdu = GOOD[source.ConsumeIntInRange(0, len(GOOD) - 1)]
    number = source.ConsumeIntInRange(1, 8)
    edits = [
        (source.ConsumeIntInRange(0, 9), source.ConsumeIntInRange(0, 400), source.ConsumeIntInRange(0, 255))
        for _ in range(source.ConsumeIntInRange(0, 3))
    ]
    return mutated(encode(pdu, number), edits, is_length_true=source.ConsumeBool())


if __name__ == "__main__":
    main()
