"""An operator node that has one submit for each recipient in flight, so that one handset's messages keep their order.

Over UCP it also keeps their names apart; over HTTP there is nothing else that keeps requests in order.
"""

from collections.abc import Sequence

from chappe.model.message import Item
from chappe.net.peer import Peer
from chappe.operators.link import InFlight, Link
from chappe.operators.node import OperatorNode
from chappe.operators.recipients import RecipientLink, Recipients
from chappe.operators.responses import Answered


class RecipientNode(OperatorNode):
    """One operator, all its links on this box."""

    #: Who has a submit in flight; made with the links.
    _recipients: Recipients

    def judged(self, responses: Sequence[Answered]) -> None:
        """Recipients may have their next ones, but for what has to wait behind a message that is tried again."""
        for flight, status, _ in responses:
            if status and self._order.lines:
                self._recall_behind(flight)
            self._recipients.free(flight)

    def _doubted(self, flight: InFlight) -> None:
        """Nobody knows what became of it: its recipient is free, and what waits behind it goes back to the queue."""
        self._recall_behind(flight)
        self._recipients.free(flight)

    def _recall_behind(self, flight: InFlight) -> None:
        """What waits on a link for the recipient of a message that is tried again goes back to the queue."""
        recalled: dict[int, Item] = {}
        for link in self.links.links:
            assert isinstance(link, RecipientLink)
            for waiting in link.recall(flight):
                item = waiting[1].item
                if item.id == flight.item.id:
                    link.backlog.append(waiting)
                else:
                    recalled[item.id] = item
        if recalled:
            for item in recalled.values():
                self._parts.stop(item.id)
            self._start(self._give_back(list(recalled.values())))

    def _on_down(self, link: Link, peer: Peer) -> None:
        super()._on_down(link, peer)
        self._recipients.free_link(link.number)

    def _put(self, link: Link, pdu: object, flight: InFlight, now: float) -> None:
        """Everything goes by what waits: the recipient may have something in flight."""
        link.backlog.append((pdu, flight))

    def _flush_links(self, links: Sequence[Link], now: float) -> None:
        for link in links:
            if link.may_send:
                self._send_backlog(link, now)

    def _refuse(self, flight: InFlight, why: str) -> None:
        self._recipients.free(flight)
        super()._refuse(flight, why)
