"""Small numbers for the names that rows repeat: queues, lanes, clients, operators."""

import sqlite3
from collections.abc import Callable


class _Numbers(dict[str, int]):
    """Looks a number up at the price of a dictionary; only a new name costs a call."""

    def __init__(self, make: Callable[[str], int]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> int:
        return self._make(name)


class Names:
    """Name ↔ number, kept in memory whole; a new one is written in the transaction that needs it."""

    #: The number of a name, made if it is new.
    number: Callable[[str], int]

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._number_by_name = _Numbers(self._make)
        self.number = self._number_by_name.__getitem__
        self._name_by_number: dict[int, str] = {}
        self._new: list[str] = []
        for number, name in connection.execute("SELECT number, name FROM names"):
            self._note(number, name)

    def known(self, name: str) -> int:
        """The number of a name, -1 when no row can hold it."""
        return self._number_by_name.get(name, -1)

    def name(self, number: int | None) -> str:
        """The name of a number; empty for none."""
        return "" if number is None else self._name_by_number[number]

    def reconnect(self, connection: sqlite3.Connection) -> None:
        """The file was opened again."""
        self._connection = connection

    def committed(self) -> None:
        """The transaction that made new names is safe."""
        self._new.clear()

    def rolled_back(self) -> None:
        """The transaction that made new names is not: forget them."""
        for name in self._new:
            del self._name_by_number[self._number_by_name.pop(name)]
        self._new.clear()

    def _make(self, name: str) -> int:
        number = int(self._connection.execute("INSERT INTO names (name) VALUES (?)", (name,)).lastrowid or 0)
        self._note(number, name)
        self._new.append(name)
        return number

    def _note(self, number: int, name: str) -> None:
        self._number_by_name[name] = number
        self._name_by_number[number] = name
