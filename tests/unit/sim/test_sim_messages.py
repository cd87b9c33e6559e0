"""Made-up messages: own tags, handsets that count or scatter."""

from random import Random

from chappe.sim.messages import MessageSource
from chappe.sim.options import ClientOptions


def test_messages_count_up_and_carry_their_tag_first() -> None:
    source = MessageSource(ClientOptions(count=2, tag_prefix="run", destination="37120000000"), Random(1))

    first, second = source.make(), source.make()

    assert (first.tag, first.text, first.destination) == ("run1", "run1 Your code is 1", "37120000000")
    assert (second.tag, second.destination) == ("run2", "37120000001")
    assert source.remaining == 0


def test_scattered_handsets_reach_each_before_one_comes_again() -> None:
    options = ClientOptions(count=1_000, destinations=1_000, is_scattered=True, destination="1000")
    source = MessageSource(options, Random(1))

    handsets = [int(source.make().destination) for _ in range(1_000)]

    assert sorted(handsets) == list(range(1000, 2000))
    assert handsets != sorted(handsets)


def test_two_runs_have_different_tags() -> None:
    assert MessageSource(ClientOptions(), Random(1)).prefix != MessageSource(ClientOptions(), Random(2)).prefix
