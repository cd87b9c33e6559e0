"""Settings as each node takes them: an administrator's tables become accounts, terms and rules.

It must never make a node or a store; `building` and `engines` do.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import msgspec

from chappe.callbacks.terms import Terms as CallbackTerms
from chappe.clients.account import NO_CALLBACKS, PRIORITY_BY_NAME, Account, CallbackRights
from chappe.clients.credit import Credit
from chappe.clients.guests import Guest
from chappe.clients.http_path import Path as HttpPath
from chappe.model.money import units_of
from chappe.net.addresses import literal
from chappe.net.http_call import endpoint_of
from chappe.net.tls import TlsTerms
from chappe.net.tls_dial import DialTerms
from chappe.operators.http_words import REFUSALS
from chappe.operators.links import LinkTerms
from chappe.operators.shape import HttpShape, UcpShape, Wire
from chappe.operators.terms import SendingTerms
from chappe.operators.vendor import Charge, Numbering, Vendor
from chappe.operators.vendor import NumberForm as VendorNumberForm
from chappe.router.looker import LookTerms
from chappe.rules.certificates import rule_of
from chappe.rules.retry import RefusalRules
from chappe.rules.tariffs import Tariffs
from chappe.rules.trial import trial_client
from chappe.runtime.http_profiles import api_of
from chappe.runtime.settings_callbacks import CallbackEvent, ClientCallback
from chappe.runtime.settings_checks import trial_token_digest
from chappe.runtime.settings_client_doors import ClientHttp, ClientSmpp, ClientUcp
from chappe.runtime.settings_clients import Client, ClientCredit
from chappe.runtime.settings_gateway import Listen, Tls, host_and_port
from chappe.runtime.settings_lookup import Fallback, Lookup
from chappe.runtime.settings_operator_checks import billing_names
from chappe.runtime.settings_operators import Bind, Operator, OperatorTls, Protocol
from chappe.runtime.settings_profile_tables import Billing
from chappe.runtime.settings_profiles import NationalLanguage, Profile, Split, UnknownOutcome
from chappe.runtime.throttle import Throttle
from chappe.text.encoding import DefaultAlphabet, Encoding
from chappe.text.national_tables import Language
from chappe.text.segments import SplitMethod
from chappe.text.writing import EVERY_LANGUAGE
from chappe.wire.http.signing import read_secret
from chappe.wire.smpp.named_tlvs import NamedTlv
from chappe.wire.webapi.calls import CallForm
from chappe.wire.webapi.proofs import TOKEN, Proof, ProofRule

#: What has an operator over HTTP bring again what could not be stored: 503, Service Unavailable.
HTTP_LATER = 503
#: How a profile's words for cutting long messages are meant.
SPLIT_METHODS = {
    Split.UDH8: SplitMethod.UDH8,
    Split.UDH16: SplitMethod.UDH16,
    Split.SAR: SplitMethod.SAR,
    Split.PAYLOAD: SplitMethod.NONE,
}


def account_of(client: Client, now: float) -> Account:
    """A client's settings as its doors use them."""
    account = Account(
        name=client.name,
        is_enabled=client.enabled,
        priority=PRIORITY_BY_NAME[client.priority.value],
        queue_limit=client.queue_limit,
        store_away_status=client.store_away_status,
        throttle=Throttle(client.rate, now),
        default_validity_s=client.default_validity_s,
    )
    account.callbacks = rights_of(callback_of(client))
    if client.smpp is not None:
        smpp = client.smpp
        account.system_id, account.password, account.password_hash = smpp.system_id, smpp.password, smpp.password_hash
        account.password_is_md5 = smpp.password_is_md5
        _remember_previous(account, smpp)
        account.max_binds, account.window, account.dedup_s = smpp.max_binds, smpp.window, smpp.dedup_s
        account.certificates = tuple(rule_of(each) for each in smpp.certificates)
        account.may_shorten_ids = smpp.id_form is None
        if smpp.id_form is not None:
            account.id_form = smpp.id_form.value
        account.allowed = tuple(ip_network(each) for each in smpp.allowed)
        account.enquire_link_s, account.response_s, account.retry_s = (
            smpp.enquire_link_s,
            smpp.response_s,
            smpp.retry_s,
        )
    if client.ucp is not None:
        _speak_ucp(account, client.ucp)
    if client.http is not None:
        account.http_certificates = tuple(rule_of(each) for each in client.http.certificates)
    return account


def _remember_previous(account: Account, door: ClientSmpp | ClientUcp) -> None:
    account.previous_password, account.previous_password_hash = door.previous_password, door.previous_password_hash
    has_one = door.previous_password is not None or door.previous_password_hash is not None
    account.previous_until_us = until_us_of(door.previous_password_until) if has_one else 0


