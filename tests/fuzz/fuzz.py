"""Fuzzes one target of `targets.py` with atheris, which guides its mutations by coverage.

    make fuzz ARGS="json -max_total_time=60"        json, receipt, header, smpp, ucp, http, kannel_xml

Every further argument goes to libFuzzer.  A finding is written to a file `crash-…`; give that file as an argument to
see it again.  `nodes.py` beside it feeds whole nodes.
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
    from targets import TARGETS


def main() -> None:
    """Fuzz until libFuzzer is told to stop."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"name a target: {', '.join(TARGETS)}")
    target, good = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, octets in enumerate(good):
            (Path(folder) / f"good-{number}").write_bytes(octets)
        arguments = [sys.argv[0], *sys.argv[2:]]
        words = Path(__file__).with_name(f"{name}.dict")
        if words.exists():
            arguments.insert(1, f"-dict={words}")
        is_again = any(not each.startswith("-") for each in arguments[1:])
        atheris.Setup(arguments if is_again else [*arguments, folder], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
