"""The gateway that this process shows: set once at its start, before the first request."""

from chappe.frontend.reading import Reading
from chappe.model.errors import MisuseError

_reading: list[Reading] = []


def show(reading: Reading) -> None:
    """Pages are about this gateway."""
    _reading[:] = [reading]


def reading() -> Reading:
    """What pages read.  Raises: MisuseError before `show`."""
    if not _reading:
        raise MisuseError("the pages were asked for before they know their gateway")
    return _reading[0]