def until_us_of(moment: str | None) -> int:
    """A moment of the settings in Unix µs; 0 for none."""
    return int(datetime.fromisoformat(moment).timestamp() * 1_000_000) if moment is not None else 0


def credit_of(client: str, credit: ClientCredit, tariffs: Tariffs, now: Callable[[], float]) -> Credit:
    """What a client may spend: money by the tariffs, or parts, each of which costs one."""
    opening = units_of(credit.opening, credit.currency)
    if credit.currency:
        return Credit(client, credit.currency, partial(tariffs.units, client), now, opening)
    return Credit(client, "", lambda to: 1, now, opening)


def _speak_ucp(account: Account, ucp: ClientUcp) -> None:
    account.is_ucp, account.zone = True, ucp.zone or UTC
    account.system_id, account.password, account.password_hash = ucp.system_id, ucp.password, ucp.password_hash
    _remember_previous(account, ucp)
    account.max_binds, account.window = ucp.max_binds, ucp.window
    account.certificates = tuple(rule_of(each) for each in ucp.certificates)
    account.allowed = tuple(ip_network(each) for each in ucp.allowed)
    account.enquire_link_s, account.response_s, account.retry_s = ucp.alert_s, ucp.response_s, ucp.retry_s
    account.throttle_code, account.queue_full_code = ucp.throttle_code, ucp.queue_full_code
    account.store_away_code = ucp.store_away_code


def guest_of(http: ClientHttp, account: Account) -> Guest:
    """A client's name and password over HTTP."""
    return Guest(
        account, http.username or "", http.password, http.password_hash, http.password_is_md5, http.sender or ""
    )


def callback_of(client: Client) -> ClientCallback | None:
    """Where a client is called back; who has a username may name URLs without further settings."""
    has_username = client.http is not None and client.http.username is not None
    return client.callback or (ClientCallback() if has_username else None)


def named_tlvs_of(profile: Profile) -> Mapping[int, tuple[str, NamedTlv]]:
    """The TLVs that a profile has names for, by their tags."""
    return {tlv.tag: (name, tlv.named) for name, tlv in profile.tlvs.items()}


def callback_terms_of(
    client: Client,
    account_by_operator: Mapping[str, str] | None = None,
    tlvs_by_operator: Mapping[str, Mapping[int, tuple[str, NamedTlv]]] | None = None,
) -> CallbackTerms | None:
    """How a client is called back; None when it is not."""
    callback = callback_of(client)
    if callback is None or not client.enabled:
        return None
    named = [endpoint_of(url) for url in (callback.url, callback.status_url) if url]
    secrets = () if callback.secret is None else (callback.secret, *callback.previous_secrets)
    return CallbackTerms(
        client=client.name,
        username=(client.http.username or "") if client.http else "",
        url=callback.url,
        keys=tuple(read_secret(each) for each in secrets),
        status_url=callback.status_url,
        format=callback.format.value,
        method=callback.method.value.upper(),
        takes_replies=callback.replies,
        account_by_operator=account_by_operator or {},
        tlvs_by_operator=tlvs_by_operator or {},
        batch=callback.batch,
        max_connections=callback.max_connections,
        timeout_s=callback.timeout_s,
        retry_s=callback.retry_s,
        give_up_after_s=callback.give_up_after_s,
        allow_private=callback.allow_private,
        private_hosts=frozenset(
            (each.host, each.port) for each in named if each.host == "localhost" or literal(each.host) is not None
        ),
    )


def trial_callback_terms_of(
    client: Client, account_by_operator: Mapping[str, str] | None = None
) -> CallbackTerms | None:
    """How a client hears of its trials: as of its messages, by connections of their own."""
    terms = callback_terms_of(client, account_by_operator) if client.http and trial_token_digest(client.http) else None
    return None if terms is None else msgspec.structs.replace(terms, client=trial_client(client.name))


def rights_of(callback: ClientCallback | None) -> CallbackRights:
    """What a client may ask to be called back for."""
    if callback is None or CallbackEvent.STATUS not in callback.events:
        return NO_CALLBACKS
    return CallbackRights(
        has_url=bool(callback.status_url or callback.url), may_name_url=True, allow_private=callback.allow_private
    )


def trial_account_of(client: Client, now: float) -> Account:
    """The account of a client's trials: its rate and limits hold once more for them alone."""
    return Account(
        name=trial_client(client.name),
        is_enabled=client.enabled,
        priority=PRIORITY_BY_NAME[client.priority.value],
        queue_limit=client.queue_limit,
        store_away_status=client.store_away_status,
        throttle=Throttle(client.rate, now),
        default_validity_s=client.default_validity_s,
        trial_of=client.name,
        callbacks=rights_of(callback_of(client)),
    )


