"""The place of a copy in the row of blocks: in order, each once, with a bound on what waits."""

from __future__ import annotations

import asyncio

from memory_source import MemorySource, block

from chappe.observe.following import Following
from chappe.store.port import Block


def taken(following: Following) -> list[Block]:
    return asyncio.run(following.take())


def seqs(following: Following) -> list[int]:
    return [each.seq for each in taken(following)]


def test_blocks_from_before_the_start_come_from_the_store_and_later_ones_live() -> None:
    source = MemorySource()
    source.commit(block(1), block(2), block(3))
    following = Following(source, 1)

    assert seqs(following) == [2, 3]
    reads = source.reads
    source.commit(block(4))
    source.commit(block(5))

    assert seqs(following) == [4, 5]
    assert source.reads == reads


def test_a_long_way_behind_is_caught_up_piece_by_piece() -> None:
    source = MemorySource()
    source.commit(*(block(seq) for seq in range(1, 6)))
    following = Following(source, 0, catch_up_blocks=2)

    assert seqs(following) == [1, 2]
    assert following.is_behind
    source.commit(block(6))

    assert seqs(following) == [3, 4]
    assert seqs(following) == [5, 6]
    assert seqs(following) == []
    assert not following.is_behind


def test_more_than_memory_may_hold_is_read_from_the_store_instead() -> None:
    source = MemorySource()
    following = Following(source, 0, waiting_octets=100)
    taken(following)

    source.commit(*(block(seq) for seq in range(1, 10)))

    assert following.is_behind
    assert seqs(following) == list(range(1, 10))
    source.commit(block(10))
    assert seqs(following) == [10]


def test_what_did_not_arrive_is_given_again() -> None:
    source = MemorySource()
    source.commit(block(1), block(2), block(3))
    following = Following(source, 0)
    taken(following)

    following.rewind(1)
    source.commit(block(4))

    assert seqs(following) == [2, 3, 4]


def test_it_is_ready_only_while_there_may_be_something() -> None:
    source = MemorySource()
    following = Following(source, 0)
    assert following.ready.is_set()

    taken(following)
    assert not following.ready.is_set()
    source.commit(block(1))

    assert following.ready.is_set()


def test_a_block_that_is_committed_while_the_store_is_read_is_not_passed_over() -> None:
    class SlowSource(MemorySource):
        async def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
            found = await super().blocks_after(seq, limit)
            if not self.blocks[2:]:
                self.commit(block(3))
            return found

    source = SlowSource()
    source.commit(block(1), block(2))
    following = Following(source, 0)

    assert seqs(following) == [1, 2]
    assert following.ready.is_set()
    assert seqs(following) == [3]
    source.commit(block(4))
    assert seqs(following) == [4]
