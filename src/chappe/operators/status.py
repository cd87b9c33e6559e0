"""What an operator node tells of its links to whoever watches.  It changes nothing."""

from chappe.observe.status import LinkStatus, OperatorStatus
from chappe.operators.link import Link
from chappe.operators.links import Links


def operator_status(links: Links, now: float) -> OperatorStatus:
    """All links of one operator; `now` is monotonic seconds."""
    terms = links.terms
    return OperatorStatus(
        terms.operator,
        [_link_status(link, now, window=terms.window_pdus, is_pair=terms.is_pair) for link in links.links],
    )


def _link_status(link: Link, now: float, *, window: int, is_pair: bool) -> LinkStatus:
    """A pair is up when both of its connections are."""
    is_up = link.sender is not None and (link.receiver is not None or not is_pair)
    return LinkStatus(
        link=link.number,
        state="up" if is_up else "down",
        window_used=link.sender.session.in_flight if link.sender is not None else 0,
        window=window,
        since_s=round(max(0.0, now - link.changed_at), 1),
        reason="" if is_up else link.down_reason,
    )
