"""Makes nodes from the settings, around one store.

It must never start a node, nor know when one stops: that is `assembly`.
"""

import ssl
from collections.abc import Sequence
from typing import TypeVar

from chappe.callbacks.claims import Claims
from chappe.callbacks.node import Admit, CallbackNode
from chappe.callbacks.terms import Terms as CallbackTerms
from chappe.clients.account import Account
from chappe.clients.ceiling import Ceiling
from chappe.clients.credit import Credits
from chappe.clients.credit_keeper import CreditKeeper
from chappe.clients.demo_traffic import DemoTraffic
from chappe.clients.dividing import Divided
from chappe.clients.guests import Guest
from chappe.clients.http_intake import Intake
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.http_path import Path
from chappe.clients.node import MAX_UNBOUND
from chappe.clients.resending import Resending
from chappe.clients.smpp_node import ClientSmppNode
from chappe.clients.ucp_node import ClientUcpNode
from chappe.conf.callbacks import CallbackWishes
from chappe.conf.configuring import Announce, Configuring
from chappe.conf.crediting import CreditWishes
from chappe.conf.dropping import QueueDrop
from chappe.conf.node import ConfNode, Everywhere
from chappe.conf.opting import OptOutWishes
from chappe.conf.replaying import ReceiptWishes
from chappe.conf.sending import Admit as AdmitTest
from chappe.conf.sending import TestSending
from chappe.conf.steering import Drain, Reset, Steering
from chappe.engines import AnyStore, accept_items_of, inbox_of, pressure_of
from chappe.instructions.kinds import SendTest
from chappe.model.ids import IdMaker
from chappe.model.message import Item, Message
from chappe.net.http_call import endpoint_of
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
    look_terms_of,
    named_tlvs_of,
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
from chappe.router.asking import Asking
from chappe.router.joiner import Joiner
from chappe.router.looker import Looker, MakeAsking
from chappe.router.rerouter import Rerouter
from chappe.router.sweeper import Patience, Sweeper
from chappe.routing_terms import doubts_of, policy_of, tariffs_of
from chappe.rules.admit import Policy
from chappe.rules.decide import Routes
from chappe.rules.learn import Conversion
from chappe.rules.looked_up import LookUps
from chappe.rules.loops import Loops
from chappe.rules.opt_outs import OptOuts
from chappe.rules.readers import why_unread
from chappe.rules.tariffs import Tariffs
from chappe.rules.trial import TRIAL_OPERATOR, trial_client
from chappe.runtime import open_files
from chappe.runtime.clock import Clock
from chappe.runtime.fleet_watch import FleetWatch
from chappe.runtime.in_hand import InHand
from chappe.runtime.lookup_api import lookup_form_of
from chappe.runtime.network_cache import FILE as NETWORKS_FILE
from chappe.runtime.network_cache import NetworkCache
from chappe.runtime.node import Notes
from chappe.runtime.opt_out_watch import OptOutWatch
from chappe.runtime.settings import Settings
from chappe.runtime.settings_checks import previous_token_digest, token_digest, trial_token_digest
from chappe.runtime.settings_lookup import Cache, Lookup
from chappe.runtime.settings_operators import Operator, Protocol
from chappe.runtime.sick_watch import SickWatch
from chappe.store.fleet import Alone, Fleet
from chappe.store.sealing import seal
from chappe.store.versions import Versions
from chappe.text.encoding import DefaultAlphabet, Encoding
from chappe.text.segments import SplitMethod
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
#: A test that a person sends has at most so many characters.
LONGEST_TEST = 5_000


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
        self._ids = IdMaker(store.slot, last_id=store.last_id)
        self._loops = Loops(settings.loops.limit, settings.loops.window_s)
        self.opt_outs = OptOuts()
        self.credits = Credits()
        #: What look-ups said; the same object whatever the configuration becomes.
        self._look_ups = LookUps()
        self.network_cache = NetworkCache(self._look_ups)
        self._looker: Looker | None = None
        self._sick: frozenset[str] = frozenset()
        # What nodes are given of these they keep, and see what changes in it.
        self.accounts: list[Account] = []
        self._trials: dict[str, Account] = {}
        self._validity_by_client: dict[str, float] = {}
        self._rate_by_client: dict[str, float] = {}
        self._split_by_operator: dict[str, SplitMethod] = {}
        self._alphabet_by_operator: dict[str, DefaultAlphabet] = {}
        self._encoding_by_operator: dict[str, Encoding] = {}
        self._path_by_operator: dict[str, Path] = {}
        self._patience_by_operator: dict[str, Patience] = {}
        self._operator_names: list[str] = []
        self._trial_clients: list[str] = []
        #: The operator nodes that were made here.
        self.operators: list[OperatorNode] = []
        self.take(settings, *policy_of(settings))

    # -- the configuration --------------------------------------------------------------------------

    def take(self, settings: Settings, policy: Policy, mo_routes: Routes) -> None:
        """Judge by these settings from now on; nodes that must be told of it are told by who calls this."""
        self._settings = settings
        self.opt_outs.change(policy.opt_outs.lists)
        policy.opt_outs = self.opt_outs
        policy.note_sick(self._sick)
        self.policy, self._mo_routes = policy, mo_routes
        self._loops.change(settings.loops.limit, settings.loops.window_s)
        self._take_clients(settings)
        self._take_operators(settings)
        self._take_lookup(settings.lookup)
        self._charge(tariffs_of(settings, policy.routes.plan))

    def _take_clients(self, settings: Settings) -> None:
        """Accounts stay the same objects as long as their clients are there: sessions hold them."""
        now, known = self._clock.monotonic(), {account.name: account for account in self.accounts}
        accounts = []
        for client in settings.clients:
            fresh, account = account_of(client, now), known.get(client.name)
            if account is None or _must_sign_on_anew(account, fresh):
                account = fresh
            else:
                account.adopt(fresh, now)
            accounts.append(account)
        self.accounts[:] = accounts
        _replace(self._validity_by_client, {each.name: each.default_validity_s for each in settings.clients})
        _replace(self._rate_by_client, {each.name: each.rate for each in settings.clients})
        self._trial_clients[:] = [
            trial_client(each.name) for each in settings.clients if each.http and trial_token_digest(each.http)
        ]

    def _take_operators(self, settings: Settings) -> None:
        operators = [(each, settings.profile_of(each)) for each in settings.operators]
        _replace(self._split_by_operator, {each.name: SPLIT_METHODS[profile.split] for each, profile in operators})
        alphabets = {each.name: DefaultAlphabet(profile.alphabet.value) for each, profile in operators}
        _replace(self._alphabet_by_operator, alphabets)
        encodings = {each.name: encoding_of_operator(profile) for each, profile in operators}
        _replace(self._encoding_by_operator, encodings)
        _replace(self._path_by_operator, {each.name: http_path_of(each, profile) for each, profile in operators})
        _replace(self._patience_by_operator, self._patience())
        self._operator_names[:] = [each.name for each, _ in operators]

    def _take_lookup(self, lookup: Lookup) -> None:
        """What was said is kept, whoever is asked from now on."""
        plan = self.policy.routes.plan
        if plan.look_ups is not None:
            self._look_ups.change(lookup.numbers, limit=lookup.cache_numbers)
            plan.look_ups = self._look_ups
        is_kept = lookup.url is not None and lookup.cache is Cache.DISK
        path = self._settings.gateway.data_path / NETWORKS_FILE if is_kept else None
        self.network_cache.keep_in(path, limit=lookup.cache_numbers)
        if self._looker is not None:
            self._looker.change(look_terms_of(lookup), self._asking(lookup))

    @property
    def shortest_validity_s(self) -> float:
        """No message that names no moment ends sooner."""
        return min(self._validity_by_client.values(), default=DEFAULT_VALIDITY_S)

    @property
    def premium(self) -> frozenset[str]:
        """Clients whose messages cost the handset's owner money."""
        return frozenset(client.name for client in self._settings.clients if client.premium)

    def _note_sick(self, sick: frozenset[str]) -> None:
        self._sick = sick
        self.policy.note_sick(sick)

    @property
    def settings(self) -> Settings:
        """Those that are judged by."""
        return self._settings

    def let_listen(self, node: OperatorNode) -> None:
        """Words of handsets and circles as the settings say now."""
        node.listen_to(self.opt_outs, self._loops, self._ids)

    @property
    def mo_routes(self) -> Routes:
        """Where MO go."""
        return self._mo_routes

    def forget(self, node: OperatorNode) -> None:
        """A node of this operator works no longer."""
        self.operators.remove(node)
        self._store.unlisten(node.queue, node.bell)

    # -- nodes --------------------------------------------------------------------------------------

    def _charge(self, tariffs: Tariffs) -> None:
        """Clients with credit pay these prices from now on; what is in hand of their balances stays."""
        for account, client in zip(self.accounts, self._settings.clients, strict=True):
            if client.credit is None:
                account.credit = None
                continue
            fresh = credit_of(client.name, client.credit, tariffs, self._clock.monotonic)
            if account.credit is None or account.credit.currency != fresh.currency:
                account.credit = fresh
            else:
                account.credit.adopt(fresh)
        found = [account.credit for account in self.accounts if account.credit is not None]
        self.credits.by_client = {each.client: each for each in found}

    def credit_keeper(self) -> CreditKeeper:
        return CreditKeeper(self.credits, self._store, Notes(self._store, self._clock))

    def sweeper(self) -> Sweeper:
        days = self._settings.gateway.retention_days
        return Sweeper(
            self._store, self._clock, self._patience_by_operator, validity_s=self.validity_of, retention_days=days
        )

    def conf(
        self,
        versions: Versions,
        announce: Announce,
        reset: Reset,
        drain: Drain,
        everywhere: Everywhere,
        demo: DemoTraffic | None = None,
    ) -> ConfNode:
        return ConfNode(
            inbox_of(self._store, self._settings),
            self._store,
            QueueDrop(self._store, self._clock, self.why_unread),
            CallbackWishes(self._store, self._clock),
            Configuring(
                versions, self._settings, self._clock, seal().derived(self._store.key), announce, reset, doubts_of
            ),
            Steering(self._store, reset, drain),
            CreditWishes(self._store),
            self._test_sending(),
            None if isinstance(self._fleet, Alone) else everywhere,
            ReceiptWishes(self._store, self._clock, self._id_reading),
            None if demo is None else demo.set_pace,
            OptOutWishes(self._store, self._clock, self.opt_outs, versions),
        )

    def demo_traffic(self) -> DemoTraffic:
        """Messages of the first client."""
        notes = Notes(self._store, self._clock)
        intake = Intake(
            self._store, lambda: self.policy, self._path_by_operator, self._ids, self._clock, notes, self.credits
        )

        async def send(message: NewMessage) -> None:
            if self.accounts:
                # The configuration may have changed since the last one.
                intake.forget_paths()
                await intake.take((message,), self.accounts[0])

        return DemoTraffic(send)

    def _id_reading(self, operator: str) -> Conversion:
        """How an operator's profile has the ids of its receipts read; one that is gone has no say."""
        found = next((each for each in self._settings.operators if each.name == operator), None)
        if found is None:
            return Conversion()
        profile = self._settings.profile_of(found)
        return Conversion(profile.id_base.value, profile.id_ignores_case, profile.id_ignores_zeros)

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
            shortest_validity_s=self.shortest_validity_s,
            premium=self.premium,
            is_up=self.is_up,
            has_links_elsewhere=lambda: self._fleet_watch.links_elsewhere(operator.name) > 0,
            opt_outs=self.opt_outs,
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
        return OptOutWatch(self._store, self.opt_outs)

    def sick_watch(self) -> SickWatch:
        return SickWatch(self._operator_names, self.is_up, self._clock, self._note_sick)

    def why_unread(self, queue: str) -> str:
        settings = self._settings
        operators = {each.name for each in settings.operators}
        clients = {each.name for each in settings.clients}
        called = {each.name for each in settings.clients if each.callback is not None}
        return why_unread(
            queue, operators, clients | set(map(trial_client, clients)), called | set(map(trial_client, called))
        )

    def rerouter(self) -> Rerouter:
        return Rerouter(
            self._store,
            lambda: self.policy.routes,
            self._clock,
            depths=self._store.depths,
            is_gone=lambda name: name not in self._operator_names,
            is_up=self.is_up,
        )

    def looker(self) -> Looker:
        """The one of this process."""
        lookup = self._settings.lookup
        self._looker = Looker(
            self._store, lambda: self.policy, self.network_cache, self._clock, look_terms_of(lookup), self._hand
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
            now=self._clock.monotonic,
            on_said=on_said,
            tls=lambda: ssl.create_default_context(cafile=lookup.ca),
        )

    def joiner(self) -> Joiner:
        by_operator = self._encoding_by_operator
        return Joiner(
            self._store,
            self._fleet,
            lambda: self._mo_routes,
            self._ids,
            self._clock,
            encoding_of=lambda operator: by_operator.get(operator, Encoding.GSM7),
            hand=self._hand,
        )

    def smpp_accounts(self) -> list[Account]:
        """Clients that bind."""
        return [account for account in self.accounts if account.system_id and not account.is_ucp]

    def ucp_accounts(self) -> list[Account]:
        """Clients that sign on over UCP."""
        return [account for account in self.accounts if account.is_ucp]

    def smpp_door(self) -> ClientSmppNode:
        return ClientSmppNode(
            self.smpp_accounts(),
            self._store,
            lambda: self.policy,
            self._ids,
            self._clock,
            session_init_s=self._settings.listen.session_init_s,
            # Strangers never take the files that links, clients and the store need.
            max_unbound=min(MAX_UNBOUND, open_files.limit() // 2),
            split_by_operator=self._split_by_operator,
            pressure=lambda: pressure_of(self._store),
            most_at_once=accept_items_of(self._store),
            hand=self._hand,
        )

    def ucp_door(self) -> ClientUcpNode:
        settings = self._settings
        return ClientUcpNode(
            self.ucp_accounts(),
            self._store,
            lambda: self.policy,
            self._ids,
            self._clock,
            session_init_s=settings.listen.session_init_s,
            max_unbound=min(MAX_UNBOUND, open_files.limit() // 2),
            split_by_operator=self._split_by_operator,
            pressure=lambda: pressure_of(self._store),
            hand=self._hand,
            is_alone=isinstance(self._fleet, Alone),
            ceiling=Ceiling(settings.gateway.data_path / UCP_NAMES) if isinstance(self._fleet, Alone) else None,
            alphabet_by_operator=self._alphabet_by_operator,
        )

    def callbacks(self) -> CallbackNode:
        return CallbackNode(
            self.callback_terms(),
            self._store,
            self._clock,
            self._encoding_by_operator,
            self._admit_reply(),
            took=lambda client, seconds: self._watching.metrics.on_callback(client, seconds),
            hand=self._hand,
            claims=None if isinstance(self._fleet, Alone) else Claims(self._fleet, self._store.run, self._clock),
        )

    def callback_terms(self) -> list[CallbackTerms]:
        """Who is called back, and how."""
        settings = self._settings
        names = {each.name: each.system_id for each in settings.operators}
        tlvs = {each.name: named_tlvs_of(settings.profile_of(each)) for each in settings.operators}
        return [
            terms
            for client in settings.clients
            for terms in (callback_terms_of(client, names, tlvs), trial_callback_terms_of(client, names))
            if terms is not None
        ]

    def _test_sending(self) -> TestSending:
        """What people send as a client."""
        resending = Resending(
            lambda name: next((each for each in self.accounts if each.name == name), None),
            self._store.open_messages,
            lambda: self.policy,
            self._split_by_operator,
            self._alphabet_by_operator,
            self._clock.monotonic,
        )

        def give_back(item: Item) -> None:
            self.credits.give_back((item,))

        return TestSending(self._store, self._ids, self._clock, self._admit_test(), resending.judge, give_back)

    def _admit_test(self) -> AdmitTest:
        """What a person sends as a client is judged as if the client had posted it."""
        notes = Notes(self._store, self._clock)

        def admit(wish: SendTest) -> Item | str:
            account = next((each for each in self.accounts if each.name == wish.client), None)
            if account is None:
                return f"there is no client {wish.client!r}"
            if not 0 < len(wish.text) <= LONGEST_TEST:
                return f"a text has 1 to {LONGEST_TEST:,} characters"
            # Made anew each time: tests are rare, and what counts changes.
            intake = Intake(
                self._store, lambda: self.policy, self._path_by_operator, self._ids, self._clock, notes, self.credits
            )
            judged = intake.admit(NewMessage(to=wish.to, source=wish.source or None, text=wish.text), account)
            if not isinstance(judged, Refusal):
                return judged
            return "; ".join([judged.detail, *(f"{each.pointer.lstrip('/')}: {each.detail}" for each in judged.errors)])

        return admit

    def _admit_reply(self) -> Admit:
        """A client's reply to an MO is judged as if the client had posted it."""
        notes = Notes(self._store, self._clock)
        intake = self._reply_intake = Intake(
            self._store, lambda: self.policy, self._path_by_operator, self._ids, self._clock, notes, self.credits
        )

        def admit(message: Message, text: str) -> Item | str:
            new = NewMessage(to=shown(message.source_ton, message.source), source=message.dest, text=text)
            account = next((each for each in self.accounts if each.name == message.client), None)
            if account is None:
                return f"client {message.client} is gone"
            judged = intake.admit(new, account)
            return judged.detail if isinstance(judged, Refusal) else judged

        return admit

    def http_door(self) -> ClientHttpNode:
        return ClientHttpNode(
            self.account_by_token(),
            self._store,
            lambda: self.policy,
            self._path_by_operator,
            self._ids,
            self._clock,
            self._health,
            by_certificate=self.by_certificate(),
            until_us_by_token=self.until_us_by_token(),
            guests=self.guests(),
            credits_=self.credits,
            is_up=self.is_up,
        )

    def guests(self) -> list[Guest]:
        """Clients that have a name and a password over HTTP."""
        accounts = {account.name: account for account in self.accounts}
        return [
            guest_of(each.http, accounts[each.name])
            for each in self._settings.clients
            if each.http and each.http.username
        ]

    def by_certificate(self) -> list[Account]:
        """Clients that have no token."""
        accounts = {account.name: account for account in self.accounts}
        return [accounts[each.name] for each in self._settings.clients if each.http and not token_digest(each.http)]

    def account_by_token(self) -> dict[str, Account]:
        """Clients by the digests of their tokens, those of trials beside the real ones."""
        now, accounts = self._clock.monotonic(), {account.name: account for account in self.accounts}
        found: dict[str, Account] = {}
        for client in self._settings.clients:
            if client.http and (digest := token_digest(client.http)):
                found[digest] = accounts[client.name]
            if client.http and (digest := previous_token_digest(client.http)):
                found.setdefault(digest, accounts[client.name])
            if client.http and (digest := trial_token_digest(client.http)):
                fresh, account = trial_account_of(client, now), self._trials.get(client.name)
                if account is None:
                    account = self._trials[client.name] = fresh
                account.adopt(fresh, now)
                found[digest] = account
        return found

    def until_us_by_token(self) -> dict[str, int]:
        """Tokens that have been replaced, and until when they are good."""
        return {
            digest: until_us_of(client.http.previous_token_until)
            for client in self._settings.clients
            if client.http and (digest := previous_token_digest(client.http))
        }

    def trials(self) -> TrialOperator:
        return TrialOperator(self._store, self._ids, self._clock)

    def trial_endings(self) -> TrialEndings:
        return TrialEndings(self._store, self._ids, self._clock, self._trial_clients)

    def validity_of(self, client: str) -> float:
        """Of a client that is gone from the settings messages may still wait."""
        return self._validity_by_client.get(client, DEFAULT_VALIDITY_S)

    def divided(self) -> Divided:
        """Clients' rates and binds belong to all doors that they use."""
        return Divided(self.accounts, self._rate_by_client, lambda: self._fleet_watch.clients_elsewhere)

    def sharings(self, nodes: Sequence[OperatorNode]) -> list[Sharing]:
        """Operators' links and rates belong to all nodes that serve them."""
        if isinstance(self._fleet, Alone):
            return []
        return [Sharing(node, self._fleet, self._clock) for node in nodes]


T = TypeVar("T")


def _replace(mapping: dict[str, T], by: dict[str, T]) -> None:
    """Who holds the mapping sees what is in it now."""
    mapping.clear()
    mapping.update(by)


def _must_sign_on_anew(account: Account, fresh: Account) -> bool:
    """The sessions of a client belong to another name or door from now on."""
    return (account.system_id, account.is_ucp) != (fresh.system_id, fresh.is_ucp)
