"""A port on loopback that nobody uses."""

import socket

import pytest


@pytest.fixture
def unused_port() -> int:
    """A free port, as the system calls it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
