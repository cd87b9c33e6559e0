"""Makes nodes from the settings, around one store.

It must never start a node, nor know when one stops: that is `assembly`.
"""

from chappe.callbacks.node import Admit, CallbackNode
from chappe.clients.account import Account
from chappe.clients.ceiling import Ceiling
from chappe.clients.credit import Credits
from chappe.clients.credit_keeper import CreditKeeper
from chappe.clients.dividing import Divided
from chappe.clients.guests import Guest
from chappe.clients.http_intake import Intake
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.http_path import Path
from chappe.clients.node import MAX_UNBOUND
from chappe.clients.smpp_node import ClientSmppNode
from chappe.clients.ucp_node import ClientUcpNode
from chappe.conf.callbacks import CallbackWishes
from chappe.conf.configuring import Announce, Configuring
from chappe.conf.crediting import CreditWishes
from chappe.conf.dropping import QueueDrop
from chappe.conf.node import ConfNode
from chappe.conf.steering import Drain, Reset, Steering
from chappe.engines import AnyStore, accept_items_of, inbox_of, pressure_of
from chappe.model.ids import IdMaker
from chappe.model.message import Item, Message
from chappe.net.watching import Watching
from chappe.node_terms import (
    SPLIT_METHODS,
    account_of,
    callback_terms_of,
    credit_of,
    encoding_of_operator,
    guest_of,
    http_path_of,
    link_terms_of,
    sending_terms_of,
    trial_account_of,
    trial_callback_terms_of,
    until_us_of,
)
from chappe.observe.health import Health
from chappe.operators.http_node import OperatorHttpNode
from chappe.operators.node import OperatorNode
from chappe.operators.sharing import Sharing
from chappe.operators.smpp_node import OperatorSmppNode
from chappe.operators.trial_endings import TrialEndings
from chappe.operators.trial_node import TrialOperator
from chappe.operators.ucp_node import OperatorUcpNode
from chappe.router.joiner import Joiner
from chappe.router.rerouter import Rerouter
from chappe.router.sweeper import Patience, Sweeper
from chappe.routing_terms import doubts_of, policy_of, tariffs_of
from chappe.rules.loops import Loops
from chappe.rules.readers import why_unread
from chappe.rules.tariffs import Tariffs
from chappe.rules.trial import TRIAL_OPERATOR, trial_client
from chappe.runtime import open_files
from chappe.runtime.clock import Clock
from chappe.runtime.fleet_watch import FleetWatch
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import Notes
from chappe.runtime.opt_out_watch import OptOutWatch
from chappe.runtime.settings import Settings
from chappe.runtime.settings_checks import previous_token_digest, token_digest, trial_token_digest
from chappe.runtime.settings_operators import Operator, Protocol
from chappe.runtime.sick_watch import SickWatch
from chappe.store.fleet import Alone, Fleet
from chappe.store.versions import Versions
from chappe.text.encoding import DefaultAlphabet, Encoding
from chappe.wire.http.handsets import shown
from chappe.wire.http.messages import NewMessage
from chappe.wire.http.problems import Refusal

#: Validity of messages whose client is gone from the settings.
DEFAULT_VALIDITY_S = 172_800.0
#: What speaks each protocol.
_OPERATOR_NODES: dict[Protocol, type[OperatorNode]] = {
    Protocol.SMPP: OperatorSmppNode,
    Protocol.UCP: OperatorUcpNode,
    Protocol.HTTP: OperatorHttpNode,
}
#: Where a box that alone gives names to messages over UCP notes how far it has come.
UCP_NAMES = "ucp-names"
#: Trials without a receipt become `unknown` soon: somebody waits to see it.
TRIAL_UNKNOWN_S = 60.0


