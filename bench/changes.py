"""Measures what changes of the configuration cost the message path: the same load with none, and with many meanwhile.

    .venv/bin/python bench/changes.py --lives 200000 --changes 1000

Both runs have a gateway of their own over SQLite.  It prints lives a second, and how many changes came to be.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "journeys"))

from test_many_changes import changes

from chappe.cli.bench import OPERATOR_BINDS, running
from chappe.instructions.asking import Asking, asking_of
from chappe.instructions.kinds import AddClient, AddOperator
from chappe.instructions.outcome import State
from chappe.model.errors import ResourceError
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import host_and_port
from chappe.sim.options import ClientOptions, LoadOptions, SmscOptions, run_bench

PATIENCE_S = 120.0


def asking_when_there(settings: Settings) -> Asking:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return asking_of(settings)
        except ResourceError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


class Changer(threading.Thread):
    """Asks for changes one after the other while the load runs."""

    def __init__(self, settings: Settings, count: int, main: str = "sim", together: int = 1) -> None:
        """`main` is the operator that has the load; so many are asked for before one waits for them."""
        super().__init__(daemon=True)
        self._settings = settings
        self._count = count
        self._main = main
        self._together = together
        self._enough = threading.Event()
        self.done = self.partly = self.failed = 0
        self.took_s = 0.0

    def run(self) -> None:
        asking = asking_when_there(self._settings)
        keys = {"address": "127.0.0.1:9", "system_id": "x", "password": "secret", "reconnect_min_s": 5.0}
        asking.wait(asking.ask(AddOperator(operator={"name": "other", **keys}), "bench"), PATIENCE_S)
        door = {"system_id": "other", "password": "secret"}
        asking.wait(asking.ask(AddClient(client={"name": "other", "smpp": door}), "bench"), PATIENCE_S)
        began = time.monotonic()
        wishes = itertools.islice(changes(9, main=self._main), self._count)
        while not self._enough.is_set() and (some := list(itertools.islice(wishes, self._together))):
            numbers = [asking.ask(wish, "bench") for wish in some]
            for number in numbers:
                outcome = asking.wait(number, PATIENCE_S)
                state = outcome.state if outcome is not None else State.FAILED
                self.done += state is State.DONE
                self.partly += state is State.PARTLY
                self.failed += state not in (State.DONE, State.PARTLY)
        self.took_s = time.monotonic() - began

    def finish(self) -> None:
        """No further ones; wait for the last."""
        self._enough.set()
        if self.is_alive():
            self.join(PATIENCE_S)


def measured(lives: int, count: int) -> dict[str, Any]:
    with TemporaryDirectory(prefix="chappe-changes-") as folder, running(Path(folder)) as (settings, pid):
        options = LoadOptions(
            smsc=SmscOptions(port=host_and_port(settings.operators[0].address)[1]),
            client=ClientOptions(
                port=host_and_port(settings.listen.smpp)[1], count=lives, binds=4, window_pdus=500, remembers=False
            ),
            operator_binds=OPERATOR_BINDS,
            pids=(pid,),
            folder=folder,
        )
        changer = Changer(settings, count)
        if count:
            changer.start()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = run_bench(options, True)
        found: dict[str, Any] = json.loads(said.getvalue())
        return {**found, "status": status, "changes": changer.done, "failed": changer.failed, "took_s": changer.took_s}


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--lives", type=int, default=200_000)
    reader.add_argument("--changes", type=int, default=1_000)
    reader.add_argument("--json", action="store_true")
    asked = reader.parse_args()
    for count in (0, asked.changes, 0, asked.changes):
        found = measured(asked.lives, count)
        print(json.dumps({"asked": count, **found}) if asked.json else f"asked {count}: {found}", flush=True)


if __name__ == "__main__":
    main()
