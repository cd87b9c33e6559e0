"""Every test of this folder runs once for each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_box import ENGINES, Box


@pytest.fixture(params=sorted(ENGINES))
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    made = Box(request.param, tmp_path)
    yield made
    made.close()
