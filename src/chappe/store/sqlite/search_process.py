"""The search process: looks messages up for the gateway, so that a long look costs its loop nothing.

It reads the store's files and never writes; one question on its standard input, one answer on its standard output, each
behind its length.  The end of its input is the end of its work.
"""

import gc
import sqlite3
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from chappe.model.errors import GatewayError
from chappe.store.bodies import known_of
from chappe.store.port import Happening, Page, Search
from chappe.store.sqlite.beside import ended_with_the_gateway
from chappe.store.sqlite.opening import connect
from chappe.store.sqlite.searching import Searcher
from chappe.store.sqlite.stories import story_of

LENGTH: Final = struct.Struct("<I")


class FindMessages(msgspec.Struct, frozen=True, tag=True):
    """Answered by `Page`."""

    search: Search


class TellStory(msgspec.Struct, frozen=True, tag=True):
    """Answered by the events of a message that ended at `until_us`; 0: it has not."""

    message_id: int
    until_us: int


Question = FindMessages | TellStory


class Answer(msgspec.Struct, frozen=True):
    """What was found; `fault` says why nothing could be looked up."""

    page: Page | None = None
    story: list[Happening] | None = None
    fault: str = ""


encode_question = msgspec.msgpack.Encoder().encode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Question).decode


def answer(store_path: Path, question: Question) -> Answer:
    """Look it up; the files are opened anew for each question, and a fault is told."""
    try:
        hot = connect(store_path, is_reader=True)
        try:
            if isinstance(question, FindMessages):
                page = Searcher(hot, store_path.parent).search(question.search)
                for life in page.lives:
                    life.message = known_of(life.message)
                return Answer(page=page)
            return Answer(story=story_of(hot, store_path.parent, question.message_id, question.until_us))
        finally:
            hot.close()
    except (sqlite3.Error, GatewayError, OSError) as error:
        return Answer(fault=f"{type(error).__name__}: {error}")


def serve(store_path: Path, asked: IO[bytes], told: IO[bytes]) -> None:
    """Answer until nobody asks any more."""
    while len(head := asked.read(LENGTH.size)) == LENGTH.size:
        octets = _encode(answer(store_path, _decode(asked.read(*LENGTH.unpack(head)))))
        told.write(LENGTH.pack(len(octets)) + octets)
        told.flush()


def main(arguments: Sequence[str]) -> int:
    """`python -m chappe.store.sqlite.search_process STORE_FILE`."""
    (store_path,) = arguments
    gc.freeze()
    with ended_with_the_gateway():
        serve(Path(store_path), sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
