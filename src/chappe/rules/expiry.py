"""When our clock ends a message that was never sent.  Times are Unix ms, spans are seconds."""

from chappe.model.message import Message


def expires_at_ms(message: Message, *, born_ms: int, validity_s: float, max_validity_s: float) -> int:
    """The moment from which a waiting message is worthless.

    A client's own moment counts, else `validity_s` from when it came, or from when it may leave if it is for later;
    waiting for another try does not prolong it.  No message waits longer than `max_validity_s` for its operator.
    """
    from_ms = message.send_at_ms or born_ms
    longest = from_ms + int(max_validity_s * 1000)
    return min(message.expires_at_ms or from_ms + int(validity_s * 1000), longest)
