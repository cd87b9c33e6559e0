"""Looks among many lives while a gateway carries whole lives, without and with the looks beside them, in turn.

It is given a box that runs, a reader of its store and what to ask; it must never know which engine it is.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rig import OPERATOR_LINKS, PATIENCE_S, Box, Ends

from chappe.store.views import Look, Reader

#: A kind of question for people, what is asked, and how many lives must be found.
Question = tuple[str, Sequence[Look], int]


def options(parser: argparse.ArgumentParser) -> None:
    """What a load beside the looks can be told."""
    parser.add_argument("--load", type=int, default=0, metavar="LIVES", help="whole lives of each run beside the looks")
    parser.add_argument("--generator", help="a load generator that plays both ends instead of the Python simulators")
    parser.add_argument("--looks-per-s", type=float, default=4.0, help="looks a second beside the load; 0: no pause")
    parser.add_argument("--rounds", type=int, default=2, help="runs without and with looks, in turn")
    parser.add_argument("--binds", type=int, default=8, help="connections of the load's client")
    parser.add_argument("--window", type=int, default=500, help="PDUs in flight on each")
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0 is as fast as it goes")
    parser.add_argument("--receipt-delay-ms", type=int, default=500)
    parser.add_argument("--warm", type=int, default=30_000, help="lives before those that are measured")


class Looking(threading.Thread):
    """Asks around and around until told to stop."""

    def __init__(self, reader: Reader, questions: Sequence[Question], per_s: float) -> None:
        super().__init__(daemon=True)
        self._reader = reader
        self._asked = [(name, look, expected) for name, looks, expected in questions for look in looks]
        random.Random(2).shuffle(self._asked)
        self._pause_s = 1.0 / per_s if per_s else 0.0
        self._enough = threading.Event()
        #: Kind of question → ms of each.
        self.took: dict[str, list[float]] = {}
        self.missed = 0

    def run(self) -> None:
        for name, look, expected in itertools.cycle(self._asked):
            begun = time.perf_counter()
            found = self._reader.look(look).lives
            took_s = time.perf_counter() - begun
            self.took.setdefault(name, []).append(took_s * 1000)
            self.missed += len(found) < expected
            if self._enough.wait(max(0.0, self._pause_s - took_s)):
                return

    def finish(self) -> None:
        """No further ones."""
        self._enough.set()
        self.join(PATIENCE_S)


def until_up(box: Box) -> None:
    """Wait for the links of the load's operator.  Raises: TimeoutError."""
    until = time.monotonic() + PATIENCE_S
    while sum(each["state"] == "up" for each in box.links()) < OPERATOR_LINKS:
        if time.monotonic() > until:
            raise TimeoutError("the links of the operator do not come up")
        time.sleep(0.2)


def lives_a_second(box: Box, place: Path, told: argparse.Namespace, lives: int, looking: Looking | None) -> int:
    """One load; exits where something was lost or doubled."""
    ends = Ends(box, told.generator, place)
    try:
        ends.open(told.receipt_delay_ms)
        until_up(box)
        if looking is not None:
            looking.start()
        ends.wait(ends.send(lives, told.binds, told.window, told.rate))
        if looking is not None:
            looking.finish()
    finally:
        ends.close()
    bad = {key: count for key, count in ends.verdict().items() if key in ("lost", "duplicated", "doubled") and count}
    if bad:
        raise SystemExit(f"the load is not clean: {bad}")
    sent, receipts = ends.moments()
    if len(receipts) < lives:
        raise SystemExit(f"the load had {len(receipts):,} of {lives:,} receipts: look at {place}")
    return round(lives / (receipts[-1] - sent[0]))


def beside(box: Box, place: Path, told: argparse.Namespace, reader: Reader, questions: Sequence[Question]) -> bool:
    """Runs in turn; says lives a second and how long looks took; False where a look took 300 ms or found too little."""
    rates: dict[bool, list[int]] = {False: [], True: []}
    took: dict[str, list[float]] = {}
    missed = 0
    if told.warm:
        lives_a_second(box, place / "warm", told, told.warm, None)
    for turn, has_looks in enumerate((False, True) * told.rounds):
        looking = Looking(reader, questions, told.looks_per_s) if has_looks else None
        rates[has_looks].append(lives_a_second(box, place / f"ends-{turn}", told, told.load, looking))
        print(f"{'with' if has_looks else 'without'} looks: {rates[has_looks][-1]:,} lives/s", flush=True)
        if looking is not None:
            missed += looking.missed
            for name, each in looking.took.items():
                took.setdefault(name, []).extend(each)
    every = [each for of_kind in took.values() for each in of_kind]
    for name, each in {**dict(sorted(took.items())), "all": every}.items():
        told_of = f"p50 {statistics.median(each):7.1f} ms   max {max(each):7.1f} ms   {len(each):,} looks"
        print(f"{name:<40} {told_of}")
    without, with_looks = (statistics.mean(rates[each]) for each in (False, True))
    print(f"lives/s without looks {without:,.0f}, with {with_looks:,.0f}: {with_looks / without:.1%}")
    if missed:
        print(f"{missed} looks found too little")
    return not missed and max(every) < 300.0
