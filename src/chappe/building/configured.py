"""The configuration as nodes keep it: objects that stay the same ones while what is in them changes.

It must never know a node, nor who reads a configuration or when another one counts.
"""

from typing import TypeVar

from chappe.building.surroundings import Surroundings
from chappe.callbacks.terms import Terms as CallbackTerms
from chappe.clients.account import Account
from chappe.clients.credit import Credits
from chappe.clients.http_path import Path
from chappe.node_terms import (
    SPLIT_METHODS,
    account_of,
    callback_terms_of,
    credit_of,
    encoding_of_operator,
    http_path_of,
    named_tlvs_of,
    trial_callback_terms_of,
)
from chappe.router.sweeper import Patience
from chappe.routing_terms import policy_of, tariffs_of
from chappe.rules.admit import Policy
from chappe.rules.decide import Routes
from chappe.rules.learn import Conversion
from chappe.rules.looked_up import LookUps
from chappe.rules.loops import Loops
from chappe.rules.opt_outs import OptOuts
from chappe.rules.readers import why_unread
from chappe.rules.tariffs import Tariffs
from chappe.rules.trial import TRIAL_OPERATOR, trial_client
from chappe.runtime.network_cache import FILE as NETWORKS_FILE
from chappe.runtime.network_cache import NetworkCache
from chappe.runtime.settings import Settings
from chappe.runtime.settings_checks import trial_token_digest
from chappe.runtime.settings_lookup import Cache, Lookup
from chappe.text.encoding import DefaultAlphabet, Encoding
from chappe.text.segments import SplitMethod

#: Validity of messages whose client is gone from the settings.
DEFAULT_VALIDITY_S = 172_800.0
#: Trials without a receipt become `unknown` soon: somebody waits to see it.
TRIAL_UNKNOWN_S = 60.0


