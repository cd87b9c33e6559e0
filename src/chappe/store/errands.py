"""What one box has another one do, with the answer: an errand lies in the store until its box has done it.

It must never know what an errand says.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol


class Progress(IntEnum):
    """How far the box has come with an errand."""

    OPEN = 0
    HEARD = 1
    DONE = 2


class Answer(NamedTuple):
    """What the box has said so far."""

    progress: Progress
    body: bytes


class Errands(Protocol):
    """Every method raises StoreAway."""

    async def give(self, instruction: int, boxes: Sequence[str], body: bytes, at_us: int) -> None:
        """Have boxes do something, each once for an instruction."""
        ...

    async def undone(self, box: str) -> Sequence[tuple[int, bytes]]:
        """The instructions whose errands a box has not done, in their order, with what they say."""
        ...

    async def hear(self, instruction: int, box: str, answer: bytes) -> bool:
        """The box begins with it, perhaps again.  False: whoever asked has given it up."""
        ...

    async def finish(self, instruction: int, box: str, answer: bytes) -> None:
        """The box has done it, or never will."""
        ...

    async def give_up(self, instruction: int, box: str) -> bool:
        """Nobody needs it any longer.  False: the box has begun."""
        ...

    async def answers(self, instruction: int) -> Mapping[str, Answer]:
        """What each box has said to the errands of an instruction."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...
