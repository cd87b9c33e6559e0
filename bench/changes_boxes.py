"""Measures what changes of the configuration cost a box of processes over PostgreSQL, and whom they disturb.

    .venv/bin/python bench/changes_boxes.py --lives 200000 --changes 1000 --generator PATH

The same load with none and with many meanwhile, both in one box: lives a second until the last receipt, what was lost
or doubled, whether the links of the load's operator and the sessions of its client stayed up, and how many changes came
to be while it lasted.  It ends with 1 where something of that is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from changes import Changer
from rig import OPERATOR_LINKS, Box, Ends, Reached, server
from search_load import until_up

from boxes import folder, options
from chappe.runtime.settings import load

#: Changes that are asked for before one waits for them: all nodes look twice a second.
TOGETHER = 20


def links_up_s(box: Box) -> list[float]:
    """For how long each link of the load's operator that is up has been so."""
    return [float(str(link["since_s"])) for link in box.links() if link["state"] == "up"]


def measured(box: Box, place: Path, told: argparse.Namespace, count: int) -> dict[str, object]:
    """One load, with so many changes beside it for as long as it lasts."""
    ends = Ends(box, told.generator, place)
    changer = Changer(load(box.file), count, main="three", together=TOGETHER)
    try:
        ends.open(told.receipt_delay_ms)
        until_up(box)
        began = time.monotonic()
        client = ends.send(told.lives, told.binds, told.window, told.rate)
        if count:
            changer.start()
        ends.wait(client)
        took_s = time.monotonic() - began
        up_s, up_after_s = links_up_s(box), time.monotonic() - began
        changer.finish()
    finally:
        ends.close()
    sent, receipts = ends.moments()
    whole_s = receipts[-1] - sent[0] if sent and receipts else took_s
    return {
        "asked": count,
        "lives_per_s": round(told.lives / whole_s),
        **ends.verdict(),
        "reconnects": ends.reconnects(told.binds),
        "changes": changer.done,
        "failed": changer.failed,
        "partly": changer.partly,
        "changes_per_s": round(changer.done / changer.took_s, 1) if changer.took_s else 0.0,
        "links_stayed_up": len(up_s) == OPERATOR_LINKS and min(up_s) > up_after_s - 1.0,
    }


def measure(told: argparse.Namespace, reached: Reached, place: Path) -> bool:
    """Runs in turn; False when something was lost, doubled, disturbed, or cost more than a tenth."""
    clients, operators = (int(each) for each in told.steps.split("+"))
    nodes = [f"client-smpp*{clients}", f"operator:three*{operators}", "router", "counter"]
    box = Box(place / "box", reached.new_database(), nodes)
    box.start()
    rates: dict[bool, list[int]] = {False: [], True: []}
    is_good = True
    try:
        measured(box, place / "warm", argparse.Namespace(**{**vars(told), "lives": told.warm}), 0)
        for turn, count in enumerate((0, told.changes) * told.rounds):
            found = measured(box, place / f"ends-{turn}", told, count)
            print(json.dumps(found), flush=True)
            rate = found["lives_per_s"]
            assert isinstance(rate, int)
            rates[bool(count)].append(rate)
            is_good &= not any(found.get(key) for key in ("lost", "duplicated", "doubled", "failed"))
            is_good &= bool(found["links_stayed_up"]) and not found["reconnects"]
            if (made := found["changes"]) != count:
                print(f"{made} of {count} changes were made everywhere while the load lasted: more --lives, or fewer")
                is_good = False
    finally:
        box.stop()
    share = sum(rates[True]) / max(1, sum(rates[False]))
    print(f"with changes {share:.1%} of the rate without")
    return is_good and share >= 0.9


def main() -> int:
    parser = options()
    parser.add_argument("--changes", type=int, default=1_000, help="all of them while the load lasts")
    parser.add_argument("--rounds", type=int, default=2)
    told = parser.parse_args()
    with folder(told.folder) as place, server(told.dsn) as reached:
        return 0 if measure(told, reached, place) else 1


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
