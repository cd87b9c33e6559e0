"""How commands print: JSON for programs, a table or plain lines for people.  It must never know what is printed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


def print_line(text: str) -> None:
    """One line for people, on its way at once: whoever waits for it may be a program."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_json(value: object) -> None:
    """A value of plain types or msgspec structs as one indented JSON document."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their titles; numbers stand to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    listed = [list(row) for row in rows]
    for index, column in enumerate(columns):
        is_number = bool(listed) and all(isinstance(row[index], int | float) for row in listed)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in listed:
        table.add_row(*(str(cell) for cell in row))
    Console(markup=False, highlight=False).print(table)


def print_error(text: str) -> None:
    """One line on stderr; a text of several lines is joined, for whoever reads errors line by line."""
    sys.stderr.write(" ".join(text.split()) + "\n")
    sys.stderr.flush()