def tls_of(listen: Listen) -> dict[str, TlsTerms]:
    """The doors of this box that speak TLS: `smpp`, `http` and `ucp`."""
    tables = {"smpp": listen.smpp_tls, "http": listen.http_tls, "ucp": listen.ucp_tls}
    return {door: door_terms_of(f"listen.{door}_tls", tls) for door, tls in tables.items() if tls is not None}


def door_terms_of(name: str, tls: Tls) -> TlsTerms:
    """One door that speaks TLS, by the name of its table."""
    return TlsTerms(
        name=name,
        certificate=Path(tls.certificate),
        key=Path(tls.key),
        client_ca=Path(tls.client_ca) if tls.client_ca is not None else None,
        requires_certificate=tls.requires_certificate,
        min_version=tls.min_version.value,
    )


def link_terms_of(operator: Operator, profile: Profile) -> LinkTerms:
    """Where and how an operator's links are bound."""
    endpoint = endpoint_of(operator.http.url) if operator.http is not None else None
    host, port = (endpoint.host, endpoint.port) if endpoint is not None else host_and_port(operator.address)
    return LinkTerms(
        operator=operator.name,
        host=host,
        port=port,
        system_id=operator.system_id,
        password=operator.password,
        system_type=operator.system_type,
        is_pair=operator.bind is Bind.TRANSMITTER_AND_RECEIVER,
        links=operator.binds,
        window_pdus=min(operator.window, profile.window or operator.window),
        session_init_s=operator.session_init_s,
        enquire_link_s=operator.enquire_link_s,
        response_s=operator.response_s,
        reconnect_min_s=operator.reconnect_min_s,
        reconnect_max_s=operator.reconnect_max_s,
        tls=dial_terms_of(operator, host),
        endpoint=endpoint,
        listen=host_and_port(operator.http.listen) if operator.http is not None and operator.http.listen else None,
        listen_tls=_listen_tls_of(operator),
    )


def _listen_tls_of(operator: Operator) -> TlsTerms | None:
    tls = operator.http.listen_tls if operator.http is not None else None
    return door_terms_of(f"operators.{operator.name}.http.listen_tls", tls) if tls is not None else None


def dial_terms_of(operator: Operator, host: str) -> DialTerms | None:
    """How connections to an operator are encrypted; None when they are not."""
    tls = operator.tls
    if tls is None and operator.http is not None and operator.http.url.startswith("https:"):
        tls = OperatorTls()
    if tls is None:
        return None
    return DialTerms(
        name=f"operators.{operator.name}.tls",
        server_name=tls.server_name or host.strip("[]"),
        ca=Path(tls.ca) if tls.ca is not None else None,
        certificate=Path(tls.certificate) if tls.certificate is not None else None,
        key=Path(tls.key) if tls.key is not None else None,
        verifies=tls.verify,
        min_version=tls.min_version.value,
    )


def http_path_of(operator: Operator, profile: Profile) -> HttpPath:
    """What the HTTP door must know of an operator."""
    alphabet = DefaultAlphabet(profile.alphabet.value)
    return HttpPath(f"operator:{operator.name}", SPLIT_METHODS[profile.split], (alphabet,), _languages_of(profile))


def _languages_of(profile: Profile) -> frozenset[Language]:
    if NationalLanguage.ALL in profile.national:
        return EVERY_LANGUAGE
    return frozenset(Language[each.name] for each in profile.national)


def encoding_of_operator(profile: Profile) -> Encoding:
    """How what bears data_coding 0 is to be read."""
    return DefaultAlphabet(profile.alphabet.value).encoding


def sending_terms_of(operator: Operator, profile: Profile) -> SendingTerms:
    """How an operator is fed, and what its refusals mean."""
    return SendingTerms(
        wire=Wire(
            source_ton=operator.source_ton,
            source_npi=operator.source_npi,
            dest_ton=operator.dest_ton,
            dest_npi=operator.dest_npi,
            split=SPLIT_METHODS[profile.split],
            default_encoding=encoding_of_operator(profile),
            id_base=profile.id_base.value,
            id_ignores_case=profile.id_ignores_case,
            id_ignores_zeros=profile.id_ignores_zeros,
            mo_identity_tag=profile.mo_identity_tag,
            zone=profile.zone,
            holds_all=profile.unknown_outcome is profile.unknown_outcome_premium is UnknownOutcome.HOLD,
            ucp=UcpShape(operator.recipient_prefix, operator.notify_address, profile.ucp_zone or UTC),
            http=http_shape_of(operator, profile),
            vendor=vendor_of(profile),
        ),
        refusals=_refusals_of(operator, profile),
        rate=_rate_of(operator, profile),
        is_paused=operator.paused,
        retry_s=operator.retry_s,
        max_validity_s=operator.max_validity_s,
        # Who asks holds until there is an answer.
        holds_unknown=profile.unknown_outcome is not UnknownOutcome.RESEND,
        holds_premium=profile.unknown_outcome_premium is not UnknownOutcome.RESEND,
        asks_unknown=profile.unknown_outcome is UnknownOutcome.QUERY,
        asks_premium=profile.unknown_outcome_premium is UnknownOutcome.QUERY,
        retry_status=_retry_status_of(operator, profile),
        redelivery_s=profile.redelivery_s,
    )


