"""The fault script of a simulator: rules that say which fault strikes when; judged purely, seeded from outside.

It must never know a clock, a socket or a session: time, counts and randomness come in as arguments.

A script is TOML, one table for each rule:

    seed = 7                         # of the simulator's random numbers; default 1

    [[faults]]
    fault = "throttle"               # a name of `Fault`
    every_count = 100                # every 100th submit
    after_s = 10.0                   # not in the first ten seconds

    [[faults]]
    fault = "cut"
    at_s = [5.0, 20.0]               # at these seconds after the start, on all links

A rule strikes when all its conditions hold: `at_count` (one count or several), `every_count`, `first_count` and
`last_count` (inclusive), `after_s` and `until_s` (seconds since the start), `probability`. Counts are of the event
`on`: bind, submit, receipt or deliver; every fault has a usual one. `at_s` and `every_s` name moments instead of
events, and strike all links. Parameters: `status` (refuse), `link` this|all (cut, half_open, never_answer, unbind),
`delay_s` (early, late, double and contradictory receipts), `copies`, `stat` (undelivered, contradictory_receipt),
`base` (receipt_id_base), `form` (malformed_receipt), `messages` (mo_burst). Rules that strike together add up; of two
that disagree the later wins.
"""

import math
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from chappe.model.errors import SettingsError
from chappe.sim.faults import CHANGES, EVENTS, FOREVER_S, NO_FAULT, Action, Event, Fault, Parameters


class Rule(Parameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault and when it strikes; the module's docstring lists the conditions."""

    fault: Fault
    on: Event | None = None
    at_count: int | tuple[int, ...] = ()
    every_count: int = 0
    first_count: int = 1
    last_count: int = 0
    at_s: float | tuple[float, ...] = ()
    every_s: float = 0.0
    after_s: float = 0.0
    until_s: float = FOREVER_S
    probability: float = 1.0

    @property
    def event(self) -> Event:
        """The event that this rule waits for."""
        if self.moments or self.every_s:
            return Event.MOMENT
        return self.on or EVENTS[self.fault][0]

    @property
    def moments(self) -> tuple[float, ...]:
        """The seconds named by `at_s`."""
        return self.at_s if isinstance(self.at_s, tuple) else (self.at_s,)

    def next_moment(self, passed_s: float) -> float | None:
        """The first moment of this rule after `passed_s` seconds, or None."""
        moments = [at for at in self.moments if at > passed_s]
        if self.every_s:
            # The moment that has just passed may have been rounded down to a little before its turn.
            turn = math.floor(passed_s / self.every_s + 1e-9) + 1
            moments.append(turn * self.every_s)
        return min((at for at in moments if self.after_s <= at < self.until_s), default=None)

    def is_due(self, at_s: float) -> bool:
        """Whether `at_s`, which came out of `next_moment`, is a moment of this rule."""
        is_turn = bool(self.every_s) and math.isclose(at_s, round(at_s / self.every_s) * self.every_s)
        return (at_s in self.moments or is_turn) and self.after_s <= at_s < self.until_s

    def strikes(self, passed_s: float, count: int, random: Random) -> bool:
        """Whether all conditions hold for the event number `count`, `passed_s` seconds after the start."""
        if self.every_count and count % self.every_count:
            return False
        if count < self.first_count or (self.last_count and count > self.last_count):
            return False
        if self.at_count != () and not self._is_named(count):
            return False
        if not self.after_s <= passed_s < self.until_s:
            return False
        return self.probability >= 1.0 or random.random() < self.probability

    def _is_named(self, count: int) -> bool:
        return count in self.at_count if isinstance(self.at_count, tuple) else count == self.at_count


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    faults: tuple[Rule, ...] = ()
    seed: int = 1


class Faults:
    """All rules of one simulator.  It holds no state: the same arguments give the same answer."""

    __slots__ = ("_changes_by_event", "rules", "seed")

    def __init__(self, rules: tuple[Rule, ...] = (), *, seed: int = 1) -> None:
        self.rules: Final = rules
        self.seed: Final = seed
        self._changes_by_event = {
            event: tuple((rule, CHANGES[rule.fault](rule)) for rule in rules if rule.event is event) for event in Event
        }

    @classmethod
    def parse(cls, text: str, where: str = "script") -> "Faults":
        """Read a script in TOML.

        Raises:
            SettingsError: naming `where`, the key, and what was expected.
        """
        try:
            script = msgspec.toml.decode(text, type=_Script)
        except msgspec.DecodeError as fault:
            raise SettingsError(f"{where}: {fault}") from fault
        for number, rule in enumerate(script.faults, start=1):
            _check(rule, f"{where}: fault {number} ({rule.fault.value})")
        return cls(script.faults, seed=script.seed)

    def judge(self, event: Event, passed_s: float, count: int, random: Random) -> Action:
        """What to do about event number `count` (from 1) of its kind, `passed_s` seconds after the start."""
        changes_of_rules = self._changes_by_event[event]
        if not changes_of_rules:
            return NO_FAULT
        changes: dict[str, object] = {}
        for rule, its_changes in changes_of_rules:
            if rule.strikes(passed_s, count, random):
                changes.update(its_changes)
        return msgspec.structs.replace(NO_FAULT, **changes) if changes else NO_FAULT

    def next_moment(self, passed_s: float) -> float | None:
        """The first named moment after `passed_s`, in seconds since the start, or None."""
        moments = (rule.next_moment(passed_s) for rule, _ in self._changes_by_event[Event.MOMENT])
        return min((at for at in moments if at is not None), default=None)

    def judge_moment(self, at_s: float, random: Random) -> Action:
        """What to do at the moment `at_s`, as `next_moment` named it."""
        changes: dict[str, object] = {}
        for rule, its_changes in self._changes_by_event[Event.MOMENT]:
            if rule.is_due(at_s) and (rule.probability >= 1.0 or random.random() < rule.probability):
                changes.update(its_changes)
        return msgspec.structs.replace(NO_FAULT, **changes) if changes else NO_FAULT


def read_script(path: str) -> Faults:
    """The script in a file; without a path no faults.

    Raises:
        SettingsError: the file cannot be read, or says what no script may say.
    """
    try:
        return Faults.parse(Path(path).read_text(encoding="utf-8"), path) if path else Faults()
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"script {path}: {fault}; expected a file in TOML") from fault


def _check(rule: Rule, where: str) -> None:
    legal = EVENTS[rule.fault]
    if rule.event not in legal:
        names = ", ".join(event.value for event in legal)
        raise SettingsError(f"{where}: cannot strike on {rule.event.value}; expected one of: {names}")
    if rule.link not in ("this", "all"):
        raise SettingsError(f"{where}: link is {rule.link!r}; expected this or all")
    if not 0.0 <= rule.probability <= 1.0:
        raise SettingsError(f"{where}: probability is {rule.probability}; expected 0.0 to 1.0")
    if min(rule.every_count, rule.every_s, rule.delay_s, rule.after_s, rule.copies, rule.messages) < 0:
        raise SettingsError(f"{where}: a count or a duration is negative; expected 0 or more")
