"""Makes the nodes that have to do with operators, those of trials too.

It must never start one.
"""

from collections.abc import Sequence

from chappe.building.configured import Configured
from chappe.building.surroundings import Surroundings
from chappe.node_terms import link_terms_of, sending_terms_of
from chappe.operators.http_node import OperatorHttpNode
from chappe.operators.node import OperatorNode
from chappe.operators.sharing import Sharing
from chappe.operators.smpp_node import OperatorSmppNode
from chappe.operators.trial_endings import TrialEndings
from chappe.operators.trial_node import TrialOperator
from chappe.operators.ucp_node import OperatorUcpNode
from chappe.runtime.settings_operators import Operator, Protocol
from chappe.store.fleet import Alone

#: What speaks each protocol.
_OPERATOR_NODES: dict[Protocol, type[OperatorNode]] = {
    Protocol.SMPP: OperatorSmppNode,
    Protocol.UCP: OperatorUcpNode,
    Protocol.HTTP: OperatorHttpNode,
}


class Operators:
    """The operator nodes that were made here."""

    def __init__(self, configured: Configured, around: Surroundings) -> None:
        self._configured = configured
        self._around = around
        self._nodes: list[OperatorNode] = []

    def operator(self, operator: Operator) -> OperatorNode:
        configured, around = self._configured, self._around
        profile = configured.settings.profile_of(operator)
        node = _OPERATOR_NODES[operator.protocol](
            link_terms_of(operator, profile),
            sending_terms_of(operator, profile),
            around.store,
            lambda: configured.policy.routes,
            lambda: configured.mo_routes,
            around.ids,
            around.clock,
            validity_s=configured.validity_of,
            shortest_validity_s=configured.shortest_validity_s,
            premium=configured.premium,
            is_up=self.is_up,
            has_links_elsewhere=lambda: around.fleet_watch.links_elsewhere(operator.name) > 0,
            opt_outs=configured.opt_outs,
            loops=configured.loops,
            hand=around.hand,
        )
        self._nodes.append(node)
        return node

    def forget(self, node: OperatorNode) -> None:
        """A node of this operator works no longer."""
        self._nodes.remove(node)
        self._around.store.unlisten(node.queue, node.bell)

    def let_listen(self, node: OperatorNode) -> None:
        """Words of handsets and circles as the settings say now."""
        node.listen_to(self._configured.opt_outs, self._configured.loops, self._around.ids)

    def is_up(self, operator: str) -> bool:
        """Whether a link of an operator can send now, here or on another box."""
        is_up_here = any(node.name == operator and node.links.down_since is None for node in self._nodes)
        return is_up_here or self._around.fleet_watch.links_elsewhere(operator) > 0

    def sharings(self, nodes: Sequence[OperatorNode]) -> list[Sharing]:
        """Operators' links and rates belong to all nodes that serve them."""
        around = self._around
        if isinstance(around.fleet, Alone):
            return []
        return [Sharing(node, around.fleet, around.clock) for node in nodes]

    def trials(self) -> TrialOperator:
        around = self._around
        return TrialOperator(around.store, around.ids, around.clock)

    def trial_endings(self) -> TrialEndings:
        around = self._around
        return TrialEndings(around.store, around.ids, around.clock, self._configured.trial_clients)
