"""Small numbers for the names that rows repeat: queues, lanes, clients, operators, nodes.

A name gets its number for ever and outside of any message's transaction, so nobody waits for anybody.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

_ADD: Final = (
    "INSERT INTO names (name) SELECT each FROM unnest($1::bytea[]) AS each WHERE NOT EXISTS"
    " (SELECT 1 FROM names WHERE name = each) ORDER BY each ON CONFLICT (name) DO NOTHING"
)
_LOOK: Final = "SELECT number, name FROM names WHERE name = ANY($1::bytea[])"
_ALL: Final = "SELECT number, name FROM names WHERE number = ANY($1::integer[])"


class UnknownName(Exception):
    """A name has no number yet: get one (`Names.learn`) and begin again."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Numbers(dict[str, int]):
    def __missing__(self, name: str) -> int:
        name.encode()
        raise UnknownName(name)


class Names:
    """Name ↔ number, as far as this process has met them."""

    def __init__(self) -> None:
        self._number_by_name = _Numbers()
        self._name_by_number: dict[int, str] = {}
        #: The number of a name; asked for so often that it is the dictionary's own.
        #: Raises: UnknownName, UnicodeEncodeError for what is no text.
        self.number: Callable[[str], int] = self._number_by_name.__getitem__

    def known(self, name: str) -> int | None:
        """The number of a name if this process has met it."""
        return self._number_by_name.get(name)

    def name(self, number: int | None) -> str:
        """The name of a number that `meet` has met; empty for none."""
        return "" if number is None else self._name_by_number[number]

    async def learn(self, connection: Any, names: Iterable[str]) -> None:
        """Give these names numbers, unless they have some."""
        wanted = [name.encode() for name in set(names) if name not in self._number_by_name]
        if wanted:
            await connection.execute(_ADD, wanted)
            self._note(await connection.fetch(_LOOK, wanted))

    async def look(self, connection: Any, names: Iterable[str]) -> None:
        """Find out which of these names have numbers."""
        wanted = [name.encode() for name in set(names) if name not in self._number_by_name]
        if wanted:
            self._note(await connection.fetch(_LOOK, wanted))

    async def meet(self, connection: Any, numbers: Iterable[int | None]) -> None:
        """Find out the names of these numbers."""
        wanted = [number for number in set(numbers) if number is not None and number not in self._name_by_number]
        if wanted:
            self._note(await connection.fetch(_ALL, wanted))

    def _note(self, found: Iterable[Any]) -> None:
        for number, name in found:
            self._number_by_name[name.decode()] = number
            self._name_by_number[number] = name.decode()
