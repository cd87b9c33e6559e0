"""Where trials go: to no operator, cut and written as for the one that the routes name.

Some numbers are refused here, as a real message may be.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from chappe.clients.http_path import FindPath, Path
from chappe.rules.trial import REFUSED_AT_THE_DOOR, TRIAL_QUEUE
from chappe.wire.http.problems import Code, FieldError, Refusal

#: A number that no route takes is still good for a trial.
_ANYWHERE: Final = Path(TRIAL_QUEUE)
_WHY: Final = "this number is always refused so, for tests"
_REFUSAL_BY_CODE: Final[Mapping[str, Refusal]] = {
    code.word: Refusal(code, f"Trial: {_WHY}.", (FieldError("/to", _WHY),) if not retry_after_s else (), retry_after_s)
    for code, retry_after_s in (
        (Code.NO_ROUTE, 0.0),
        (Code.RATE_EXCEEDED, 1.0),
        (Code.QUEUE_FULL, 5.0),
        (Code.STORE_AWAY, 1.0),
    )
}


def trial_path(find_path: FindPath) -> FindPath:
    """What `find_path` says of a message, but for where it goes."""

    def find(to: str, source: str) -> Path | Refusal | None:
        word = REFUSED_AT_THE_DOOR.get(to)
        if word is not None:
            return _REFUSAL_BY_CODE[word]
        path = find_path(to, source)
        if isinstance(path, Refusal):
            return path
        return msgspec.structs.replace(path, queue=TRIAL_QUEUE) if isinstance(path, Path) else _ANYWHERE

    return find
