"""How a process beside the gateway ends when the gateway is gone.  It must never know what the process does."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_with_the_gateway() -> Iterator[None]:
    """Leave without a word when nobody reads our answers any more: the gateway was killed, the next starts its own.

    Ctrl-C in a terminal is for the gateway, which ends us when it has drained.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    except BrokenPipeError:
        # What is left in the buffer would be tried again at exit, and complained about.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
