"""A machine of its own beside this one: a network namespace with two cables, one to the store and one to all else.

It must never know what runs in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest


class Beside:
    """A namespace; each cable has an address here and one there."""

    def __init__(self) -> None:
        number = os.getpid()
        self.name = f"chappe-{number}"
        #: Prefixes of 10.0.0.0/8 that hardly anybody uses, another one for each process of tests.
        net = f"10.{203 + number % 40}.{number // 40 % 250}"
        self.store_here, self.store_there = f"{net}.1", f"{net}.2"
        self.here, self.there = f"{net}.5", f"{net}.6"
        self._store_cable, self._cable = f"cs{number}", f"cw{number}"

    @property
    def within(self) -> tuple[str, ...]:
        """What runs a command there."""
        return ("ip", "netns", "exec", self.name)

    def make(self) -> None:
        """Raises: subprocess.CalledProcessError, OSError."""
        _ip("netns", "add", self.name)
        for cable, here, there in (
            (self._store_cable, self.store_here, self.store_there),
            (self._cable, self.here, self.there),
        ):
            _ip("link", "add", cable, "type", "veth", "peer", "name", f"{cable}p", "netns", self.name)
            _ip("addr", "add", f"{here}/30", "dev", cable)
            _ip("link", "set", cable, "up")
            _ip("-n", self.name, "addr", "add", f"{there}/30", "dev", f"{cable}p")
            _ip("-n", self.name, "link", "set", f"{cable}p", "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    def cut(self) -> None:
        """Somebody pulls the cable to the store: what is sent is gone, and nobody is told."""
        _ip("link", "set", self._store_cable, "down")

    def heal(self) -> None:
        """It is plugged in again."""
        _ip("link", "set", self._store_cable, "up")

    def remove(self) -> None:
        """Leave nothing behind."""
        for cable in (self._store_cable, self._cable):
            with suppress(subprocess.CalledProcessError):
                _ip("link", "delete", cable)
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "delete", self.name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)


@contextmanager
def beside() -> Iterator[Beside]:
    """A namespace with its cables, or a skip that says why there can be none."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the command `ip`")
    made = Beside()
    try:
        try:
            made.make()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
        yield made
    finally:
        made.remove()
