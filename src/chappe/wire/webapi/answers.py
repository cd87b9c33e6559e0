"""What an answer to a submit or to a question means, as a profile tells it.

An answer that cannot be read is no answer: what became of the message is unknown, and nobody guesses.
"""

from collections.abc import Collection
from enum import Enum
from typing import Any, Final

import msgspec

from chappe.wire.webapi.readers import Reader, Said

#: How a code says that it is an HTTP status.
HTTP: Final = "http:"
#: The class of statuses that blame the request.  RFC 9110 §15.5.
_REFUSALS: Final = 4


class Meaning(Enum):
    """What becomes of a message."""

    TAKEN = "taken"
    #: The operator asks for a slower pace.
    THROTTLED = "throttled"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    #: It may have been taken, or not.
    UNKNOWN = "unknown"
    #: We are not let in: no message is to blame.
    DENIED = "denied"
    #: To a question: the operator has no such message.
    ABSENT = "absent"


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The meaning for one message; `word` is the operator's id of what was taken, else its code."""

    meaning: Meaning
    word: str = ""


class AnswerForm(msgspec.Struct, frozen=True):
    """How answers are read.  Codes are what `error` reads, or `http:STATUS` where it reads nothing."""

    statuses: Collection[int]
    items: Reader | None = None
    id: Reader | None = None
    error: Reader | None = None
    #: What `error` reads in a yes.
    accepted: Collection[str] = ()
    throttled: Collection[str] = ()
    temporary: Collection[str] = ()
    unknown: Collection[str] = ()
    denied: Collection[str] = ()
    absent: Collection[str] = ()

    def judge(self, said: Said, count: int = 1) -> list[Verdict]:
        """One verdict for each of `count` messages, in their order."""
        if said.status not in self.statuses:
            return [self._refused(said, None)] * count
        if not all(said.is_readable(each.source) for each in (self.items, self.id, self.error) if each):
            return [Verdict(Meaning.UNKNOWN, "an answer that cannot be read")] * count
        items = said.items(self.items)
        if len(items) != count:
            # A refusal as a whole has no items, and says so itself.
            if (code := said.read(self.error)) and code not in self.accepted:
                return [self._of_code(code)] * count
            return [Verdict(Meaning.UNKNOWN, f"an answer about {len(items)} messages and not {count}")] * count
        return [self._taken(said, item) for item in items]

    def find(self, said: Said) -> Verdict:
        """The verdict of an answer to a question: it is about one message, or about none."""
        if said.status in self.statuses and self.items is not None and said.is_readable(self.items.source):
            items = said.items(self.items)
            return self._taken(said, items[0]) if items else Verdict(Meaning.ABSENT)
        return self.judge(said)[0]

    def _taken(self, said: Said, item: Any) -> Verdict:
        code = said.read(self.error, item)
        if code and code not in self.accepted:
            return self._of_code(code)
        reference = said.read(self.id, item)
        if self.id is not None and not reference:
            return Verdict(Meaning.UNKNOWN, "a yes without an id")
        return Verdict(Meaning.TAKEN, reference)

    def _refused(self, said: Said, item: Any) -> Verdict:
        code, status = said.read(self.error, item), f"{HTTP}{said.status}"
        by_code = self._of_code(code) if code else Verdict(Meaning.PERMANENT)
        if by_code.meaning is not Meaning.PERMANENT:
            return by_code
        by_status = self._of_code(status)
        if by_status.meaning is not Meaning.PERMANENT:
            return by_status
        # Only 4xx says that the request was wrong; behind any other status the message may have been taken.
        is_refusal = said.status // 100 == _REFUSALS
        return Verdict(Meaning.PERMANENT if is_refusal else Meaning.UNKNOWN, code or status)

    def _of_code(self, code: str) -> Verdict:
        for meaning, codes in (
            (Meaning.THROTTLED, self.throttled),
            (Meaning.TEMPORARY, self.temporary),
            (Meaning.UNKNOWN, self.unknown),
            (Meaning.DENIED, self.denied),
            (Meaning.ABSENT, self.absent),
        ):
            if code in codes:
                return Verdict(meaning, code)
        return Verdict(Meaning.PERMANENT, code)
