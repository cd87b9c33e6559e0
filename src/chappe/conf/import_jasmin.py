"""Makes settings of what Jasmin keeps: the files of its store (`jcli-prod.router-users` and others) and `jasmin.cfg`.

It must never read a file: its octets are given.
"""

import configparser
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from chappe.conf.imported import Imported, Table, pattern_of
from chappe.conf.inert_pickle import Shell, loads
from chappe.model.errors import SettingsError

#: Of balances; Jasmin does not say.
CURRENCY: Final = "EUR"
_HEAD: Final = b"Persisted on "
_KEYWORD: Final = re.compile(r"\^?(?:\(\?i\))?([^\W_]+)(?:\\b|\.\*|\$)*")
#: dlr_msgid → how an id changes from the response to the receipt.
_ID_BASES: Final = {1: "hex_to_decimal", 2: "decimal_to_hex"}
#: Authorizations that Jasmin gives to everybody and that stand for doors here.
_DOORS: Final = frozenset({"http_send", "smpps_send", "bind", "ip", "http_bulk"})
_ANY_VALUE: Final = frozenset({".*", "^[0-3]$", r"^\d+$"})


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class JasminImport:
    """Reads files one after the other; what they say together is in `finish`."""

    def __init__(self, hash_of: Callable[[str], str]) -> None:
        """`hash_of` makes an argon2 hash: what Jasmin keeps of a password is its bare MD5."""
        self._found = Imported()
        self._hash_of = hash_of
        self._client_by_user: dict[str, Table] = {}
        self._client_by_connector: dict[str, Table] = {}
        self._operator_by_connector: dict[str, str] = {}
        self._tables: list[tuple[str, str, Any]] = []

    def read(self, octets: bytes, where: str) -> None:
        """Take over one file.  Raises: SettingsError."""
        kind = where.rpartition(".")[2]
        if not octets.startswith(_HEAD):
            self._read_configuration(octets, where)
            return
        content = loads(octets.partition(b"\n")[2], where)
        match kind:
            case "router-users":
                for user in content:
                    self._user(user, where)
            case "smppccs":
                for connector in content:
                    self._connector(connector, where)
            case "router-mtroutes" | "router-moroutes":
                self._tables.append((kind[7:9], where, content))
            case "router-groups" | "httpccs" | "filters":
                # Users and routes hold copies of these.
                return
            case _:
                self._found.leave_out(where, "has no counterpart")

    def finish(self) -> Imported:
        """Routes name what other files say: they come last."""
        for direction, where, table in sorted(self._tables, key=lambda each: each[0], reverse=True):
            # Jasmin tries the highest number first; 0 is the default.
            rows = [row for each in table.get("table", []) for row in each.items()]
            for order, route in sorted(rows, key=lambda row: -int(row[0])):
                read = self._mt_route if direction == "mt" else self._mo_route
                told = read(route, f"{where} route {order}")
                if told is not None:
                    self._found.routes.append({"direction": direction, **told})
        self._finish_tariffs()
        return self._found

    def _finish_tariffs(self) -> None:
        """Tariffs are for balances in money; with one, what no route prices is free, as it is in Jasmin."""
        has_money = any(client.get("credit", {}).get("currency") for client in self._found.clients)
        priced = [each for each in self._found.tariffs if float(each["amount"])]
        if not has_money:
            if priced:
                self._found.leave_out("routes", "no user has a balance that their rates would be taken from")
            self._found.tariffs = []
        elif not any(set(each) == {"amount"} for each in self._found.tariffs):
            self._found.tariffs.append({"amount": "0"})

    # -- jasmin.cfg -----------------------------------------------------------------------------------

    def _read_configuration(self, octets: bytes, where: str) -> None:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(octets.decode("utf-8"))
        except (UnicodeDecodeError, configparser.Error) as error:
            told = " ".join(str(error).split())
            raise SettingsError(f"{where}: is neither a file of Jasmin's store nor its jasmin.cfg: {told}") from error
        for section, key, port in (("http-api", "http", "1401"), ("smpp-server", "smpp", "2775")):
            if parser.has_section(section):
                host = parser.get(section, "bind", fallback="0.0.0.0")
                self._found.listen[key] = f"{host}:{parser.get(section, 'port', fallback=port)}"
        for section in parser.sections():
            left = [key for key in parser.options(section) if key not in ("bind", "port")]
            if left or section not in ("http-api", "smpp-server"):
                told = ", ".join(left) or "the section"
                self._found.leave_out(where, f"[{section}] {told}: has no counterpart")

    # -- users ----------------------------------------------------------------------------------------

    def _user(self, user: Shell, where: str) -> None:
        uid, username = _text(user.get("uid")), _text(user.get("username"))
        where = f"{where} user {uid}"
        mt, smpps = user.get("mt_credential"), user.get("smpps_credential")
        rights = {**_dict_of(mt, "authorizations"), **_dict_of(smpps, "authorizations")}
        client: Table = {"name": self._found.name(uid, "client")}
        group = user.get("group")
        if user.get("enabled") is False or (isinstance(group, Shell) and group.get("enabled") is False):
            client["enabled"] = False
        quotas = {**_dict_of(mt, "quotas"), **_dict_of(smpps, "quotas")}
        rates = [rate for key in ("http_throughput", "smpps_throughput") if (rate := quotas.pop(key, None))]
        if rates:
            client["rate"] = float(min(rates))
        self._credit(client, quotas, where)
        digest = user.get("password")
        hashed = self._hash_of(digest.hex()) if isinstance(digest, bytes) else None
        password: Table = {"password_hash": hashed, "password_is_md5": True} if hashed else {"password": ""}
        most = quotas.pop("max_bindings", None)
        if rights.get("bind", True) and rights.get("smpps_send", True):
            client["smpp"] = {"system_id": username, **password}
            if most:
                client["smpp"]["max_binds"] = int(most)
            networks = [each.strip() for each in _text(rights.get("ip", "0.0.0.0/0")).split(",") if each.strip()]
            if networks != ["0.0.0.0/0"]:
                client["smpp"]["allowed"] = networks
        if rights.get("http_send", True):
            client["http"] = {"username": username, **password}
            sender = _dict_of(mt, "defaults").get("source_address")
            if sender:
                client["http"]["sender"] = _text(sender)
            # Jasmin calls any address, and so do clients expect.
            client["callback"] = {"format": "jasmin", "allow_private": True}
        self._tell_limits(where, rights, quotas, _dict_of(mt, "value_filters"))
        self._client_by_user[uid] = client
        self._found.clients.append(client)

    def _credit(self, client: Table, quotas: dict[str, Any], where: str) -> None:
        """What is left of a user's quotas is what its balance begins with."""
        balance, parts = quotas.pop("balance", None), quotas.pop("submit_sm_count", None)
        if balance is not None:
            client["credit"] = {"currency": CURRENCY, "opening": f"{max(0.0, float(balance)):.6f}"}
            self._found.leave_out(where, f"balance {balance}: Jasmin names no currency; {CURRENCY} is taken")
            if parts is not None:
                self._found.leave_out(where, f"quota submit_sm_count = {parts}: it has a balance in money already")
        elif parts is not None:
            client["credit"] = {"opening": str(max(0, int(parts)))}
        if share := quotas.pop("early_decrement_balance_percent", None):
            told = f"early_decrement_balance_percent = {share}: a message is paid when it is accepted"
            self._found.leave_out(where, told)

    def _tell_limits(
        self, where: str, rights: Mapping[str, Any], quotas: Mapping[str, Any], filters: Mapping[str, Any]
    ) -> None:
        denied = sorted(key for key, value in rights.items() if value is False and key not in _DOORS)
        if denied:
            self._found.leave_out(where, f"is denied {', '.join(denied)}: has no counterpart")
        for key, value in quotas.items():
            if value is not None:
                self._found.leave_out(where, f"quota {key} = {value}: has no counterpart")
        for key, value in filters.items():
            expression = _expression_of(value)
            if expression not in _ANY_VALUE:
                self._found.leave_out(where, f"filter {key} {expression}: has no counterpart")

    # -- connectors -----------------------------------------------------------------------------------

    def _connector(self, connector: Mapping[str, Any], where: str) -> None:
        config, cid = connector["config"], _text(connector["id"])
        where = f"{where} connector {cid}"
        operator: Table = {
            "name": self._found.name(cid, "operator"),
            "address": f"{_text(config.get('host', '127.0.0.1'))}:{config.get('port', 2775)}",
            "system_id": _text(config.get("username", "")),
            "password": _text(config.get("password", "")),
            "binds": 1,
        }
        if config.get("systemType"):
            operator["system_type"] = _text(config.get("systemType"))
        if (bind := _text(config.get("bindOperation", "transceiver"))) != "transceiver":
            self._found.leave_out(where, f"bind {bind}: is made as transceiver")
        for key, ours in (
            ("submit_sm_throughput", "rate"),
            ("enquireLinkTimerSecs", "enquire_link_s"),
            ("responseTimerSecs", "response_s"),
            ("sessionInitTimerSecs", "session_init_s"),
            ("reconnectOnConnectionLossDelay", "reconnect_max_s"),
        ):
            if isinstance(value := config.get(key), int | float):
                operator[ours] = float(value)
        if base := _ID_BASES.get(config.get("dlr_msg_id_bases", 0)):
            operator["profile"] = operator["name"]
            self._found.profiles[operator["name"]] = {"id_base": base}
        if config.get("useSSL"):
            self._found.leave_out(where, "ssl: has no counterpart")
        if any(config.get(key) for key in ("source_addr", "service_type", "protocol_id", "validity_period")):
            self._found.leave_out(where, "defaults of submit_sm (src_addr, service_type, proto_id, …): no counterpart")
        self._found.leave_out(
            where, "ton and npi: numbers go as clients write them; set source_ton and others if needed"
        )
        if connector.get("service_status") in (0, False):
            self._found.leave_out(where, "is stopped in Jasmin: here it would be bound")
        self._operator_by_connector[cid] = operator["name"]
        self._found.operators.append(operator)

    # -- routes ---------------------------------------------------------------------------------------

    def _mt_route(self, route: Shell, where: str) -> Table | None:
        told = self._filtered(route, where)
        connectors = route.get("connector")
        connectors = connectors if isinstance(connectors, list) else [connectors]
        names = [self._operator_by_connector.get(_text(each.get("cid"))) for each in connectors]
        if told is None or None in names:
            if told is not None:
                self._found.leave_out(where, "leads to a connector that is not there; it is left out")
            return None
        if type(route).__name__.startswith("RandomRoundrobin"):
            self._found.leave_out(where, "round robin: its connectors are tried in their order")
        self._tariff(route, told, where)
        return {**told, "operators": names}

    def _tariff(self, route: Shell, told: Table, where: str) -> None:
        """What a route costs is a tariff of its numbers."""
        rate = float(route.get("rate") or 0.0)
        if rate and "from" in told:
            self._found.leave_out(where, f"rate {rate} of a route by sender: tariffs go by numbers and clients")
            return
        conditions: Table = {key: told[key] for key in ("client", "to") if key in told}
        self._found.tariffs.append({**conditions, "amount": f"{rate:.6f}"})

    def _mo_route(self, route: Shell, where: str) -> Table | None:
        told = self._filtered(route, where)
        if told is None:
            return None
        connector = route.get("connector")
        if isinstance(connector, list):
            if len(connector) > 1:
                self._found.leave_out(where, "several connectors: the first one is taken")
            connector = connector[0]
        cid = _text(connector.get("cid"))
        if connector.get("baseurl") is not None:
            return {**told, "client": self._called(cid, connector), "via": "callback"}
        named = [each for each in self._found.clients if each.get("smpp", {}).get("system_id") == cid]
        if not named:
            self._found.leave_out(where, f"leads to {cid}, which no user is; it is left out")
            return None
        return {**told, "client": named[0]["name"], "via": "smpp"}

    def _called(self, cid: str, connector: Shell) -> str:
        """An HTTP connector is a client that is called."""
        if cid not in self._client_by_connector:
            callback: Table = {
                "format": "jasmin",
                "url": _text(connector.get("baseurl")),
                "method": _text(connector.get("method", "GET")).lower(),
                "allow_private": True,
            }
            client: Table = {"name": self._found.name(cid, "connector"), "join_s": 60.0, "callback": callback}
            self._client_by_connector[cid] = client
            self._found.clients.append(client)
        name: str = self._client_by_connector[cid]["name"]
        return name

    def _filtered(self, route: Shell, where: str) -> Table | None:
        """What a route's filters are in a route of ours; None, and a line, where one has no counterpart."""
        told: Table = {}
        filters: Iterable[Shell] = route.get("filters") or ()
        for each in filters:
            kind = type(each).__name__
            value = self._value_of(kind, each)
            if value is None:
                self._found.leave_out(where, f"{kind} has no counterpart; the route is left out")
                return None
            told.update(value)
        return told

    def _value_of(self, kind: str, found: Shell) -> Table | None:
        match kind:
            case "TransparentFilter":
                return {}
            case "UserFilter":
                client = self._client_by_user.get(_text(found.get("user").get("uid")))
                return None if client is None else {"client": client["name"]}
            case "DestinationAddrFilter":
                pattern = pattern_of(_expression_of(found.get("destination_addr")))
                return None if pattern is None else {"to": pattern}
            case "SourceAddrFilter":
                pattern = pattern_of(_expression_of(found.get("source_addr")))
                return None if pattern is None else {"from": pattern}
            case "ShortMessageFilter":
                keyword = _KEYWORD.fullmatch(_expression_of(found.get("short_message")))
                return None if keyword is None else {"keyword": keyword[1]}
            case _:
                return None


def _dict_of(shell: Any, name: str) -> dict[str, Any]:
    found = shell.get(name) if isinstance(shell, Shell) else None
    return {_text(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _expression_of(value: Any) -> str:
    """The text of a compiled regular expression."""
    return _text(value.args[0]) if isinstance(value, Shell) and value.args else _text(value)