def vendor_of(profile: Profile) -> Vendor | None:
    """What a profile's vendor wants otherwise; None where it wants nothing."""
    codings = {int(ours, 0): theirs for ours, theirs in profile.data_codings.items()}
    vendor = Vendor(
        numbering=_numbering_of(profile),
        is_packed=profile.gsm7_packed,
        codings=codings,
        charges={name: _charge_of(each, profile) for name, each in profile.billing.items()},
        tlvs=tuple(each.named.write(each.value) for each in profile.tlvs.values() if each.value is not None),
        named={name: each.named for name, each in profile.tlvs.items()},
        receipt_pattern=re.compile(profile.receipt_pattern) if profile.receipt_pattern is not None else None,
        codings_back={theirs: ours for ours, theirs in codings.items()},
    )
    return None if vendor == Vendor() else vendor


def _numbering_of(profile: Profile) -> Numbering | None:
    numbers = profile.numbers
    if numbers is None:
        return None
    return Numbering(
        numbers.alphanumeric,
        numbers.short,
        numbers.international,
        numbers.recipient,
        numbers.short_digits,
        VendorNumberForm(numbers.sender_form.value),
        VendorNumberForm(numbers.recipient_form.value),
    )


def _charge_of(billing: Billing, profile: Profile) -> Charge:
    tlvs = tuple(profile.tlvs[name].named.write(value) for name, value in billing.tlvs.items())
    return Charge(billing.service_type, tlvs, billing.xser.upper(), billing.http)


def _rate_of(operator: Operator, profile: Profile) -> float:
    """The smaller of both; 0 where neither sets a bound."""
    return min((each for each in (operator.rate, profile.rate) if each), default=0.0)


def _retry_status_of(operator: Operator, profile: Profile) -> int:
    """What has the operator bring again what could not be stored."""
    if operator.protocol is Protocol.HTTP:
        return HTTP_LATER
    return profile.ucp_retry_code if operator.protocol is Protocol.UCP else profile.retry_status


def http_shape_of(operator: Operator, profile: Profile) -> HttpShape | None:
    """An operator's API with its values; None where it has none."""
    http = operator.http
    if http is None or profile.http is None:
        return None
    api = api_of(profile.http, billing_names(profile))
    scheme = "https" if http.listen_tls is not None else "http"
    public = (http.public_url or (f"{scheme}://{http.listen}" if http.listen else "")).rstrip("/")
    token = f"?{TOKEN}={quote(http.secret, safe='')}" if api.proof.proof is Proof.TOKEN else ""

    def url_of(form: CallForm | None) -> str:
        return f"{public}{form.path}{token}" if form is not None and public else ""

    urls = {"receipt_url": url_of(api.receipt), "inbound_url": url_of(api.inbound)}
    account = {"username": http.username, "password": http.password}
    proof = api.proof
    callers = ProofRule(proof.proof, http.secret, http.caller, proof.signature, proof.algorithm, proof.signed)
    return HttpShape(api, {**api.values, **http.values, **account, **urls}, callers, public)


def _refusals_of(operator: Operator, profile: Profile) -> RefusalRules:
    """By the numbers of the operator's protocol."""
    if operator.protocol is Protocol.HTTP:
        return REFUSALS
    if operator.protocol is Protocol.UCP:
        return RefusalRules(
            throttled=frozenset(profile.ucp_throttle_codes), temporary=frozenset(profile.ucp_temporary_codes)
        )
    return RefusalRules(
        throttled=frozenset({*profile.throttle_statuses, *profile.queue_full_statuses}),
        temporary=frozenset(profile.temporary_statuses),
    )


def look_terms_of(lookup: Lookup) -> LookTerms:
    """How a router node looks numbers up."""
    return LookTerms(
        lookup.patience_s,
        lookup.retry_s,
        lookup.fallback is Fallback.PREFIX,
        lookup.cache_s,
        lookup.unknown_cache_s,
    )
