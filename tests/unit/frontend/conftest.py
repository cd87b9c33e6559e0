"""Pages in this process over a gateway that is made up: one Django for all tests, its database emptied for each."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from site_house import Site, site_in

_SITE: list[Site] = []


@pytest.fixture
def site() -> Site:
    if not _SITE:
        _SITE.append(site_in(Path(tempfile.mkdtemp(prefix="chappe-pages-"))))
    _SITE[0].clear()
    return _SITE[0]
