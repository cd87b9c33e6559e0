"""Makes the nodes that have to do with clients: their doors, and the calls to their web servers.

It must never start one.
"""

from collections.abc import Callable

from chappe.building.configured import Configured
from chappe.building.holders import Holders
from chappe.building.posting import Posting
from chappe.building.surroundings import Surroundings
from chappe.callbacks.claims import Claims
from chappe.callbacks.node import CallbackNode
from chappe.clients.ceiling import Ceiling
from chappe.clients.dividing import Divided
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.node import MAX_UNBOUND
from chappe.clients.smpp_node import ClientSmppNode
from chappe.clients.ucp_node import ClientUcpNode
from chappe.engines import accept_items_of, pressure_of
from chappe.runtime import open_files
from chappe.store.fleet import Alone

#: Where a box that alone gives names to messages over UCP notes how far it has come.
UCP_NAMES = "ucp-names"


class Doors:
    """One door for each call."""

    def __init__(
        self,
        configured: Configured,
        around: Surroundings,
        holders: Holders,
        posting: Posting,
        is_up: Callable[[str], bool],
    ) -> None:
        """`is_up(operator)`: a link of it can send now."""
        self._configured = configured
        self._around = around
        self._holders = holders
        self._posting = posting
        self._is_up = is_up

    def smpp(self) -> ClientSmppNode:
        configured, around = self._configured, self._around
        return ClientSmppNode(
            self._holders.smpp_accounts(),
            around.store,
            lambda: configured.policy,
            around.ids,
            around.clock,
            session_init_s=configured.settings.listen.session_init_s,
            # Strangers never take the files that links, clients and the store need.
            max_unbound=min(MAX_UNBOUND, open_files.limit() // 2),
            split_by_operator=configured.split_by_operator,
            pressure=lambda: pressure_of(around.store),
            most_at_once=accept_items_of(around.store),
            hand=around.hand,
        )

    def ucp(self) -> ClientUcpNode:
        configured, around = self._configured, self._around
        settings = configured.settings
        return ClientUcpNode(
            self._holders.ucp_accounts(),
            around.store,
            lambda: configured.policy,
            around.ids,
            around.clock,
            session_init_s=settings.listen.session_init_s,
            max_unbound=min(MAX_UNBOUND, open_files.limit() // 2),
            split_by_operator=configured.split_by_operator,
            pressure=lambda: pressure_of(around.store),
            hand=around.hand,
            is_alone=isinstance(around.fleet, Alone),
            ceiling=Ceiling(settings.gateway.data_path / UCP_NAMES) if isinstance(around.fleet, Alone) else None,
            alphabet_by_operator=configured.alphabet_by_operator,
        )

    def http(self) -> ClientHttpNode:
        configured, around = self._configured, self._around
        return ClientHttpNode(
            self._holders.account_by_token(),
            around.store,
            lambda: configured.policy,
            configured.path_by_operator,
            around.ids,
            around.clock,
            around.health,
            by_certificate=self._holders.by_certificate(),
            until_us_by_token=self._holders.until_us_by_token(),
            guests=self._holders.guests(),
            credits_=configured.credits,
            is_up=self._is_up,
        )

    def callbacks(self) -> CallbackNode:
        around = self._around
        return CallbackNode(
            self._configured.callback_terms(),
            around.store,
            around.clock,
            self._configured.encoding_by_operator,
            self._posting.admit_reply(),
            took=lambda client, seconds: around.watching.metrics.on_callback(client, seconds),
            hand=around.hand,
            claims=None if isinstance(around.fleet, Alone) else Claims(around.fleet, around.store.run, around.clock),
        )

    def divided(self) -> Divided:
        """Clients' rates and binds belong to all doors that they use."""
        around = self._around
        return Divided(
            self._configured.accounts,
            self._configured.rate_by_client,
            lambda: around.fleet_watch.clients_elsewhere,
        )
