"""The options that several commands share, so that they are written and explained the same everywhere.

It must never import anything that takes time: `chappe --help` waits for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="CHAPPE_CONFIG",
        help="The settings file; without one, the settings that `chappe up` runs without a file.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


LimitOption = Annotated[int, typer.Option("--limit", min=1, metavar="NUMBER", help="How many at most.")]


def example(*lines: str) -> str:
    """The closing words of a command's help: at least one line that can be typed as it stands."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)
