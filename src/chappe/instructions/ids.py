"""The ids of instructions: whoever asks makes one, before anything is written, so that asking twice is asking once."""

import secrets
from datetime import UTC, datetime
from typing import Final

#: Below the milliseconds of an id: two processes that ask at the same instant get different ones.
_RANDOM_BITS: Final = 20


def new_instruction_id() -> int:
    """An id that grows with time."""
    now = datetime.now(UTC)
    return int(now.timestamp() * 1000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