class Configured:
    """What counts now."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self.settings = settings
        self._around = around
        self.loops = Loops(settings.loops.limit, settings.loops.window_s)
        self.opt_outs = OptOuts()
        self.credits = Credits()
        #: What look-ups said; the same object whatever the configuration becomes.
        self._look_ups = LookUps()
        self.network_cache = NetworkCache(self._look_ups)
        self._sick: frozenset[str] = frozenset()
        # What nodes are given of these they keep, and see what changes in it.
        self.accounts: list[Account] = []
        self._validity_by_client: dict[str, float] = {}
        self.rate_by_client: dict[str, float] = {}
        self.split_by_operator: dict[str, SplitMethod] = {}
        self.alphabet_by_operator: dict[str, DefaultAlphabet] = {}
        self.encoding_by_operator: dict[str, Encoding] = {}
        self.path_by_operator: dict[str, Path] = {}
        self.patience_by_operator: dict[str, Patience] = {}
        self.operator_names: list[str] = []
        self.trial_clients: list[str] = []
        self.take(settings, *policy_of(settings))

    def take(self, settings: Settings, policy: Policy, mo_routes: Routes) -> None:
        """Judge by these settings from now on."""
        self.settings = settings
        self.opt_outs.change(policy.opt_outs.lists)
        policy.opt_outs = self.opt_outs
        policy.note_sick(self._sick)
        self.policy, self.mo_routes = policy, mo_routes
        self.loops.change(settings.loops.limit, settings.loops.window_s)
        self._take_clients(settings)
        self._take_operators(settings)
        self._take_lookup(settings.lookup)
        self._charge(tariffs_of(settings, policy.routes.plan))

    def _take_clients(self, settings: Settings) -> None:
        """Accounts stay the same objects as long as their clients are there: sessions hold them."""
        now, known = self._around.clock.monotonic(), {account.name: account for account in self.accounts}
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
        _replace(self.rate_by_client, {each.name: each.rate for each in settings.clients})
        self.trial_clients[:] = [
            trial_client(each.name) for each in settings.clients if each.http and trial_token_digest(each.http)
        ]

    def _take_operators(self, settings: Settings) -> None:
        operators = [(each, settings.profile_of(each)) for each in settings.operators]
        _replace(self.split_by_operator, {each.name: SPLIT_METHODS[profile.split] for each, profile in operators})
        alphabets = {each.name: DefaultAlphabet(profile.alphabet.value) for each, profile in operators}
        _replace(self.alphabet_by_operator, alphabets)
        encodings = {each.name: encoding_of_operator(profile) for each, profile in operators}
        _replace(self.encoding_by_operator, encodings)
        _replace(self.path_by_operator, {each.name: http_path_of(each, profile) for each, profile in operators})
        _replace(self.patience_by_operator, self._patience())
        self.operator_names[:] = [each.name for each, _ in operators]

    def _patience(self) -> dict[str, Patience]:
        """How long messages wait, also for operators that are gone from the settings: nobody will send those."""
        waiting = [
            depth.queue.removeprefix("operator:")
            for depth in self._around.store.depths()
            if depth.queue[:9] == "operator:"
        ]
        gone = dict.fromkeys(waiting, Patience(DEFAULT_VALIDITY_S, DEFAULT_VALIDITY_S))
        gone[TRIAL_OPERATOR] = Patience(DEFAULT_VALIDITY_S, TRIAL_UNKNOWN_S)
        return gone | {each.name: Patience(each.max_validity_s, each.unknown_s) for each in self.settings.operators}

    def _take_lookup(self, lookup: Lookup) -> None:
        """What was said is kept, whoever is asked from now on."""
        plan = self.policy.routes.plan
        if plan.look_ups is not None:
            self._look_ups.change(lookup.numbers, limit=lookup.cache_numbers)
            plan.look_ups = self._look_ups
        is_kept = lookup.url is not None and lookup.cache is Cache.DISK
        path = self.settings.gateway.data_path / NETWORKS_FILE if is_kept else None
        self.network_cache.keep_in(path, limit=lookup.cache_numbers)

    def _charge(self, tariffs: Tariffs) -> None:
        """Clients with credit pay these prices from now on; what is in hand of their balances stays."""
        for account, client in zip(self.accounts, self.settings.clients, strict=True):
            if client.credit is None:
                account.credit = None
                continue
            fresh = credit_of(client.name, client.credit, tariffs, self._around.clock.monotonic)
            if account.credit is None or account.credit.currency != fresh.currency:
                account.credit = fresh
            else:
                account.credit.adopt(fresh)
        found = [account.credit for account in self.accounts if account.credit is not None]
        self.credits.by_client = {each.client: each for each in found}

    @property
    def shortest_validity_s(self) -> float:
        """No message that names no moment ends sooner."""
        return min(self._validity_by_client.values(), default=DEFAULT_VALIDITY_S)

    @property
    def premium(self) -> frozenset[str]:
        """Clients whose messages cost the handset's owner money."""
        return frozenset(client.name for client in self.settings.clients if client.premium)

    def validity_of(self, client: str) -> float:
        """Of a client that is gone from the settings messages may still wait."""
        return self._validity_by_client.get(client, DEFAULT_VALIDITY_S)

    def why_unread(self, queue: str) -> str:
        settings = self.settings
        operators = {each.name for each in settings.operators}
        clients = {each.name for each in settings.clients}
        called = {each.name for each in settings.clients if each.callback is not None}
        return why_unread(
            queue, operators, clients | set(map(trial_client, clients)), called | set(map(trial_client, called))
        )

    def callback_terms(self) -> list[CallbackTerms]:
        """Who is called back, and how."""
        settings = self.settings
        names = {each.name: each.system_id for each in settings.operators}
        tlvs = {each.name: named_tlvs_of(settings.profile_of(each)) for each in settings.operators}
        return [
            terms
            for client in settings.clients
            for terms in (callback_terms_of(client, names, tlvs), trial_callback_terms_of(client, names))
            if terms is not None
        ]

    def id_reading(self, operator: str) -> Conversion:
        """How an operator's profile has the ids of its receipts read; one that is gone has no say."""
        found = next((each for each in self.settings.operators if each.name == operator), None)
        if found is None:
            return Conversion()
        profile = self.settings.profile_of(found)
        return Conversion(profile.id_base.value, profile.id_ignores_case, profile.id_ignores_zeros)

    def note_sick(self, sick: frozenset[str]) -> None:
        self._sick = sick
        self.policy.note_sick(sick)


T = TypeVar("T")


def _replace(mapping: dict[str, T], by: dict[str, T]) -> None:
    """Who holds the mapping sees what is in it now."""
    mapping.clear()
    mapping.update(by)


def _must_sign_on_anew(account: Account, fresh: Account) -> bool:
    """The sessions of a client belong to another name or door from now on."""
    return (account.system_id, account.is_ucp) != (fresh.system_id, fresh.is_ucp)
