"""Makes settings of a `kannel.conf`, as far as its keys have a counterpart.

It must never read a file: its text is given.
"""

from collections.abc import Callable, Mapping
from typing import Final

from chappe.conf.imported import Imported, Table
from chappe.conf.kannel_file import Group, groups_of

#: Keys of a group that need no counterpart: what they say is so here anyway, or of no concern.
_NEEDLESS: Final[Mapping[str, frozenset[str]]] = {
    "core": frozenset({"dlr-storage", "log-file", "log-level", "access-log", "smsbox-port", "smsbox-interface"}),
    "smsbox": frozenset({"bearerbox-host", "bearerbox-port", "smsbox-id", "log-file", "log-level", "access-log"}),
    "smsc": frozenset({"smsc", "interface-version", "keepalive", "log-file", "log-level", "system-id"}),
    "sendsms-user": frozenset({"concatenation", "max-messages", "split-chars", "split-suffix"}),
    "sms-service": frozenset({"catch-all", "concatenation", "name", "assume-plain-text", "accept-x-kannel-headers"}),
}
_TRUE: Final = ("true", "yes", "on", "1")
#: msg-id-type → how an id changes from the response to the receipt.
_ID_BASES: Final = {"0x01": "hex_to_decimal", "1": "hex_to_decimal", "0x02": "decimal_to_hex", "2": "decimal_to_hex"}
_ALPHABETS: Final = {"gsm": "gsm7", "iso-8859-1": "latin1", "latin1": "latin1", "ascii": "ascii", "us-ascii": "ascii"}
_PROTOCOLS: Final = {"smpp": "smpp", "emi": "ucp", "emi2": "ucp"}
_Number = tuple[str, str, type[int] | type[float]]
_OF_BOTH: Final[tuple[_Number, ...]] = (
    ("instances", "binds", int),
    ("throughput", "rate", float),
    ("reconnect-delay", "reconnect_max_s", float),
    ("wait-ack", "response_s", float),
)
#: Protocol → keys that are numbers, and ours.
_NUMBERS: Final[Mapping[str, tuple[_Number, ...]]] = {
    "smpp": (
        *_OF_BOTH,
        ("max-pending-submits", "window", int),
        ("enquire-link-interval", "enquire_link_s", float),
        ("source-addr-ton", "source_ton", int),
        ("source-addr-npi", "source_npi", int),
        ("dest-addr-ton", "dest_ton", int),
        ("dest-addr-npi", "dest_npi", int),
    ),
    "ucp": (*_OF_BOTH, ("window", "window", int), ("keepalive", "enquire_link_s", float)),
}
#: type of a TLV → ours; the values of meta-data are octets spelt as in a URL.
_TLV_TYPES: Final = {"octetstring": "string", "nulterminated": "c_string", "integer": "integer"}
_MOST_OCTETS: Final = 8
_DEFAULT_KEYWORD: Final = "default"


class _Reader:
    """One group, and which of its keys were used."""

    def __init__(self, group: Group, where: str, found: Imported) -> None:
        self._group = group
        self._where = where
        self._found = found
        self._used = set(_NEEDLESS.get(group.name, ()))

    def get(self, key: str, otherwise: str = "") -> str:
        """The value of a key, which is used thereby."""
        self._used.add(key)
        return self._group.value_by_key.get(key, otherwise)

    def number(self, key: str) -> float | None:
        """The number that a key has; what is none is told."""
        text = self.get(key)
        try:
            return float(text) if text else None
        except ValueError:
            self.leave_out(key, "is no number")
            return None

    def leave_out(self, key: str, why: str) -> None:
        """A key is used in vain."""
        line = self._group.line_by_key.get(key, self._group.line)
        self._found.leave_out(f"{self._where}:{line}", f"{self._group.name} {key}: {why}")

    def tell_unused(self) -> None:
        """Keys that nobody asked for have no counterpart."""
        for key in self._group.value_by_key:
            if key not in self._used:
                self.leave_out(key, "has no counterpart")


