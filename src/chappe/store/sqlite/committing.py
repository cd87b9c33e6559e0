"""Committing: one transaction and one sync for the calls of a group, and what to make of a COMMIT that failed."""

import sqlite3
import time
from array import array
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Final

import msgspec
import zstandard

from chappe.crash import ARMED
from chappe.model.events import count, text_of
from chappe.store.calls import ORDER, Call, reach_commit
from chappe.store.port import Block, StoreAway
from chappe.store.sqlite.memory import Memory
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.store_file import StoreFile
from chappe.store.sqlite.transaction import Transaction

#: Pause between two tries to read the file after a COMMIT of unknown outcome.
REOPEN_PAUSE_S: Final = 0.05
REOPEN_TRIES: Final = 100

_NEW_BLOCK = "INSERT INTO event_blocks (seq, run, at_us, events, ids, counts, lines) VALUES (?, ?, ?, ?, ?, ?, ?)"
_MARK = "INSERT INTO meta VALUES ('commit_without_events', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_MARKED = "SELECT 1 FROM meta WHERE key = 'commit_without_events' AND value = ?"
_pack = msgspec.msgpack.Encoder().encode


class Committing:
    """All of a group is on disk when `commit` returns, or nothing of it."""

    def __init__(self, file: StoreFile, queues: Queues, memory: Memory, now_us: Callable[[], int]) -> None:
        self._file = file
        self._queues = queues
        self._memory = memory
        self._now_us = now_us
        self._zstd = zstandard.ZstdCompressor(level=1)
        #: Transactions of this run that told of no event.
        self._marks = 0

    def transaction(self) -> Transaction:
        """A new one, as memory is now."""
        return Transaction(
            self._file.connection,
            self._file.names,
            self._memory.references,
            self._memory.early,
            self._memory.long,
            lambda queue, priority, lane: self._queues.head(queue).room(priority, lane),
            self._queues.leased,
            self._now_us(),
        )

    def commit(self, calls: Sequence[Call]) -> tuple[Transaction, Block | None]:
        """One transaction for these calls.  On any error nothing of it is left, on disk or in memory."""
        transaction = self.transaction()
        connection, references = self._file.connection, self._memory.references
        has_spilled, block, is_ending = False, None, False
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._run_calls(transaction, calls)
            transaction.write()
            has_spilled = references.spill(connection, transaction.events.at_us)
            block = self._write_block(calls, transaction)
            if block is None:
                self._mark(connection)
            if ARMED is not None:
                reach_commit(calls, is_before=True)
            is_ending = True
            connection.execute("COMMIT")
        except BaseException as error:
            if not (is_ending and isinstance(error, sqlite3.Error) and self._is_durable(block)):
                transaction.put_back()
                self._file.names.rolled_back()
                self._file.roll_back()
                raise
        if ARMED is not None:
            reach_commit(calls, is_before=False)
        if has_spilled:
            references.spilled()
        return transaction, block

    def _run_calls(self, transaction: Transaction, calls: Sequence[Call]) -> None:
        for kind in ORDER:
            for call in calls:
                if call.kind != kind:
                    continue
                if kind == "accept":
                    transaction.accept(call.items)
                elif kind == "settle":
                    transaction.settle(call.items)
                elif kind == "report":
                    transaction.report(call.items)
                elif kind == "grant":
                    transaction.grant(call.items)
                elif kind == "sweep":
                    for sweep in call.items:
                        sweep(transaction)
                elif kind == "write":
                    for statement, values in chain.from_iterable(call.items):
                        self._file.connection.executemany(statement, values)
            if kind == "once":
                _accept_once(transaction, [call for call in calls if call.kind == kind])
            elif kind == "settle":
                transaction.match_parked()

    def _write_block(self, calls: Sequence[Call], transaction: Transaction) -> Block | None:
        """The events of all calls as one row."""
        batches = [call.events for call in calls if call.events is not None]
        if left_out := transaction.left_out:
            batches = [batch.only(lambda each: each not in left_out) for batch in batches]
        batches.append(transaction.events)
        ids = [each for batch in batches for each in batch.ids]
        if not ids:
            return None
        seq = self._memory.seq + 1
        text = text_of(batches)
        counts = count(batches)
        block = Block(seq, transaction.events.at_us, text, counts)
        self._file.connection.execute(
            _NEW_BLOCK,
            (
                seq,
                self._memory.run,
                block.at_us,
                sum(counts.values()),
                array("q", ids).tobytes(),
                _pack([(*key, number) for key, number in counts.items()]),
                self._zstd.compress(text),
            ),
        )
        return block

    def _mark(self, connection: sqlite3.Connection) -> None:
        """What tells of no event has no block to be known by: it gets a number."""
        self._marks += 1
        connection.execute(_MARK, (f"{self._memory.run} {self._marks}",))

    def _trace(self, block: Block | None) -> tuple[str, tuple[object, ...]]:
        """The query that finds what the last transaction left, if it holds."""
        if block is not None:
            return "SELECT 1 FROM event_blocks WHERE seq = ? AND run = ?", (block.seq, self._memory.run)
        return _MARKED, (f"{self._memory.run} {self._marks}",)

    def _is_durable(self, block: Block | None) -> bool:
        """COMMIT failed, and whether it holds is what the file says when it is opened again."""
        query, row = self._trace(block)
        for _ in range(REOPEN_TRIES):
            try:
                self._file.reopen()
                return self._file.connection.execute(query, row).fetchone() is not None
            except (sqlite3.Error, StoreAway):
                # Until the file can be read nobody can be answered, neither yes nor no.
                time.sleep(REOPEN_PAUSE_S)
        raise SystemExit(f"store {self._file.path}: cannot be opened to see whether a commit holds; start again")


def _accept_once(transaction: Transaction, calls: Sequence[Call]) -> None:
    """What keys guard, of all calls together; each call gets its own outcomes."""
    if calls:
        outcomes = iter(transaction.accept_once([once for call in calls for once in call.items]))
        for call in calls:
            call.outcomes = list(islice(outcomes, len(call.items)))
