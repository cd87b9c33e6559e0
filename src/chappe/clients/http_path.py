"""What the door must know of the operators that a message may go to.

It must never know a route, nor a message.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from chappe.model.address import Address
from chappe.text.encoding import DefaultAlphabet
from chappe.text.national_tables import Language
from chappe.text.segments import SplitMethod
from chappe.wire.http.problems import Refusal

_GSM_ALONE: Final = (DefaultAlphabet.GSM7,)


class Path(msgspec.Struct, frozen=True):
    """What the door must know of a route's operators: the queue and the cut of the first, the alphabets of all.

    A message may move to any of them, so what bears data_coding 0 must read the same to each.
    """

    queue: str
    split: SplitMethod = SplitMethod.UDH8
    #: No alphabets: all of them are GSM 7 bit.
    alphabets: tuple[DefaultAlphabet, ...] = ()
    #: Whose national tables all of them pass on to handsets that know them.
    languages: frozenset[Language] = frozenset()
    #: The sender that the message gets instead of its own.
    source: Address | None = None
    #: What was decided about it, for its event; empty where there was nothing to decide.
    told: str = ""


def path_over(paths: Sequence[Path]) -> Path:
    """What must be known of a route whose operators have these paths, the first one first."""
    alphabets = dict.fromkeys(alphabet for path in paths for alphabet in path.alphabets or _GSM_ALONE)
    if tuple(alphabets) != _GSM_ALONE:
        return Path(paths[0].queue, paths[0].split, tuple(alphabets))
    return Path(paths[0].queue, paths[0].split, (), frozenset.intersection(*(path.languages for path in paths)))


#: Where a message to one from the other goes, or why nowhere: None where no route takes it.
FindPath = Callable[[str, str], Path | Refusal | None]
