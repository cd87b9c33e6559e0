"""Takes another version of the configuration over while everything runs: changes what differs, and nothing else.

Sessions and links of whoever is untouched stay up.  It must never judge a configuration, nor know where versions lie.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from msgspec.structs import replace

from chappe.building.building import Building
from chappe.callbacks.node import CallbackNode
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.smpp_node import ClientSmppNode
from chappe.clients.ucp_node import ClientUcpNode
from chappe.model.errors import GatewayError, SettingsError
from chappe.net.tls_dial import DialCredentials
from chappe.node_terms import link_terms_of, sending_terms_of
from chappe.operators.node import OperatorNode
from chappe.operators.sharing import Sharing
from chappe.routing_terms import policy_of
from chappe.rules.admit import Policy
from chappe.rules.decide import Routes
from chappe.runtime.settings import Settings
from chappe.runtime.settings_operators import Operator, Protocol
from chappe.runtime.settings_profiles import Profile

Door = ClientSmppNode | ClientUcpNode | ClientHttpNode | OperatorNode | CallbackNode

#: Keys of an operator over HTTP that change without new connections.
_LIGHT: Final = {"rate": 0.0, "paused": False, "retry_s": (1.0,), "max_validity_s": 1.0, "unknown_s": 1.0}
#: Who may stay behind, by the names by which people are told.
_OPT_OUTS: Final = "opt-outs"
_CREDIT: Final = "credit"
_HTTP_DOOR: Final = "client-http"
_CALLBACK: Final = "callback"
_DOORS: Final = frozenset({_CREDIT, _HTTP_DOOR, _CALLBACK})


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
        settings = building.configured.settings
        #: Operator → what its node goes by: that may be older than what counts.
        self._goes_by = {
            each.name: (each, settings.profile_of(each))
            for each in settings.operators
            if any(node.name == each.name for node in operators)
        }
        #: Operators whose links may be bound otherwise than before: somebody asked for that.
        self._renewed: set[str] = set()
        #: Who did not follow when last asked to.
        self.unmoved: dict[str, str] = {}

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
        """Follow these settings; returns which nodes could not, and why.  The same ones again help who could not.

        Raises: SettingsError when nothing was taken over, of a file that they name.
        """
        was, late = self._building.configured.settings, set(self.unmoved)
        policy, mo_routes = self._policy_for(was, settings)
        before = self._shared_terms(was)
        credentials = {each.name: self._credentials_of(each, settings) for each in settings.operators}
        self._building.take(settings, policy, mo_routes)
        has_other_terms = before != self._shared_terms(settings)
        unmoved: dict[str, str] = {}
        if settings.opt_outs != was.opt_outs or _OPT_OUTS in late:
            await _try(unmoved, _OPT_OUTS, self._building.routing.opt_out_watch().look())
        for operator in settings.operators:
            if self._runs_operator(operator.name):
                following = self._follow(operator, settings, credentials[operator.name], has_other_terms)
                await _try(unmoved, f"operator:{operator.name}", following)
        for node in list(self._operators):
            if node.name not in credentials:
                await _try(unmoved, node.queue, self._remove(node))
        if late & _DOORS or _of_clients(was) != _of_clients(settings):
            await self._take_clients(unmoved)
        self.unmoved = unmoved
        return unmoved

    async def renew(self, operator: str) -> bool:
        """Have an operator's links bound as the settings say, where they wait for that; returns whether they did.

        Its node leaves and begins anew.  Raises: SettingsError, of a file that the settings name.
        """
        settings, goes_by = self._building.configured.settings, self._goes_by.get(operator)
        now = next((each for each in settings.operators if each.name == operator), None)
        if goes_by is None or now is None or not _binds_otherwise(goes_by[0], now):
            return False
        self._renewed.add(operator)
        try:
            await self.take(settings)
        finally:
            self._renewed.discard(operator)
        return True

    def _policy_for(self, was: Settings, settings: Settings) -> tuple[Policy, Routes]:
        """What is judged by; the same as before where nothing of it changes.  Raises: SettingsError."""
        if _judged_by(was) == _judged_by(settings):
            return self._building.configured.policy, self._building.configured.mo_routes
        return policy_of(settings)

    def _shared_terms(self, settings: Settings) -> tuple[Any, ...]:
        """What all operators are told of clients and of each other."""
        building = self._building
        return building.configured.premium, building.configured.shortest_validity_s, settings.opt_outs, settings.loops

    def _credentials_of(self, operator: Operator, settings: Settings) -> DialCredentials | None:
        """What its connections are dialled with.  Raises: SettingsError, of a certificate that cannot be read."""
        terms = link_terms_of(operator, settings.profile_of(operator)).tls
        return DialCredentials(terms) if terms is not None else None

    # -- operators ----------------------------------------------------------------------------------

    async def _follow(
        self, operator: Operator, settings: Settings, credentials: DialCredentials | None, has_other_terms: bool
    ) -> None:
        """Raises: SettingsError, when something of it waits until its links are bound anew."""
        node = next((each for each in self._operators if each.name == operator.name), None)
        if node is None:
            await self._add(operator)
            return
        old, had = self._goes_by[operator.name]
        profile, waiting = settings.profile_of(operator), _binds_otherwise(old, operator)
        if waiting and operator.name not in self._renewed:
            is_same = old.protocol is operator.protocol
            kept = (replace(operator, bind=old.bind), profile) if is_same else (old, had)
            self._keep(node, *kept, credentials, has_other_terms)
            raise SettingsError(_told_waiting(operator.name, waiting))
        if waiting or _needs_new_node(old, operator, had, profile):
            await self._remove(node)
            await self._add(operator)
        else:
            self._keep(node, operator, profile, credentials, has_other_terms)

    def _keep(
        self,
        node: OperatorNode,
        operator: Operator,
        profile: Profile,
        credentials: DialCredentials | None,
        has_other_terms: bool,
    ) -> None:
        """Change what differs; its links stay up."""
        if self._goes_by[operator.name] == (operator, profile):
            if has_other_terms:
                self._change(node, operator, profile, node.links.credentials)
            return
        is_same = node.links.terms.tls == link_terms_of(operator, profile).tls
        self._change(node, operator, profile, node.links.credentials if is_same else credentials)

    def _change(
        self, node: OperatorNode, operator: Operator, profile: Profile, credentials: DialCredentials | None
    ) -> None:
        terms, links = sending_terms_of(operator, profile), link_terms_of(operator, profile)
        if operator.protocol is Protocol.HTTP:
            # Its API is compiled once: what has been dialled speaks by it.
            terms = replace(terms, wire=node.wire)
        node.change(
            links,
            terms,
            credentials,
            shortest_validity_s=self._building.configured.shortest_validity_s,
            premium=self._building.configured.premium,
        )
        self._goes_by[operator.name] = operator, profile
        self._building.operators.let_listen(node)
        self._watch_tls(node.queue, credentials)

    async def _add(self, operator: Operator) -> None:
        node = self._building.operators.operator(operator)
        try:
            await node.listen(is_shared=self._is_shared)
        except (GatewayError, OSError):
            self._building.operators.forget(node)
            raise
        self._goes_by[operator.name] = operator, self._building.configured.settings.profile_of(operator)
        self._operators.append(node)
        self._nodes[node.queue] = node
        self._watch_tls(node.queue, node.links.credentials)
        self._start_node(node.queue, node)
        for sharing in self._building.operators.sharings([node]):
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
        self._building.operators.forget(node)
        self._nodes.pop(node.queue, None)
        self._goes_by.pop(node.name, None)
        self._watch_tls(node.queue, None)

    # -- clients ------------------------------------------------------------------------------------

    async def _take_clients(self, unmoved: dict[str, str]) -> None:
        building = self._building
        await _try(unmoved, _CREDIT, self._open_credit())
        for node in list(self._nodes.values()):
            if isinstance(node, ClientUcpNode):
                node.take_alphabets()
                node.take_accounts(building.holders.ucp_accounts())
            elif isinstance(node, ClientSmppNode):
                node.take_accounts(building.holders.smpp_accounts())
            elif isinstance(node, ClientHttpNode):
                tokens = (
                    building.holders.account_by_token(),
                    building.holders.by_certificate(),
                    building.holders.until_us_by_token(),
                )
                if not node.take(*tokens, building.holders.guests()):
                    unmoved[_HTTP_DOOR] = "paths for clients with a name and a password open when it starts again"
            elif isinstance(node, CallbackNode):
                await _try(unmoved, _CALLBACK, node.take(building.configured.callback_terms()))


async def nothing_to_open() -> None:
    """No messages are accepted here, so nobody's credit is spent."""


async def _try(unmoved: dict[str, str], name: str, work: Awaitable[None]) -> None:
    """One that cannot follow stays as it was, and holds up nobody else."""
    try:
        await work
    except (GatewayError, OSError) as error:
        unmoved[name] = str(error)


def _of_clients(settings: Settings) -> tuple[Any, ...]:
    """Of whatever doors are told."""
    return settings.clients, settings.operators, settings.profiles


def _binds_otherwise(old: Operator, new: Operator) -> list[str]:
    """The keys of an operator that its links do not survive."""
    return [key for key in ("protocol", "bind") if getattr(old, key) != getattr(new, key)]


def _told_waiting(name: str, keys: list[str]) -> str:
    return (
        f"its links stay as they are: {' and '.join(keys)} {'counts' if len(keys) == 1 else 'count'} when they are "
        f"bound anew, with: chappe instruct reset_link {name}"
    )


def _needs_new_node(old: Operator, new: Operator, had: Profile, has: Profile) -> bool:
    """Over HTTP it speaks otherwise than before."""
    return new.protocol is Protocol.HTTP and (replace(old, **_LIGHT) != replace(new, **_LIGHT) or had != has)


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
