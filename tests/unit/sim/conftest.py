"""A port on loopback that nobody uses."""

import pytest

from ports import free_port


@pytest.fixture
def unused_port() -> int:
    """A free port."""
    return free_port()
