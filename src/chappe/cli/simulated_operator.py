"""The simulated operator beside a gateway without a settings file: a child process that ends with its parent.

It must never speak SMPP itself: it starts `chappe sim smsc`.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from chappe.model.errors import ResourceError
from chappe.runtime.settings_gateway import host_and_port
from chappe.runtime.settings_operators import Operator

#: What the simulated operator took and sent, inside the data folder.
LEDGER: Final = "simulated-operator.csv"

#: PR_SET_PDEATHSIG of prctl(2).
PARENT_DEATH_SIGNAL: Final = 1

#: How long a started simulator may take until it listens, and a stopped one until it has gone.
PATIENCE_S: Final = 10.0


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there on loopback, else a port that the system calls free."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise ResourceError("no free port on 127.0.0.1 for a simulator")


@contextlib.contextmanager
def running(operator: Operator, ledger: Path) -> Iterator[None]:
    """A simulator where `operator` is expected, from when it listens until the block ends.

    Raises: ResourceError, when it ends before it listens.
    """
    with child(command_of(operator, ledger), operator.address, "the simulated operator"):
        yield


@contextlib.contextmanager
def child(command: list[str], address: str, who: str, output: int | IO[bytes] = subprocess.DEVNULL) -> Iterator[None]:
    """A process from when it listens at `address` until the block ends.

    Raises: ResourceError, when it ends before it listens.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        start_new_session=True,  # Ctrl-C is for the gateway, which still wants its peers' answers while it drains.
        preexec_fn=_end_with_parent,
    )
    try:
        _wait_until_it_listens(process, address, who)
        yield
    finally:
        _stop(process)


def command_of(operator: Operator, ledger: Path) -> list[str]:
    """The command line of the simulator that plays `operator`."""
    options = {
        "--listen": operator.address,
        "--system-id": operator.system_id,
        "--password": operator.password,
        "--ledger": str(ledger),
    }
    words = (word for pair in options.items() for word in pair)
    return [sys.executable, "-m", "chappe.cli", "sim", "smsc", "--quiet", *words]


def _end_with_parent() -> None:
    """Ask Linux to end this child when its parent is killed; elsewhere the child merely outlives a killed parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


def _wait_until_it_listens(child: subprocess.Popen[bytes], address: str, who: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(host_and_port(address), timeout=1.0):
            return
        time.sleep(0.05)
    raise ResourceError(f"{who} did not listen on {address} within {PATIENCE_S:g} s")


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
