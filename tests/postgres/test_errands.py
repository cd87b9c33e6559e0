"""Errands in a database: each step happens once, whoever of asker and box is quicker."""

from __future__ import annotations

import asyncio

from chappe.store.errands import Progress
from chappe.store.postgres.errands import KEPT_US, PostgresErrands
from chappe.store.postgres.opening import Session, migrate
from postgres_server import Reached


def test_boxes_do_their_own_errands_once_and_what_was_given_up_never(postgres_server: Reached) -> None:
    async def story() -> None:
        dsn = postgres_server.new_database()
        session = Session(dsn, "test")
        async with session.lend() as connection:
            await migrate(connection)
        one, two = PostgresErrands(session), PostgresErrands(Session(dsn, "other"))

        await one.give(7, ["riga1", "riga2"], b"\x00drain", 1)
        await one.give(7, ["riga1"], b"again", 1)
        await one.give(8, ["riga2"], b"resume", 2)

        assert await two.undone("riga2") == [(7, b"\x00drain"), (8, b"resume")]
        assert await two.hear(7, "riga2", b"begun")
        assert await two.hear(7, "riga2", b"begun anew"), "after a death it goes on"
        assert not await one.give_up(7, "riga2"), "it has begun"
        assert await one.give_up(7, "riga1")
        assert not await two.hear(7, "riga1", b"too late")
        await two.finish(7, "riga2", b"done")
        await two.finish(7, "riga2", b"done twice")

        answers = await one.answers(7)
        assert answers == {"riga1": (Progress.DONE, b""), "riga2": (Progress.DONE, b"done")}
        assert await two.undone("riga2") == [(8, b"resume")]

        await one.give(9, ["riga2"], b"later", KEPT_US + 2)
        assert await one.answers(7) == {}
        await one.close()
        await two.close()

    asyncio.run(asyncio.wait_for(story(), 60))
