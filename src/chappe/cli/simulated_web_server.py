"""The web server of the demo client, where the gateway without a settings file calls it back.

It must never take a callback itself: it starts `chappe sim client`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from chappe.cli import simulated_operator

#: What the demo client was told, inside the data folder: a line of JSON for each callback.
LOG: Final = "demo-callbacks.jsonl"


@contextlib.contextmanager
def running(url: str, log: Path) -> Iterator[None]:
    """A web server at `url`, from when it listens until the block ends; what it is told is appended to `log`.

    Raises: ResourceError, when it ends before it listens.
    """
    address = urlsplit(url).netloc
    with log.open("ab") as output, simulated_operator.child(command_of(address), address, "the demo client", output):
        yield


def command_of(address: str) -> list[str]:
    """The command line of a client that does nothing but take callbacks."""
    options = {"--protocol": "http", "--callbacks": address, "--expect-mo": "1000000000", "--linger-s": "1e9"}
    words = (word for pair in options.items() for word in pair)
    return [sys.executable, "-m", "chappe.cli", "sim", "client", "--quiet", "--show", *words]