class KannelImport:
    """Reads files one after the other; what they say together is in `finish`."""

    def __init__(self) -> None:
        self._found = Imported()
        self._services: list[tuple[str, str, Table]] = []
        self._global_sender = ""
        self._prefixes: list[tuple[str, str]] = []
        self._operator_by_smsc: dict[str, str] = {}
        #: Those that serve what requests ask of an SMSC by name.
        self._operators_by_named_smsc: dict[str, list[str]] = {}
        #: Operators over SMPP, with the SMSC that they were.
        self._smpp_operators: list[tuple[str, Table]] = []
        #: TLVs by name, each with the SMSC that it is for; empty: for all.
        self._tlvs: list[tuple[str, str, Table]] = []
        #: Client → the SMSC that its user is bound to, and where that is said.
        self._smsc_by_client: dict[str, tuple[str, _Reader]] = {}

    def read(self, text: str, where: str) -> None:
        """Take over one file.  Raises: SettingsError."""
        read_by_group: Mapping[str, Callable[[_Reader], None]] = {
            "core": self._core,
            "smsbox": self._smsbox,
            "smsc": self._smsc,
            "sendsms-user": self._user,
            "sms-service": self._service,
            "smpp-tlv": self._tlv,
        }
        for group in groups_of(text, where):
            reader = _Reader(group, where, self._found)
            read = read_by_group.get(group.name)
            if group.name == "include":
                included = group.value_by_key.get("include", "")
                self._found.leave_out(f"{where}:{group.line}", f"include {included}: name that file too")
            elif read is None:
                self._found.leave_out(f"{where}:{group.line}", f"group {group.name}: has no counterpart")
            else:
                read(reader)
                reader.tell_unused()

    def finish(self) -> Imported:
        """Join what only all groups together say: senders, services, routes."""
        found = self._found
        for client in found.clients:
            if self._global_sender and "sender" not in client["http"]:
                client["http"]["sender"] = self._global_sender
        self._place_services()
        self._place_tlvs()
        for smsc, operators in self._operators_by_named_smsc.items():
            tags = [f"smsc:{smsc}"]
            found.routes.append({"direction": "mt", "tags": tags, "operators": list(dict.fromkeys(operators))})
        for name, (smsc, reader) in self._smsc_by_client.items():
            operator = self._operator_by_smsc.get(smsc)
            if operator is None:
                reader.leave_out("forced-smsc", f"{smsc}: no operator came of it")
            else:
                found.routes.append({"direction": "mt", "client": name, "operators": [operator]})
        names = [operator["name"] for operator in found.operators]
        for prefix, name in self._prefixes:
            found.routes.append({"direction": "mt", "to": f"{prefix}*", "operators": [name]})
        if names:
            found.routes.append({"direction": "mt", "operators": names})
        return found

    # -- groups ---------------------------------------------------------------------------------------

    def _core(self, reader: _Reader) -> None:
        """Nothing of it is ours, but for what is listed as needless."""

    def _smsbox(self, reader: _Reader) -> None:
        port = reader.get("sendsms-port")
        if port:
            self._found.listen["http"] = f"{reader.get('sendsms-interface') or '0.0.0.0'}:{port}"
        self._global_sender = reader.get("global-sender") or self._global_sender

    def _smsc(self, reader: _Reader) -> None:
        kind = reader.get("smsc")
        if kind not in _PROTOCOLS:
            reader.leave_out("smsc", f"{kind}: this gateway speaks SMPP and UCP to operators; the group is left out")
            return
        name = self._found.name(reader.get("smsc-id"), "operator")
        self._operator_by_smsc[reader.get("smsc-id")] = name
        port = reader.get("port", "2775" if kind == "smpp" else "")
        operator: Table = {
            "name": name,
            "protocol": _PROTOCOLS[kind],
            "address": f"{reader.get('host')}:{port}",
            "system_id": reader.get("smsc-username"),
            "password": reader.get("smsc-password"),
        }
        if kind == "smpp":
            self._smpp(reader, operator, port)
            self._smpp_operators.append((reader.get("smsc-id"), operator))
        elif address := reader.get("notification-addr"):
            operator["notify_address"] = address
        for key, ours, kind_of in _NUMBERS[_PROTOCOLS[kind]]:
            number = reader.number(key)
            if number is not None:
                operator[ours] = kind_of(number)
        operator.setdefault("binds", 1)
        self._profile(reader, operator)
        self._found.operators.append(operator)
        for key in ("allowed-smsc-id", "preferred-smsc-id"):
            for each in filter(None, map(str.strip, reader.get(key).split(";"))):
                self._operators_by_named_smsc.setdefault(each, []).append(name)
        for key in ("allowed-prefix", "preferred-prefix"):
            self._prefixes += [(prefix.lstrip("+"), name) for prefix in reader.get(key).split(";") if prefix]

    def _smpp(self, reader: _Reader, operator: Table, port: str) -> None:
        if system_type := reader.get("system-type"):
            operator["system_type"] = system_type
        receive_port = reader.get("receive-port")
        if reader.get("transceiver-mode").lower() not in _TRUE:
            operator["bind"] = "transmitter+receiver"
            if receive_port not in ("", "0", port):
                reader.leave_out("receive-port", "both binds go to the same port here")

    def _profile(self, reader: _Reader, operator: Table) -> None:
        """How this SMSC behaves, where it is not as most."""
        profile: Table = {}
        if base := _ID_BASES.get(reader.get("msg-id-type")):
            profile["id_base"] = base
        if charset := reader.get("alt-charset"):
            if charset.lower() in _ALPHABETS:
                profile["alphabet"] = _ALPHABETS[charset.lower()]
            else:
                reader.leave_out("alt-charset", f"{charset} is no alphabet of a profile")
        if profile:
            operator["profile"] = operator["name"]
            self._found.profiles[operator["name"]] = profile

    def _user(self, reader: _Reader) -> None:
        username = reader.get("username")
        name = self._found.name(reader.get("name") or username, "client")
        http: Table = {"username": username, "password": reader.get("password")}
        sender = reader.get("faked-sender") or reader.get("default-sender")
        if reader.get("faked-sender"):
            reader.leave_out("faked-sender", "is the sender of messages that name none; another one is not replaced")
        if sender:
            http["sender"] = sender
        # Kannel calls any address, and so do clients expect.
        callback: Table = {"format": "kannel", "allow_private": True}
        if url := reader.get("dlr-url"):
            callback["status_url"] = url
        self._found.clients.append({"name": name, "http": http, "callback": callback})
        smsc = reader.get("forced-smsc") or reader.get("default-smsc")
        if smsc:
            self._smsc_by_client[name] = (smsc, reader)

    def _tlv(self, reader: _Reader) -> None:
        """A TLV by its name, which meta-data has values for."""
        name, kind, octets = reader.get("name"), reader.get("type"), reader.get("length")
        try:
            tlv: Table = {"tag": int(reader.get("tag"), 0), "type": _TLV_TYPES[kind]}
        except (ValueError, KeyError):
            reader.leave_out("name", f"{name}: its tag is no number, or its type none of {', '.join(_TLV_TYPES)}")
            return
        if kind == "integer":
            if not octets.isdecimal() or not 0 < int(octets) <= _MOST_OCTETS:
                reader.leave_out("length", f"{octets}: an integer has 1 to {_MOST_OCTETS} octets")
                return
            tlv["octets"] = int(octets)
        self._tlvs.append((reader.get("smsc-id"), name, tlv))

    def _place_tlvs(self) -> None:
        """They are said by the profiles of the operators that they are for."""
        for smsc, operator in self._smpp_operators:
            tlvs = {name: tlv for whose, name, tlv in self._tlvs if whose in ("", smsc)}
            if tlvs:
                operator["profile"] = operator["name"]
                self._found.profiles.setdefault(operator["name"], {})["tlvs"] = tlvs

    def _service(self, reader: _Reader) -> None:
        url = reader.get("get-url")
        keywords = [reader.get("keyword"), *reader.get("aliases").split(";")]
        if not url:
            reader.leave_out("keyword", f"{keywords[0]}: only services with a get-url have a counterpart")
            return
        callback: Table = {"format": "kannel", "url": url, "allow_private": True}
        if reader.get("max-messages") == "0":
            callback["replies"] = False
        for keyword in filter(None, keywords):
            self._services.append((keyword, url, callback))

    def _place_services(self) -> None:
        """Each service is a client that is called; with one user and one URL both are the same company."""
        clients, routes = self._found.clients, self._found.routes
        urls = list(dict.fromkeys(url for _, url, _ in self._services))
        name_by_url: dict[str, str] = {}
        if len(clients) == 1 and len(urls) == 1:
            clients[0]["callback"] |= self._services[0][2]
            name_by_url[urls[0]] = clients[0]["name"]
        for keyword, url, callback in self._services:
            if url not in name_by_url:
                name_by_url[url] = self._found.name(f"service-{keyword}", "service")
                clients.append({"name": name_by_url[url], "callback": callback})
        for keyword, url, _ in sorted(self._services, key=lambda service: service[0] == _DEFAULT_KEYWORD):
            route: Table = {"direction": "mo", "client": name_by_url[url], "via": "callback"}
            if keyword != _DEFAULT_KEYWORD:
                route["keyword"] = keyword
            routes.append(route)
