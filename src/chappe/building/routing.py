"""Makes the nodes between clients and operators, and what watches on behalf of the rules.

It must never start one.
"""

import ssl
from collections.abc import Callable

from chappe.building.configured import Configured
from chappe.building.surroundings import Surroundings
from chappe.net.http_call import endpoint_of
from chappe.node_terms import look_terms_of
from chappe.router.asking import Asking
from chappe.router.joiner import Joiner
from chappe.router.looker import Looker, MakeAsking
from chappe.router.rerouter import Rerouter
from chappe.router.sweeper import Sweeper
from chappe.runtime.lookup_api import lookup_form_of
from chappe.runtime.opt_out_watch import OptOutWatch
from chappe.runtime.settings_lookup import Lookup
from chappe.runtime.sick_watch import SickWatch
from chappe.text.encoding import Encoding


class Routing:
    """What looks after messages that wait."""

    def __init__(self, configured: Configured, around: Surroundings, is_up: Callable[[str], bool]) -> None:
        """`is_up(operator)`: a link of it can send now."""
        self._configured = configured
        self._around = around
        self._is_up = is_up
        self._looker: Looker | None = None

    def take(self) -> None:
        """Ask as the configuration says from now on."""
        if self._looker is not None:
            lookup = self._configured.settings.lookup
            self._looker.change(look_terms_of(lookup), self._asking(lookup))

    def sweeper(self) -> Sweeper:
        configured = self._configured
        days = configured.settings.gateway.retention_days
        return Sweeper(
            self._around.store,
            self._around.clock,
            configured.patience_by_operator,
            validity_s=configured.validity_of,
            retention_days=days,
        )

    def rerouter(self) -> Rerouter:
        configured, around = self._configured, self._around
        return Rerouter(
            around.store,
            lambda: configured.policy.routes,
            around.clock,
            depths=around.store.depths,
            is_gone=lambda name: name not in configured.operator_names,
            is_up=self._is_up,
        )

    def looker(self) -> Looker:
        """The one of this process."""
        configured, around = self._configured, self._around
        lookup = configured.settings.lookup
        self._looker = Looker(
            around.store,
            lambda: configured.policy,
            configured.network_cache,
            around.clock,
            look_terms_of(lookup),
            around.hand,
        )
        self._looker.change(look_terms_of(lookup), self._asking(lookup))
        return self._looker

    def _asking(self, lookup: Lookup) -> MakeAsking | None:
        """How numbers are asked about; None where nobody is asked."""
        url = lookup.url
        if url is None:
            return None
        return lambda on_said: Asking(
            lookup_form_of(lookup),
            endpoint_of(url),
            concurrency=lookup.concurrency,
            timeout_s=lookup.timeout_s,
            now=self._around.clock.monotonic,
            on_said=on_said,
            tls=lambda: ssl.create_default_context(cafile=lookup.ca),
        )

    def joiner(self) -> Joiner:
        configured, around = self._configured, self._around
        by_operator = configured.encoding_by_operator
        return Joiner(
            around.store,
            around.fleet,
            lambda: configured.mo_routes,
            around.ids,
            around.clock,
            encoding_of=lambda operator: by_operator.get(operator, Encoding.GSM7),
            hand=around.hand,
        )

    def opt_out_watch(self) -> OptOutWatch:
        return OptOutWatch(self._around.store, self._configured.opt_outs)

    def sick_watch(self) -> SickWatch:
        return SickWatch(self._configured.operator_names, self._is_up, self._around.clock, self._configured.note_sick)
