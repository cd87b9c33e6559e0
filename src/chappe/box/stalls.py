"""Judges from the beats of a process whether it still works.  Pure: times are monotonic seconds."""

from collections.abc import Mapping

from chappe.box.beats import Beat


class StallWatch:
    """Knows when a process was last heard and when each of its loops last went round."""

    def __init__(self, now: float, stall_s: float) -> None:
        self._stall_s = stall_s
        self._heard_at = now
        self._turns: Mapping[str, int] = {}
        self._turned_at: dict[str, float] = {}

    def heard(self, beat: Beat, now: float) -> None:
        """A beat came.  While the store is away nobody's standing still counts: there is nothing else to do."""
        self._heard_at = now
        for loop, turns in beat.turns.items():
            if beat.is_store_away or beat.phase != "running" or self._turns.get(loop) != turns:
                self._turned_at[loop] = now
        self._turns = beat.turns
        self._turned_at = {loop: at for loop, at in self._turned_at.items() if loop in beat.turns}

    def why_restart(self, now: float) -> str:
        """In one line why the process should be started anew; empty while it should not."""
        silent_s = now - self._heard_at
        if silent_s > self._stall_s:
            return f"said nothing for {silent_s:.0f} s"
        for loop, at in self._turned_at.items():
            if now - at > self._stall_s:
                return f"its loop {loop!r} has not gone round for {now - at:.0f} s"
        return ""
