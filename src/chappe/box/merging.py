"""Puts together what the processes of a box show: one page of metrics, one status.  Pure.

It must never know how a process is asked.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from chappe.observe.status import BoxStatus, CertificateStatus, ClientStatus, CopyStatus, NodeStatus, OperatorStatus

#: What tells of the store as a whole, the same in every process: one of them is enough.
_OF_THE_STORE: Final = ("chappe_queue_messages", "chappe_queue_oldest_seconds", "chappe_receipts_parked")


class KeptNode:
    """What the box knows of one process by itself."""

    __slots__ = ("is_up", "pid", "restarts", "state")

    def __init__(self, state: str, *, is_up: bool, restarts: int, pid: int = 0) -> None:
        self.state = state
        self.pid = pid
        self.is_up = is_up
        self.restarts = restarts


class _Page(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def merged_metrics(text_by_node: Mapping[str, str], kept: Mapping[str, KeptNode]) -> bytes:
    """One page: every sample bears the name of its node, but for what tells of the store as a whole."""
    families: dict[str, Metric] = {}
    for node, text in text_by_node.items():
        for family in text_string_to_metric_families(text):
            if family.name in _OF_THE_STORE:
                families.setdefault(family.name, family)
                continue
            into = families.get(family.name)
            if into is None:
                into = families[family.name] = Metric(family.name, family.documentation, family.type)
            for sample in family.samples:
                into.samples.append(sample._replace(labels={"node": node, **sample.labels}))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page([*families.values(), *_of_the_box(kept)]))
    return generate_latest(registry)


def _of_the_box(kept: Mapping[str, KeptNode]) -> Iterator[Metric]:
    is_up = GaugeMetricFamily("chappe_node_up", "1 while the node's process takes traffic.", labels=("node",))
    restarts = CounterMetricFamily(
        "chappe_node_restarts_total", "Starts of a node's process after it had ended.", labels=("node",)
    )
    for name, node in kept.items():
        is_up.add_metric((name,), int(node.is_up))
        restarts.add_metric((name,), node.restarts)
    yield is_up
    yield restarts


def merged_status(status_by_node: Mapping[str, BoxStatus], kept: Mapping[str, KeptNode], box: BoxStatus) -> BoxStatus:
    """The box as a whole; `box` says what nobody else knows, and stands where no process answers."""
    told = list(status_by_node.values())
    if not told:
        return _with(box, nodes=_nodes(kept))
    first = told[0]
    return _with(
        first,
        version=box.version,
        box=box.box,
        state=box.state,
        uptime_s=box.uptime_s,
        nodes=_nodes(kept),
        operators=_operators(told),
        clients=_clients(told),
        copies=_copies(status_by_node),
        certificates=_certificates(told),
        events_per_second=_sums(told),
        unmoved={name: why for status in told for name, why in status.unmoved.items()},
    )


def _nodes(kept: Mapping[str, KeptNode]) -> list[NodeStatus]:
    return [NodeStatus(name, each.state, each.pid) for name, each in kept.items()]


def _with(status: BoxStatus, **changes: object) -> BoxStatus:
    return msgspec.structs.replace(status, **changes)


def _operators(told: list[BoxStatus]) -> list[OperatorStatus]:
    """All links of an operator, whichever processes hold them; numbered anew where two bear one number."""
    links: dict[str, OperatorStatus] = {}
    for status in told:
        for operator in status.operators:
            known = links.setdefault(operator.name, OperatorStatus(operator.name, []))
            after = len(known.links)
            known.links.extend(msgspec.structs.replace(each, link=after + each.link) for each in operator.links)
    return list(links.values())


def _clients(told: list[BoxStatus]) -> list[ClientStatus]:
    clients: dict[str, ClientStatus] = {}
    for status in told:
        for each in status.clients:
            known = clients.get(each.name, ClientStatus(each.name, 0, 0))
            clients[each.name] = ClientStatus(
                each.name,
                known.binds + each.binds,
                max(known.open_messages, each.open_messages),
                known.callbacks or each.callbacks,
            )
    return list(clients.values())


def _certificates(told: list[BoxStatus]) -> list[CertificateStatus]:
    """Each door once: processes that share one show the same files."""
    by_door = {each.door: each for status in told for each in status.certificates}
    return [by_door[door] for door in sorted(by_door)]


def _copies(status_by_node: Mapping[str, BoxStatus]) -> list[CopyStatus]:
    return [
        CopyStatus(f"{each.name} of {node}", each.behind_blocks, each.fault)
        for node, status in status_by_node.items()
        for each in status.copies
    ]


def _sums(told: list[BoxStatus]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for status in told:
        for event, pace in status.events_per_second.items():
            sums[event] = sums.get(event, 0.0) + pace
    return dict(sorted(sums.items(), key=lambda each: -each[1]))
