"""What became of an instruction, and how it lies wherever it waits."""

from enum import StrEnum
from typing import Final

import msgspec

from chappe.instructions.kinds import Instruction
from chappe.store.sealing import seal


class State(StrEnum):
    """How far an instruction has come."""

    WAITING = "waiting"
    #: It waits for a second person.
    WAITING_APPROVAL = "waiting_approval"
    DONE = "done"
    #: It is done, but not everywhere: the outcome names who did not, and why.
    PARTLY = "partly"
    FAILED = "failed"


#: States out of which an instruction may still come.
OPEN: Final = (State.WAITING, State.WAITING_APPROVAL)


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an instruction: the items that it changed and those that it left alone, or why it failed."""

    changed: tuple[int, ...] = ()
    left: tuple[int, ...] = ()
    fault: str = ""
    #: How many items it changed, where naming each would be too much.
    count: int = 0
    #: How many it tried and left as they were.
    remaining: int = 0
    #: The version of the configuration that it made, and the digests before and after.
    version: int = 0
    before: str = ""
    after: str = ""
    #: What it changed, one line each; secrets are masked.
    told: tuple[str, ...] = ()
    #: What its author can hardly mean; it was done all the same.
    doubts: tuple[str, ...] = ()
    #: Who stayed on the old version, and why.
    unmoved: dict[str, str] = {}
    #: It waits for a second person, because it touches these sections.
    needs_approval: tuple[str, ...] = ()
    approved_by: str = ""
    #: A secret that was made: it is here for a minute only.
    secret: str = ""

    @property
    def state(self) -> State:
        """What this outcome means for its instruction."""
        if self.fault:
            return State.FAILED
        if self.needs_approval:
            return State.WAITING_APPROVAL
        return State.PARTLY if self.unmoved else State.DONE


class Asked(msgspec.Struct, frozen=True):
    """An instruction as it lies; `outcome` is None while it waits for the gateway."""

    id: int
    kind: str
    #: As it lies there, perhaps sealed.
    body: bytes
    asked_by: str
    state: State
    outcome: Outcome | None
    #: Moments as people and programs read them, UTC; empty for not yet.
    asked_at: str = ""
    done_at: str = ""

    def read(self) -> Instruction:
        """What is asked for.

        Raises: msgspec.MsgspecError when this program cannot tell; SettingsError when it has not the key.
        """
        opened = seal().open(self.body, "it")
        read: Instruction = msgspec.json.decode(opened, type=Instruction)
        return read

    @property
    def is_open(self) -> bool:
        """It may still become something else."""
        return self.state in OPEN


Row = tuple[int, str, bytes, str, str, bytes, str, str]


def asked_of(row: Row) -> Asked:
    """A row: id, kind, body, asked_by, state, result, asked_at, done_at."""
    number, kind, body, asked_by, state, result, asked_at, done_at = row
    return Asked(number, kind, body, asked_by, State(state), _outcome_of(result), asked_at, done_at)


def _outcome_of(result: bytes) -> Outcome | None:
    return msgspec.json.decode(result, type=Outcome) if result else None


def body_of(instruction: Instruction) -> bytes:
    """How an instruction lies where it waits: it may bear secrets."""
    return seal().close(msgspec.json.encode(instruction))
