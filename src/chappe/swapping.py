"""Takes another version of the configuration over while everything runs: changes what differs, and nothing else.

Sessions and links of whoever is untouched stay up.  It must never judge a configuration, nor know where versions lie.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from msgspec.structs import replace

from chappe.building import Building
from chappe.callbacks.node import CallbackNode
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.smpp_node import ClientSmppNode
from chappe.clients.ucp_node import ClientUcpNode
from chappe.model.errors import GatewayError
from chappe.net.tls_dial import DialCredentials
from chappe.node_terms import link_terms_of, sending_terms_of
from chappe.operators.node import OperatorNode
from chappe.operators.sharing import Sharing
from chappe.routing_terms import policy_of
from chappe.rules.admit import Policy
from chappe.rules.decide import Routes
from chappe.runtime.settings import Settings
from chappe.runtime.settings_operators import Operator, Protocol

Door = ClientSmppNode | ClientUcpNode | ClientHttpNode | OperatorNode | CallbackNode

#: Keys of an operator over HTTP that change without new connections.
_LIGHT: Final = {"rate": 0.0, "paused": False, "retry_s": (1.0,), "max_validity_s": 1.0, "unknown_s": 1.0}


class Swapping:
    """What runs in this process, and how it follows the configuration."""

    def __init__(
        self,
        building: Building,
        nodes: dict[str, Door],
        operators: list[OperatorNode],
        sharings: list[Sharing],
        *,
        runs_operator: Callable[[str], bool],
        is_shared: bool,
        drain: Callable[[str], Awaitable[int]],
        watch_tls: Callable[[str, DialCredentials | None], None],
        open_credit: Callable[[], Awaitable[None]],
    ) -> None:
        """`nodes` and `operators` are what runs, and are kept so; `runs_operator(name)`: one of it belongs here."""
        self._building = building
        self._nodes = nodes
        self._operators = operators
        self._sharings = sharings
        self._runs_operator = runs_operator
        self._is_shared = is_shared
        self._drain = drain
        self._watch_tls = watch_tls
        self._open_credit = open_credit
        #: Where tasks live while the process works, and those of each operator.
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    # -- tasks --------------------------------------------------------------------------------------

    def start(self, group: asyncio.TaskGroup) -> None:
        """Nodes work from now on; the tasks of operators are known here."""
        self._group = group
        for name, node in self._nodes.items():
            self._start_node(name, node)
        for sharing, node in zip(self._sharings, self._operators, strict=False):
            self._start_task(node.queue, "sharing", sharing.run())

    def _start_node(self, name: str, node: Door) -> None:
        self._start_task(name, name, node.run())

    def _start_task(self, owner: str, name: str, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None
        self._tasks.setdefault(owner, []).append(self._group.create_task(work, name=name))

    def stop(self) -> None:
        """End them all."""
        for tasks in self._tasks.values():
            for task in tasks:
                task.cancel()

    # -- another version ----------------------------------------------------------------------------

    async def take(self, settings: Settings) -> dict[str, str]:
        """Follow these settings; returns which nodes could not, and why.

        Raises: SettingsError when nothing was taken over, of a file that they name.
        """
        was = self._building.settings
        policy, mo_routes = self._policy_for(was, settings)
        before = self._shared_terms(was)
        credentials = {each.name: self._credentials_of(each, settings) for each in settings.operators}
        self._building.take(settings, policy, mo_routes)
        has_other_terms = before != self._shared_terms(settings)
        unmoved: dict[str, str] = {}
        if settings.opt_outs != was.opt_outs:
            await _try(unmoved, "opt-outs", self._building.opt_out_watch().look())
        for operator in settings.operators:
            if self._runs_operator(operator.name):
                following = self._follow(operator, was, settings, credentials[operator.name], has_other_terms)
                await _try(unmoved, f"operator:{operator.name}", following)
        for node in list(self._operators):
            if node.name not in credentials:
                await _try(unmoved, node.queue, self._remove(node))
        await self._take_clients(was, settings, unmoved)
        return unmoved

    def _policy_for(self, was: Settings, settings: Settings) -> tuple[Policy, Routes]:
        """What is judged by; the same as before where nothing of it changes.  Raises: SettingsError."""
        if _judged_by(was) == _judged_by(settings):
            return self._building.policy, self._building.mo_routes
        return policy_of(settings)

    def _shared_terms(self, settings: Settings) -> tuple[Any, ...]:
        """What all operators are told of clients and of each other."""
        building = self._building
        return building.premium, building.shortest_validity_s, settings.opt_outs, settings.loops

    def _credentials_of(self, operator: Operator, settings: Settings) -> DialCredentials | None:
        """What its connections are dialled with.  Raises: SettingsError, of a certificate that cannot be read."""
        terms = link_terms_of(operator, settings.profile_of(operator)).tls
        return DialCredentials(terms) if terms is not None else None

    # -- operators ----------------------------------------------------------------------------------

    async def _follow(
        self,
        operator: Operator,
        was: Settings,
        settings: Settings,
        credentials: DialCredentials | None,
        has_other_terms: bool,
    ) -> None:
        node = next((each for each in self._operators if each.name == operator.name), None)
        if node is None:
            await self._add(operator)
            return
        old = {each.name: each for each in was.operators}.get(operator.name)
        if old == operator and was.profile_of(operator) == settings.profile_of(operator):
            if has_other_terms:
                self._change(node, operator, settings, node.links.credentials)
        elif old is None or self._needs_new_node(old, operator, was, settings):
            await self._remove(node)
            await self._add(operator)
        else:
            had = node.links.terms.tls
            now = link_terms_of(operator, settings.profile_of(operator)).tls
            self._change(node, operator, settings, node.links.credentials if had == now else credentials)

    def _needs_new_node(self, old: Operator, new: Operator, was: Settings, settings: Settings) -> bool:
        """It speaks otherwise than before; everything else changes while its links stay up."""
        if (old.protocol, old.bind) != (new.protocol, new.bind):
            return True
        if new.protocol is not Protocol.HTTP:
            return False
        is_light = replace(old, **_LIGHT) == replace(new, **_LIGHT)
        return not is_light or was.profile_of(old) != settings.profile_of(new)

    def _change(
        self, node: OperatorNode, operator: Operator, settings: Settings, credentials: DialCredentials | None
    ) -> None:
        profile = settings.profile_of(operator)
        terms, links = sending_terms_of(operator, profile), link_terms_of(operator, profile)
        if operator.protocol is Protocol.HTTP:
            # Its API is compiled once: what has been dialled speaks by it.
            terms = replace(terms, wire=node.wire)
        node.change(
            links,
            terms,
            credentials,
            shortest_validity_s=self._building.shortest_validity_s,
            premium=self._building.premium,
        )
        self._building.let_listen(node)
        self._watch_tls(node.queue, credentials)

    async def _add(self, operator: Operator) -> None:
        node = self._building.operator(operator)
        try:
            await node.listen(is_shared=self._is_shared)
        except (GatewayError, OSError):
            self._building.forget(node)
            raise
        self._operators.append(node)
        self._nodes[node.queue] = node
        self._watch_tls(node.queue, node.links.credentials)
        self._start_node(node.queue, node)
        for sharing in self._building.sharings([node]):
            self._sharings.append(sharing)
            self._start_task(node.queue, "sharing", sharing.run())

    async def _remove(self, node: OperatorNode) -> None:
        """Drain it, and end what it does; what waits in its queue stays there."""
        await self._drain(node.queue)
        for task in self._tasks.pop(node.queue, []):
            task.cancel()
        for sharing in [each for each in self._sharings if each.node is node]:
            self._sharings.remove(sharing)
            await sharing.leave()
        self._operators.remove(node)
        self._building.forget(node)
        self._nodes.pop(node.queue, None)
        self._watch_tls(node.queue, None)

    # -- clients ------------------------------------------------------------------------------------

    async def _take_clients(self, was: Settings, settings: Settings, unmoved: dict[str, str]) -> None:
        if (was.clients, was.operators, was.profiles) == (settings.clients, settings.operators, settings.profiles):
            return
        building = self._building
        await _try(unmoved, "credit", self._open_credit())
        for node in list(self._nodes.values()):
            if isinstance(node, ClientUcpNode):
                node.take_alphabets()
                node.take_accounts(building.ucp_accounts())
            elif isinstance(node, ClientSmppNode):
                node.take_accounts(building.smpp_accounts())
            elif isinstance(node, ClientHttpNode):
                tokens = (building.account_by_token(), building.by_certificate(), building.until_us_by_token())
                if not node.take(*tokens, building.guests()):
                    unmoved["client-http"] = "paths for clients with a name and a password open when it starts again"
            elif isinstance(node, CallbackNode):
                await _try(unmoved, "callback", node.take(building.callback_terms()))


async def nothing_to_open() -> None:
    """No messages are accepted here, so nobody's credit is spent."""


async def _try(unmoved: dict[str, str], name: str, work: Awaitable[None]) -> None:
    """One that cannot follow stays as it was, and holds up nobody else."""
    try:
        await work
    except (GatewayError, OSError) as error:
        unmoved[name] = str(error)


def _judged_by(settings: Settings) -> tuple[Any, ...]:
    """Of whatever routes and rules are made."""
    ways = [(each.name, bool(each.smpp), bool(each.ucp), bool(each.callback), each.join_s) for each in settings.clients]
    return (
        ways,
        settings.routes,
        settings.networks,
        settings.portability,
        settings.prices,
        settings.senders,
        settings.blocks,
        settings.tariffs,
        settings.lookup,
        settings.opt_outs,
    )
