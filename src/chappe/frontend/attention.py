"""What needs a person, with its cause in words: judged from the gateway's status and its last events.  Pure.

It must never know where they come from, nor which page shows it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from chappe.observe.status import BoxStatus, LinkStatus, unmoved_of
from chappe.rules.learn import learn

#: A queue's oldest message is told from this age on, and a certificate this long before its end.
OLD_S: Final = 60.0
EXPIRES_SOON_S: Final = 30 * 86_400
SILENT_S: Final = 5.0
LATE_BLOCKS: Final = 10_000
#: What an event says counts for so long.
FRESH_S: Final = 300.0

#: SMPP 3.4 §5.1.3: what a refused bind most likely means.
_BIND_WORDS: Final = {
    "ESME_RINVPASWD": "wrong password",
    "ESME_RINVSYSID": "unknown system_id",
    "ESME_RBINDFAIL": "bind refused: system_id, password, address or number of binds",
    "ESME_RALYBND": "it says that we are bound already: too many binds",
    "ESME_RSYSERR": "its own system is in trouble",
    "ESME_RINVSYSTYP": "wrong system_type",
    "ESME_RTHROTTLED": "too many attempts, it asks for a slower pace",
}
_NETWORK_WORDS: Final = (
    ("refused", "connection refused: nothing listens there, or a firewall answers; check address and port"),
    ("timed out", "no answer: a firewall, a wrong address, or the machine is down"),
    ("timeout", "no answer: a firewall, a wrong address, or the machine is down"),
    ("name or service not known", "its name is not known: check the address, or DNS"),
    ("nodename nor servname", "its name is not known: check the address, or DNS"),
    ("no route to host", "no way to its network: check VPN and routing"),
    ("network is unreachable", "no way to its network: check VPN and routing"),
    ("certificate", "its certificate is not trusted, or ours is not"),
    ("reset", "it closed the connection: often an address that it does not know"),
)


class Level(IntEnum):
    """How much it matters."""

    NOTE = 0
    WARNING = 1
    ALARM = 2


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that needs a person.  `page` names a page of ours and `hint` says what helps."""

    level: Level
    title: str
    cause: str
    hint: str = ""
    page: str = ""
    argument: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is judged: `fault` says why the gateway did not answer."""

    box: BoxStatus | None
    fault: str = ""
    events: Sequence[Mapping[str, str]] = ()
    failed_callbacks: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    #: Operator → pairs (handset, id) of what was lately sent and what is parked.
    sent: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    parked: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)


def troubles(known: Known) -> list[Trouble]:
    """Everything that needs a person, the worst first."""
    if known.box is None:
        return [
            Trouble(
                Level.ALARM,
                "The gateway does not answer",
                known.fault,
                "What was accepted is safe. Start it with: chappe up",
            )
        ]
    found = [*_box(known.box), *_links(known.box), *_of_events(known, known.box), *_waiting(known, known.box)]
    return sorted(found, key=lambda each: -each.level)


def is_fresh(event: Mapping[str, str], now: datetime) -> bool:
    """Whether an event counts still."""
    at = datetime.fromisoformat(event["time"]).replace(tzinfo=UTC)
    return (now - at).total_seconds() < FRESH_S


# -- the box ------------------------------------------------------------------------------------------


def _box(box: BoxStatus) -> Iterator[Trouble]:
    if box.store.is_away:
        yield Trouble(
            Level.ALARM,
            "The store is away",
            f"Nothing can be written to {box.store.path or 'the store'}: clients and operators are asked to try again",
            "Look at disk space, rights and the machine of the database; it goes on by itself when the store is back",
        )
    elif box.state != "running":
        yield Trouble(Level.WARNING, f"The box is {box.state}", "It takes no traffic until it runs")
    for node in box.nodes:
        if node.state not in ("running", "drained", "draining", "starting") and not box.store.is_away:
            yield Trouble(Level.ALARM, f"Node {node.name} is {node.state}", "Its process does not run")
        elif node.state in ("drained", "draining"):
            yield Trouble(Level.NOTE, f"Node {node.name} is {node.state}", "Somebody asked it to")
    for run in box.fleet:
        if run.silent_s >= SILENT_S:
            yield Trouble(
                Level.ALARM,
                f"Node {run.node} on {run.box} is silent",
                f"Nothing was heard of it for {run.silent_s:.0f} s",
            )
    for name, why in unmoved_of(box):
        kind, _, operator = name.partition(" on ")[0].partition(":")
        is_asked = "reset_link" in why
        yield Trouble(
            Level.NOTE if is_asked else Level.WARNING,
            f"{name.replace(':', ' ', 1)} does not follow the configuration",
            why,
            "Bind its links anew, on its page, when that suits" if is_asked else "It is tried again each minute",
            *(("operator", operator) if kind == "operator" else ()),
        )
    for certificate in box.certificates:
        if certificate.fault:
            yield Trouble(Level.ALARM, f"Certificate of {certificate.door} was not loaded", certificate.fault)
        elif certificate.expires_in_s < EXPIRES_SOON_S:
            days = int(certificate.expires_in_s // 86_400)
            told = f"ends in {days} days" if days > 0 else "has expired, or ends today"
            yield Trouble(
                Level.WARNING if days > 3 else Level.ALARM,
                f"Certificate of {certificate.door} {told}",
                f"{certificate.subject}, {certificate.expires_at}",
                "Put a new one in its place: it is read at once",
            )
    for copy in box.copies:
        if copy.fault or copy.behind_blocks > LATE_BLOCKS:
            yield Trouble(
                Level.WARNING, f"The copy {copy.name} is late", copy.fault or f"{copy.behind_blocks:,} blocks behind"
            )


# -- links --------------------------------------------------------------------------------------------


def _links(box: BoxStatus) -> Iterator[Trouble]:
    for operator in box.operators:
        down = [each for each in operator.links if each.state != "up"]
        # A link that was never tried, or rests on purpose, says nothing yet.
        told = [each for each in down if each.reason]
        if not operator.links or not told:
            continue
        is_all = len(down) == len(operator.links)
        which = "has no link" if is_all else f"has {len(down)} of {len(operator.links)} links down"
        worst = max(told, key=lambda each: each.since_s)
        yield Trouble(
            Level.ALARM if is_all else Level.WARNING,
            f"Operator {operator.name} {which}",
            in_words(worst.reason),
            f"Down for {_span(worst)}; it is tried again by itself",
            "operator",
            operator.name,
        )


def in_words(reason: str) -> str:
    """Why a link is down, first in plain words, then as it was said."""
    for name, words in _BIND_WORDS.items():
        if name in reason:
            return f"bind refused: {words} ({name})" if not words.startswith("bind") else f"{words} ({name})"
    lower = reason.lower()
    for part, words in _NETWORK_WORDS:
        if part in lower:
            return f"{words} ({reason})"
    return reason


def _span(link: LinkStatus) -> str:
    seconds = int(link.since_s)
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7_200 else f"{seconds // 3600} h"


# -- events -------------------------------------------------------------------------------------------


def _of_events(known: Known, box: BoxStatus) -> Iterator[Trouble]:
    by_name: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    for event in known.events:
        if is_fresh(event, known.now):
            by_name[event["event"]].append(event)
    yield from _throttled(by_name["throttled"])
    yield from _refused(by_name["mt_rejected"])
    yield from _callbacks(box, by_name["callback_deferred"] + by_name["callback_failed"], known)
    yield from _strangers(by_name["bind_refused"])
    yield from _disagreeing(by_name["receipts_disagree"], by_name["receipts_agree"])
    if by_name["mo_unrouted"]:
        many = len(by_name["mo_unrouted"])
        yield Trouble(
            Level.WARNING,
            f"No route for {_messages(many)} from handsets",
            f"They wait for a route; the last one was sent to {by_name['mo_unrouted'][-1]['number']}",
            "Add a route in the direction mo",
            "routes",
        )


def _throttled(events: Sequence[Mapping[str, str]]) -> Iterator[Trouble]:
    for operator, many in Counter(each["operator"] for each in events).items():
        last = next(each for each in reversed(events) if each["operator"] == operator)
        is_full = "QFUL" in last["detail"]
        yield Trouble(
            Level.WARNING,
            f"Operator {operator} throttles us",
            f"{'Its queue is full' if is_full else 'It asks for a slower pace'}: {many} times ({last['detail']})",
            "Messages wait and are sent again; set the operator's rate to what was agreed",
            "operator",
            operator,
        )


def _disagreeing(lost: Sequence[Mapping[str, str]], found: Sequence[Mapping[str, str]]) -> Iterator[Trouble]:
    ends = {each["operator"]: each["time"] for each in found}
    for operator, last in {each["operator"]: each for each in lost}.items():
        if ends.get(operator, "") < last["time"]:
            yield Trouble(
                Level.ALARM,
                f"Receipts of {operator} no longer match",
                f"It writes ids otherwise than its profile says, or brings what is not ours: {last['detail']}",
                "What its traffic proves is put into its profile by: chappe profile learn --apply",
                "receipts",
                link=operator,
            )


def _refused(events: Sequence[Mapping[str, str]]) -> Iterator[Trouble]:
    by_cause: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    for event in events:
        by_cause[_cause(event["detail"])].append(event)
    for cause, of_it in by_cause.items():
        last, clients = of_it[-1], sorted({each["client"] for each in of_it if each["client"]})
        who = f"of {', '.join(clients[:3])}" if clients else ""
        if cause == "no route":
            yield Trouble(
                Level.ALARM,
                f"No route for {_messages(len(of_it))} {who}".strip(),
                f"They were refused: no route takes them; the last one was for {last['msisdn'] or 'an empty number'}",
                "Ask which rule would decide, and add one",
                "explain",
                last["msisdn"],
            )
        else:
            yield Trouble(Level.NOTE, f"{_messages(len(of_it))} {who} refused".replace("  ", " "), last["detail"])


def _cause(detail: str) -> str:
    lower = detail.lower()
    if "no_route" in lower or "no route" in lower:
        return "no route"
    return re.split(r"[;:,(]", detail, maxsplit=1)[0].strip()[:60] or "refused"


def _callbacks(box: BoxStatus, events: Sequence[Mapping[str, str]], known: Known) -> Iterator[Trouble]:
    last = {each["client"]: each for each in events}
    for client in box.clients:
        event = last.pop(client.name, None)
        if client.callbacks == "off":
            yield Trouble(
                Level.ALARM,
                f"Callbacks of {client.name} are switched off",
                "Its web server answered 410, which says that the address is gone",
                "Enable them when the client says that it is back",
                "held",
            )
        elif client.callbacks == "failing" or event is not None:
            yield Trouble(
                Level.WARNING,
                f"Callbacks of {client.name} fail",
                event["detail"] if event is not None else "its web server does not take them",
                "They are posted again for days; the client's web server must answer with 2xx",
                "client",
                client.name,
            )
    if known.failed_callbacks:
        yield Trouble(
            Level.WARNING,
            f"{known.failed_callbacks:,} callbacks were given up",
            "Clients did not take them for days",
            "Post them again when their web server is well",
            "held",
        )


def _strangers(events: Sequence[Mapping[str, str]]) -> Iterator[Trouble]:
    by_client = Counter((each["client"], each["detail"].rpartition(" ")[2]) for each in events)
    for (client, status), many in by_client.most_common(3):
        last = next(each for each in reversed(events) if each["client"] == client)
        yield Trouble(
            Level.NOTE,
            f"{client or 'Somebody unknown'} could not sign in, {many} times",
            f"{_BIND_WORDS.get(status, 'refused')}: {last['detail']}",
            "",
            "client" if client else "",
            client,
        )


# -- what waits ---------------------------------------------------------------------------------------


def _waiting(known: Known, box: BoxStatus) -> Iterator[Trouble]:
    if box.held:
        yield Trouble(
            Level.WARNING,
            f"{_messages(box.held)} held",
            "Nobody knows whether they were sent, or they end whoever works on them: a person decides",
            "Send them again, or give them up",
            "held",
        )
    if box.parked:
        yield _parked(known, box.parked)
    for queue in box.queues:
        if queue.messages and queue.cause:
            yield Trouble(
                Level.WARNING,
                f"Nobody reads the queue {queue.queue}",
                f"{_messages(queue.messages)}: {queue.cause}",
                "Bring its reader back, or end what waits there",
                "held",
            )
        elif queue.messages and queue.oldest_s >= OLD_S:
            yield Trouble(
                Level.NOTE,
                f"{_messages(queue.messages)} in {queue.queue}",
                f"The oldest has waited for {int(queue.oldest_s // 60)} min",
            )


def _parked(known: Known, many: int) -> Trouble:
    for operator, parked in known.parked.items():
        findings = learn(known.sent.get(operator, ()), parked)
        best = max(findings, key=lambda each: each.agree - 10 * each.contradict, default=None)
        if best is not None and best.agree:
            told = " ".join(f"{key} = {value}" for key, value in best.conversion.settings.items())
            return Trouble(
                Level.ALARM,
                f"{many:,} receipts of {operator} match nothing",
                f"{conversion_in_words(best.conversion.settings)}: {best.agree} of them would match",
                f"Set {told} in its profile, then match them again",
                "receipts",
            )
    return Trouble(
        Level.WARNING,
        f"{many:,} receipts match no message",
        "Their ids were never given to us, or are written in another way",
        "Ask the receipt doctor",
        "receipts",
    )


def conversion_in_words(settings: Mapping[str, str | bool]) -> str:
    """How ids differ between response and receipt."""
    base = settings.get("id_base")
    if base == "hex_to_decimal":
        return "ids look hexadecimal in the response and decimal in the receipt"
    if base == "decimal_to_hex":
        return "ids look decimal in the response and hexadecimal in the receipt"
    if settings.get("id_ignores_case"):
        return "ids differ in upper and lower case"
    if settings.get("id_ignores_zeros"):
        return "ids differ in leading zeros"
    return "ids are written in another way"


def _messages(many: int) -> str:
    return f"{many:,} message{'s' if many != 1 else ''}"
