"""A gateway that is killed while somebody asks something of it, and whoever asks: steps of several campaigns.

It must never know what is asked, nor what should come of it.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from chappe.instructions.asking import Asking, asking_of
from chappe.model.errors import ResourceError
from chappe.runtime.settings import Settings
from orphans import dying_with_parent

PATIENCE_S: Final = 60.0


def start(script: str, folder: Path, store: str, point: str = "") -> subprocess.Popen[bytes]:
    """Run a test's own file as a gateway, which dies at a point where one is named."""
    environment = {**os.environ, "CHAPPE_CRASH_AT": point, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, script, str(folder), store], env=environment, preexec_fn=dying_with_parent()
    )


def asking_when_there(settings: Settings) -> Asking:
    """Ask as soon as a gateway has made the place for it."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            asking = asking_of(settings)
            asking.recent(1)
        except ResourceError:
            assert time.monotonic() < until, "no gateway has started"
            time.sleep(0.1)
        else:
            return asking
