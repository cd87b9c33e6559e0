"""How commands, pages and programs ask something of a running gateway, and hear what came of it.

    asking = asking_of(settings)
    number = asking.ask(PauseOperator(name="three"), "ada")
    outcome = asking.wait(number, 10.0)

Where instructions lie depends on the store alone.  It must never know how they are carried out.
"""

import time
from getpass import getuser
from typing import Final, Protocol

from chappe.instructions.file import Instructions
from chappe.instructions.kinds import Instruction
from chappe.instructions.outcome import Asked, Outcome, State
from chappe.instructions.shared import SharedInstructions
from chappe.runtime.settings import Settings
from chappe.store.sqlite.reader import require_store

#: How often a waiting asker looks: at a file, and at a database.
LOOK_EVERY_S: Final = 0.05
LOOK_AT_DATABASE_EVERY_S: Final = 0.25


class Place(Protocol):
    """Where instructions lie.  Every method raises ResourceError when it cannot be reached."""

    def ask(self, instruction: Instruction, asked_by: str) -> int:
        """Lay one in durably; returns its id."""
        ...

    def find(self, number: int) -> Asked | None:
        """One instruction."""
        ...

    def recent(self, limit: int) -> list[Asked]:
        """The youngest ones, youngest first."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class Asking:
    """Asks the gateway of one store.  Every method raises ResourceError when that cannot be reached."""

    def __init__(self, place: Place, look_every_s: float = LOOK_EVERY_S) -> None:
        self._place = place
        self._look_every_s = look_every_s

    def ask(self, instruction: Instruction, asked_by: str) -> int:
        """Ask for something; returns the instruction's id as soon as it cannot get lost."""
        return self._place.ask(instruction, asked_by)

    def find(self, number: int) -> Asked | None:
        """An instruction with its state; None when there is none of that id."""
        return self._place.find(number)

    def outcome(self, number: int) -> Outcome | None:
        """What came of it; None while the gateway has not taken it.  It may still wait for a second person."""
        asked = self._place.find(number)
        return None if asked is None else asked.outcome

    def wait(self, number: int, patience_s: float) -> Outcome | None:
        """What came of it, as soon as something did; None when nothing has within `patience_s`."""
        until = time.monotonic() + patience_s
        while True:
            asked = self._place.find(number)
            if asked is not None and asked.state is not State.WAITING:
                return asked.outcome
            if time.monotonic() >= until:
                return None
            time.sleep(self._look_every_s)

    def recent(self, limit: int = 50) -> list[Asked]:
        """The youngest instructions, youngest first, whoever asked."""
        return self._place.recent(limit)

    def close(self) -> None:
        """Give the file back."""
        self._place.close()


def asking_of(settings: Settings) -> Asking:
    """Where a gateway of these settings takes instructions.

    Raises: ResourceError when no gateway has ever run there.
    """
    gateway = settings.gateway
    if not gateway.is_one_process:
        return Asking(SharedInstructions(gateway.store), LOOK_AT_DATABASE_EVERY_S)
    require_store(gateway.data_path)
    return Asking(Instructions.for_command(gateway.data_path))


def named(person: str | None) -> str:
    """Who asks, as instructions bear it: the user of the system, and whom they speak for."""
    login = getuser()
    return login if person in (None, "", login) else f"{person} (as {login})"
