"""Message ids in the styles of real SMSCs."""

from random import Random

import pytest

from chappe.sim.message_ids import IdStyle, MessageIds


@pytest.mark.parametrize(
    ("style", "expected"),
    [(IdStyle.COUNTING, ["9", "10", "11"]), (IdStyle.HEX, ["00000009", "0000000a", "0000000b"])],
)
def test_counting_ids_count(style: IdStyle, expected: list[str]) -> None:
    ids = MessageIds(style, Random(1), first=9)

    assert [ids.issue() for _ in range(3)] == expected


@pytest.mark.parametrize(("style", "base"), [(IdStyle.RANDOM, 10), (IdStyle.RANDOM_HEX, 16)])
def test_random_ids_are_scattered_over_60_bits_and_repeatable(style: IdStyle, base: int) -> None:
    first, again = (MessageIds(style, Random(5)) for _ in range(2))
    issued = [first.issue() for _ in range(1_000)]

    assert issued == [again.issue() for _ in range(1_000)]
    assert len(set(issued)) == 1_000
    numbers = [int(each, base) for each in issued]
    assert max(numbers) < 1 << 60
    assert sum(number >= 1 << 59 for number in numbers) > 400


def test_an_id_can_be_repeated() -> None:
    ids = MessageIds(IdStyle.COUNTING, Random(1))

    assert [ids.repeat(), ids.repeat(), ids.issue()] == ["1", "1", "2"]


def test_one_id_can_be_scattered_whatever_the_style() -> None:
    ids = MessageIds(IdStyle.COUNTING, Random(1))

    assert int(ids.scatter()) > 1_000
    assert ids.issue() == "1"
