"""When our clock ends a message that was never sent.  Times are Unix ms, spans are seconds."""

from chappe.model.message import Message


def expires_at_ms(
    message: Message,
    *,
    born_ms: int,
    due_at_ms: int,
    attempts: int,
    validity_s: float,
    max_validity_s: float,
) -> int:
    """The moment from which a waiting message is worthless.

    A client's own moment counts, else `validity_s` from when it came, or from when it may leave if it is for later;
    waiting for another try does not prolong it.  No message waits longer than `max_validity_s`.
    """
    longest = born_ms + int(max_validity_s * 1000)
    if message.expires_at_ms:
        return min(message.expires_at_ms, longest)
    validity_ms = int(validity_s * 1000)
    is_for_later = due_at_ms > born_ms and (attempts == 0 or due_at_ms - born_ms > validity_ms)
    return min((due_at_ms if is_for_later else born_ms) + validity_ms, longest)
