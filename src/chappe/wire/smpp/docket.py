"""The peer's requests that its owner has not answered yet: which command each sequence number stands for.

It must never know why an answer takes its time.
"""


class Docket:
    """Remembers what was asked.  A peer that uses a sequence number twice gets two answers."""

    def __init__(self) -> None:
        self._command_id_by_number: dict[int, int] = {}
        self._repeats: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._command_id_by_number) + len(self._repeats)

    def enter(self, number: int, command_id: int) -> None:
        """The peer asked."""
        if number in self._command_id_by_number:
            self._repeats.append((number, command_id))
        else:
            self._command_id_by_number[number] = command_id

    def strike(self, number: int, command_id: int) -> bool:
        """The owner answers a `command_id` called `number`; False if no such request is open."""
        if self._command_id_by_number.get(number) == command_id:
            del self._command_id_by_number[number]
            if self._repeats:
                self._move_up(number)
            return True
        if (number, command_id) in self._repeats:
            self._repeats.remove((number, command_id))
            return True
        return False

    def oldest(self, number: int) -> int | None:
        """The command_id of the oldest open request called `number`; None if there is none."""
        return self._command_id_by_number.get(number)

    def clear(self) -> None:
        """The connection is gone: nobody waits any more."""
        self._command_id_by_number.clear()
        self._repeats.clear()

    def _move_up(self, number: int) -> None:
        for repeat in self._repeats:
            if repeat[0] == number:
                self._repeats.remove(repeat)
                self._command_id_by_number[number] = repeat[1]
                return
