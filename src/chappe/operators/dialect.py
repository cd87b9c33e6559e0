"""What an operator node asks of a protocol when it sends: the words differ, the way is the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chappe.model.errors import MisuseError
from chappe.model.message import Message
from chappe.operators.shape import Wire


class UnsendableError(MisuseError):
    """A message that this protocol cannot carry: refused alone, as if the operator had refused it."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One protocol."""

    #: What carries a message of one part.  Raises: UnsendableError.
    submit_of: Callable[[Message, Wire], Any]
    #: What carries each part of a long message, in order.  Raises: UnsendableError.
    submits_of: Callable[[Message, Wire], Sequence[Any]]
    #: The name of a status, for events.
    status_name: Callable[[int], str]
    #: A status as receipts and records have it: three characters.
    error_of: Callable[[int], str]
    #: The status that stands for what could not even be written.
    unwritable_status: int