class Building:
    """One node of a kind for each call, for a gateway in one process and for a process of its own alike."""

    def __init__(
        self,
        settings: Settings,
        store: AnyStore,
        fleet: Fleet,
        fleet_watch: FleetWatch,
        clock: Clock,
        health: Health,
        watching: Watching,
        hand: InHand,
    ) -> None:
        self._settings = settings
        self._store = store
        self._fleet = fleet
        self._fleet_watch = fleet_watch
        self._clock = clock
        self._health = health
        self._watching = watching
        self._hand = hand
        self.policy, self._mo_routes = policy_of(settings)
        self._loops = Loops(settings.loops.limit, settings.loops.window_s)
        self._ids = IdMaker(store.slot, last_id=store.last_id)
        self._validity_by_client = {client.name: client.default_validity_s for client in settings.clients}
        self.accounts = [account_of(client, clock.monotonic()) for client in settings.clients]
        self.credits = self._charge(tariffs_of(settings, self.policy.routes.plan))
        #: The operator nodes that were made here.
        self.operators: list[OperatorNode] = []

    def _charge(self, tariffs: Tariffs) -> Credits:
        """Clients with credit pay from now on."""
        for account, client in zip(self.accounts, self._settings.clients, strict=True):
            if client.credit is not None:
                account.credit = credit_of(client.name, client.credit, tariffs, self._clock.monotonic)
        return Credits(account.credit for account in self.accounts if account.credit is not None)

    def credit_keeper(self) -> CreditKeeper:
        return CreditKeeper(self.credits, self._store, Notes(self._store, self._clock))

    def sweeper(self) -> Sweeper:
        days = self._settings.gateway.retention_days
        return Sweeper(self._store, self._clock, self._patience(), validity_s=self.validity_of, retention_days=days)

    def conf(self, versions: Versions, announce: Announce, reset: Reset, drain: Drain) -> ConfNode:
        return ConfNode(
            inbox_of(self._store, self._settings),
            self._store,
            QueueDrop(self._store, self._clock, self.why_unread),
            CallbackWishes(self._store, self._clock),
            Configuring(versions, self._settings, self._clock, self._store.key, announce, doubts_of),
            Steering(self._store, reset, drain),
            CreditWishes(self._store),
        )

    def _patience(self) -> dict[str, Patience]:
        """How long messages wait, also for operators that are gone from the settings: nobody will send those."""
        waiting = [
            depth.queue.removeprefix("operator:") for depth in self._store.depths() if depth.queue[:9] == "operator:"
        ]
        gone = dict.fromkeys(waiting, Patience(DEFAULT_VALIDITY_S, DEFAULT_VALIDITY_S))
        gone[TRIAL_OPERATOR] = Patience(DEFAULT_VALIDITY_S, TRIAL_UNKNOWN_S)
        return gone | {each.name: Patience(each.max_validity_s, each.unknown_s) for each in self._settings.operators}

    def operator(self, operator: Operator) -> OperatorNode:
        profile = self._settings.profile_of(operator)
        node = _OPERATOR_NODES[operator.protocol](
            link_terms_of(operator, profile),
            sending_terms_of(operator, profile),
            self._store,
            lambda: self.policy.routes,
            lambda: self._mo_routes,
            self._ids,
            self._clock,
            validity_s=self.validity_of,
            shortest_validity_s=min(
                (client.default_validity_s for client in self._settings.clients), default=172_800.0
            ),
            premium=frozenset(client.name for client in self._settings.clients if client.premium),
            is_up=self.is_up,
            has_links_elsewhere=lambda: self._fleet_watch.links_elsewhere(operator.name) > 0,
            opt_outs=self.policy.opt_outs,
            loops=self._loops,
            hand=self._hand,
        )
        self.operators.append(node)
        return node

    def is_up(self, operator: str) -> bool:
        """Whether a link of an operator can send now, here or on another box."""
        is_up_here = any(node.name == operator and node.links.down_since is None for node in self.operators)
        return is_up_here or self._fleet_watch.links_elsewhere(operator) > 0

    def opt_out_watch(self) -> OptOutWatch:
        return OptOutWatch(self._store, self.policy.opt_outs)

    def sick_watch(self) -> SickWatch:
        names = [operator.name for operator in self._settings.operators]
        return SickWatch(names, self.is_up, self._clock, lambda sick: self.policy.note_sick(sick))

    def why_unread(self, queue: str) -> str:
        settings = self._settings
        operators = {each.name for each in settings.operators}
        clients = {each.name for each in settings.clients}
        called = {each.name for each in settings.clients if each.callback is not None}
        return why_unread(
            queue, operators, clients | set(map(trial_client, clients)), called | set(map(trial_client, called))
        )

    def rerouter(self) -> Rerouter:
        known = {operator.name for operator in self._settings.operators}
        return Rerouter(
            self._store,
            lambda: self.policy.routes,
            self._clock,
            depths=self._store.depths,
            is_gone=lambda name: name not in known,
            is_up=self.is_up,
        )

    def joiner(self) -> Joiner:
        operators, profile_of = self._settings.operators, self._settings.profile_of
        by_operator = {operator.name: encoding_of_operator(profile_of(operator)) for operator in operators}
        return Joiner(
            self._store,
            self._fleet,
            lambda: self._mo_routes,
            self._ids,
            self._clock,
            encoding_of=lambda operator: by_operator.get(operator, Encoding.GSM7),
            hand=self._hand,
        )

    def smpp_door(self) -> ClientSmppNode:
        return ClientSmppNode(
            [account for account in self.accounts if account.system_id and not account.is_ucp],
            self._store,
            lambda: self.policy,
            self._ids,
            self._clock,
            session_init_s=self._settings.listen.session_init_s,
            # Strangers never take the files that links, clients and the store need.
            max_unbound=min(MAX_UNBOUND, open_files.limit() // 2),
            split_by_operator={
                each.name: SPLIT_METHODS[self._settings.profile_of(each).split] for each in self._settings.operators
            },
            pressure=lambda: pressure_of(self._store),
            most_at_once=accept_items_of(self._store),
            hand=self._hand,
        )

    def ucp_door(self) -> ClientUcpNode:
        settings = self._settings
        return ClientUcpNode(
            [account for account in self.accounts if account.is_ucp],
            self._store,
            lambda: self.policy,
            self._ids,
            self._clock,
            session_init_s=settings.listen.session_init_s,
            max_unbound=min(MAX_UNBOUND, open_files.limit() // 2),
            split_by_operator={
                each.name: SPLIT_METHODS[settings.profile_of(each).split] for each in settings.operators
            },
            pressure=lambda: pressure_of(self._store),
            hand=self._hand,
            is_alone=isinstance(self._fleet, Alone),
            ceiling=Ceiling(settings.gateway.data_path / UCP_NAMES) if isinstance(self._fleet, Alone) else None,
            alphabet_by_operator={
                each.name: DefaultAlphabet(settings.profile_of(each).alphabet.value) for each in settings.operators
            },
        )

    def callbacks(self) -> CallbackNode:
        settings = self._settings
        names = {each.name: each.system_id for each in settings.operators}
        return CallbackNode(
            [
                terms
                for client in settings.clients
                for terms in (callback_terms_of(client, names), trial_callback_terms_of(client, names))
                if terms is not None
            ],
            self._store,
            self._clock,
            {each.name: encoding_of_operator(settings.profile_of(each)) for each in settings.operators},
            self._admit_reply(),
            took=lambda client, seconds: self._watching.metrics.on_callback(client, seconds),
            hand=self._hand,
        )

    def _admit_reply(self) -> Admit:
        """A client's reply to an MO is judged as if the client had posted it."""
        accounts = {account.name: account for account in self.accounts}
        notes = Notes(self._store, self._clock)
        intake = Intake(
            self._store, lambda: self.policy, self._http_paths(), self._ids, self._clock, notes, self.credits
        )

        def admit(message: Message, text: str) -> Item | str:
            new = NewMessage(to=shown(message.source_ton, message.source), source=message.dest, text=text)
            judged = intake.admit(new, accounts[message.client])
            return judged.detail if isinstance(judged, Refusal) else judged

        return admit

    def _http_paths(self) -> dict[str, Path]:
        """What must be known of each operator where texts come in."""
        settings = self._settings
        return {each.name: http_path_of(each, settings.profile_of(each)) for each in settings.operators}

    def http_door(self) -> ClientHttpNode:
        return ClientHttpNode(
            self._account_by_token(),
            self._store,
            lambda: self.policy,
            self._http_paths(),
            self._ids,
            self._clock,
            self._health,
            by_certificate=self._by_certificate(),
            until_us_by_token=self._until_us_by_token(),
            guests=self._guests(),
            credits_=self.credits,
            is_up=self.is_up,
        )

    def _guests(self) -> list[Guest]:
        """Clients that have a name and a password over HTTP."""
        accounts = {account.name: account for account in self.accounts}
        return [
            guest_of(each.http, accounts[each.name])
            for each in self._settings.clients
            if each.http and each.http.username
        ]

    def _by_certificate(self) -> list[Account]:
        """Clients that have no token."""
        accounts = {account.name: account for account in self.accounts}
        return [accounts[each.name] for each in self._settings.clients if each.http and not token_digest(each.http)]

    def _account_by_token(self) -> dict[str, Account]:
        """Clients by the digests of their tokens, those of trials beside the real ones."""
        now, accounts = self._clock.monotonic(), {account.name: account for account in self.accounts}
        found: dict[str, Account] = {}
        for client in self._settings.clients:
            if client.http and (digest := token_digest(client.http)):
                found[digest] = accounts[client.name]
            if client.http and (digest := previous_token_digest(client.http)):
                found.setdefault(digest, accounts[client.name])
            if client.http and (digest := trial_token_digest(client.http)):
                found[digest] = trial_account_of(client, now)
        return found

    def _until_us_by_token(self) -> dict[str, int]:
        """Tokens that have been replaced, and until when they are good."""
        return {
            digest: until_us_of(client.http.previous_token_until)
            for client in self._settings.clients
            if client.http and (digest := previous_token_digest(client.http))
        }

    def trials(self) -> TrialOperator:
        return TrialOperator(self._store, self._ids, self._clock)

    def trial_endings(self) -> TrialEndings:
        clients = [
            trial_client(each.name) for each in self._settings.clients if each.http and trial_token_digest(each.http)
        ]
        return TrialEndings(self._store, self._ids, self._clock, clients)

    def validity_of(self, client: str) -> float:
        """Of a client that is gone from the settings messages may still wait."""
        return self._validity_by_client.get(client, DEFAULT_VALIDITY_S)

    def divided(self) -> Divided:
        """Clients' rates and binds belong to all doors that they use."""
        rates = {each.name: each.rate for each in self._settings.clients}
        return Divided(self.accounts, rates, lambda: self._fleet_watch.clients_elsewhere)

    def sharings(self) -> list[Sharing]:
        """Operators' links and rates belong to all nodes that serve them."""
        if isinstance(self._fleet, Alone):
            return []
        rate_by_operator = {node.name: node.rate for node in self.operators}
        return [Sharing(node, self._fleet, self._clock, rate=rate_by_operator[node.name]) for node in self.operators]
