"""Children of a test that is killed die with it: none is left that runs on for ever, without its folder and store."""

import ctypes
import signal
import sys
from collections.abc import Callable
from typing import Final

#: PR_SET_PDEATHSIG of prctl(2).
PARENT_DEATH_SIGNAL: Final = 1
#: Taken before anybody forks: between fork and exec nothing may be imported.
_LIBC: Final = ctypes.CDLL(None)


def dying_with_parent(by: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """What a child does before it becomes another program."""

    def ask() -> None:
        if sys.platform == "linux":
            _LIBC.prctl(PARENT_DEATH_SIGNAL, by)

    return ask
