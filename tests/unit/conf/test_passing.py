"""Wishes for nodes of other boxes: they reach the box that has the node, once, and its answer comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from chappe.conf.passing import HEARD_S, Passing
from chappe.instructions.kinds import DrainNode
from chappe.model.errors import ResourceError, SettingsError
from chappe.store.errands import Answer, Progress
from chappe.store.fleet import Alone, Run


class Clock:
    """A second passes with each look."""

    def __init__(self) -> None:
        self.s = 0.0

    def utc_us(self) -> int:
        return int(self.s * 1e6)

    def monotonic(self) -> float:
        self.s += 1.0
        return self.s


class Errands:
    """Rows in memory, and what was given."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, str], Answer] = {}
        self.bodies: dict[int, bytes] = {}

    async def give(self, instruction: int, boxes: Sequence[str], body: bytes, at_us: int) -> None:
        self.bodies[instruction] = body
        for box in boxes:
            self.rows.setdefault((instruction, box), Answer(Progress.OPEN, b""))

    async def undone(self, box: str) -> Sequence[tuple[int, bytes]]:
        return [
            (number, self.bodies[number])
            for (number, at), answer in sorted(self.rows.items())
            if at == box and answer.progress is not Progress.DONE
        ]

    async def hear(self, instruction: int, box: str, answer: bytes) -> bool:
        return self._step((instruction, box), Answer(Progress.HEARD, answer))

    async def finish(self, instruction: int, box: str, answer: bytes) -> None:
        self._step((instruction, box), Answer(Progress.DONE, answer))

    async def give_up(self, instruction: int, box: str) -> bool:
        row = self.rows[instruction, box]
        return row.progress is Progress.OPEN and self._step((instruction, box), Answer(Progress.DONE, b""))

    async def answers(self, instruction: int) -> Mapping[str, Answer]:
        return {box: answer for (number, box), answer in self.rows.items() if number == instruction}

    async def close(self) -> None:
        pass

    def _step(self, key: tuple[int, str], answer: Answer) -> bool:
        if self.rows[key].progress is Progress.DONE:
            return False
        self.rows[key] = answer
        return True


class Fleet(Alone):
    """Runs, as `box/node`; one that begins with `-` is silent."""

    def __init__(self, *names: str) -> None:
        self.names = names

    async def runs(self) -> Sequence[Run]:
        found = [(name, *name.lstrip("-").split("/")) for name in self.names]
        return [Run(1, box, node, "1", 0, 60.0 if name[0] == "-" else 1.0) for name, box, node in found]


class Box:
    """One box: what it was asked, and what it answers."""

    def __init__(self, errands: Errands, fleet: Fleet, name: str, fault: str = "") -> None:
        self.asked: list[DrainNode] = []
        self.fault = fault
        self.passing = Passing(errands, fleet, Clock(), name, self.here, 5.0, answer_every_s=0.0)

    async def here(self, wish: DrainNode) -> int:
        self.asked.append(wish)
        if self.fault:
            raise ResourceError(self.fault)
        return 3


TWO = Fleet("riga1/conf", "riga1/client-smpp", "riga2/conf", "riga2/client-smpp", "riga2/router", "-riga3/conf")


async def asked(box: Box, wish: DrainNode, number: int, *obeying: Box) -> int:
    """Ask at one box while these look for errands."""

    async def obey() -> None:
        while True:
            for each in obeying:
                await each.passing.look()
            await asyncio.sleep(0)

    task = asyncio.create_task(obey())
    try:
        return await box.passing.pass_on(wish, number)
    finally:
        task.cancel()


def boxes(fault: str = "", fleet: Fleet = TWO) -> tuple[Box, Box]:
    errands = Errands()
    return Box(errands, fleet, "riga1"), Box(errands, fleet, "riga2", fault)


@pytest.mark.parametrize("wish", [DrainNode("router"), DrainNode("client-smpp", box="riga2")])
def test_a_wish_reaches_the_box_that_has_the_node_and_no_other(wish: DrainNode) -> None:
    one, two = boxes()

    open_answers = asyncio.run(asked(one, wish, 7, one, two))

    assert open_answers == 3
    assert (one.asked, two.asked) == ([], [wish])


def test_a_wish_that_is_asked_again_after_a_death_is_answered_as_before() -> None:
    one, two = boxes()
    asyncio.run(asked(one, DrainNode("router"), 7, two))
    one.passing._fleet = Fleet("riga1/conf", "riga2/conf")  # the node is gone by now

    again = asyncio.run(asked(one, DrainNode("router"), 7, two))

    assert again == 3
    assert len(two.asked) == 1


def test_a_box_that_died_over_an_errand_does_it_again() -> None:
    errands = Errands()
    two = Box(errands, TWO, "riga2")

    async def story() -> None:
        await errands.give(7, ["riga2"], b'{"type":"drain_node","node":"router"}', 0)
        assert await errands.hear(7, "riga2", b"{}")
        await two.passing.look()
        await two.passing.look()

    asyncio.run(story())
    assert two.asked == [DrainNode("router")]


def test_a_box_that_does_not_begin_is_given_up_and_begins_no_more() -> None:
    one, two = boxes()

    with pytest.raises(SettingsError, match="box riga2: does not answer"):
        asyncio.run(asked(one, DrainNode("router"), 7))

    assert one.passing._clock.monotonic() > HEARD_S
    asyncio.run(two.passing.look())
    assert two.asked == []


def test_what_the_box_cannot_do_is_told_with_its_name() -> None:
    one, two = boxes(fault="no node 'router'")

    with pytest.raises(SettingsError, match="box riga2: no node 'router'"):
        asyncio.run(asked(one, DrainNode("router"), 7, two))


def test_a_node_is_had_back_wherever_it_was() -> None:
    one, two = boxes(fault="no node 'router'")

    assert asyncio.run(asked(one, DrainNode("router", resumes=True), 7, one, two)) == 3
    assert len(one.asked) == len(two.asked) == 1


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (DrainNode("client-smpp"), "boxes riga1, riga2 have a node client-smpp: say which, with: box=riga1"),
        (DrainNode("routr"), "no node 'routr' runs"),
        (DrainNode("router", box="riga3"), "no box 'riga3' runs"),
        (DrainNode("conf", box="riga2"), "drain it there"),
    ],
)
def test_a_wish_that_can_mean_nobody_or_several_is_refused(wish: DrainNode, said: str) -> None:
    one, two = boxes()

    with pytest.raises(SettingsError, match=said):
        asyncio.run(asked(one, wish, 7, two))

    assert two.asked == []


def test_an_errand_of_another_release_is_answered_and_not_obeyed() -> None:
    errands = Errands()
    two = Box(errands, TWO, "riga2")

    async def story() -> Mapping[str, Answer]:
        await errands.give(7, ["riga2"], b'{"type":"dance"}', 0)
        await two.passing.look()
        return await errands.answers(7)

    answer = asyncio.run(story())["riga2"]
    assert answer.progress is Progress.DONE
    assert b"cannot read" in answer.body
    assert two.asked == []
