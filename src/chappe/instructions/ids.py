"""The ids of instructions: whoever asks makes one, before anything is written, so that asking twice is asking once."""

import secrets
import threading
from datetime import UTC, datetime
from typing import Final

#: Below the milliseconds of an id: two processes that ask at the same instant get different ones.
_RANDOM_BITS: Final = 20

_lock: Final = threading.Lock()
_last = 0


def new_instruction_id() -> int:
    """An id that grows with time; of two that one process makes, the later one is greater."""
    global _last
    now = datetime.now(UTC)
    with _lock:
        made = int(now.timestamp() * 1000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        _last = made if made > _last else _last + 1
        return _last
