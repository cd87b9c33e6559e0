"""The metrics of one box in Prometheus' form.

Fed once per event block and per commit, never per message; gauges are read when somebody scrapes.  It must never
know a node: the assembly gives it functions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from chappe.model.events import EventName
from chappe.model.ids import made_at_ms
from chappe.observe.histogram import LONG_S, SHORT_S, Histogram
from chappe.observe.status import CertificateStatus, CopyStatus, OperatorStatus
from chappe.store.port import Block, QueueDepth

#: The first parts of event names that say which way a message goes; other events go no way.
_DIRECTIONS: Final = frozenset({"mt", "mo", "dr"})

#: Where an `mt_sent` line tells its id, client and operator.
_SENT: Final = b",mt_sent,"
#: Lines of other operators that are looked at before the search for one is given up.
_SENT_LOOKS: Final = 100


class Readings:
    """What is read anew for each scrape."""

    __slots__ = ("certificates", "configuration", "copies", "disagreeing", "operators", "parked", "queues")

    def __init__(
        self,
        *,
        queues: Callable[[], list[QueueDepth]],
        operators: Callable[[], list[OperatorStatus]],
        copies: Callable[[], list[CopyStatus]],
        parked: Callable[[], int],
        certificates: Callable[[], list[CertificateStatus]] = list,
        configuration: Callable[[], int] = lambda: 0,
        disagreeing: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.disagreeing = disagreeing
        self.configuration = configuration
        self.queues = queues
        self.operators = operators
        self.copies = copies
        self.parked = parked
        self.certificates = certificates


class Metrics(Collector):
    """Everything that `/metrics` tells."""

    def __init__(self, readings: Readings, *, version: str, run: int) -> None:
        self._readings = readings
        self._version = version
        self._run = str(run)
        self._messages: dict[tuple[str, str, str], int] = {}
        self._submits: dict[str, Histogram] = {}
        self._receipts: dict[str, Histogram] = {}
        self._store: dict[str, Histogram] = {}
        self._callbacks: dict[str, Histogram] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    # -- what happens -------------------------------------------------------------------------------

    def on_block(self, block: Block) -> None:
        """Fold one block's events.  The first message of an operator speaks for all that it took in the block."""
        messages = self._messages
        sent: dict[str, int] = {}
        for key, count in block.counts.items():
            messages[key] = messages.get(key, 0) + count
            if key[0] == EventName.MT_SENT:
                sent[key[2]] = sent.get(key[2], 0) + count
        for operator, count in sent.items():
            self._on_sent(block, operator, count)

    def _on_sent(self, block: Block, operator: str, count: int) -> None:
        message_id = _first_sent(block.lines, operator.encode())
        if message_id:
            waited_s = max(0.0, block.at_us / 1_000_000 - made_at_ms(message_id) / 1000)
            _of(self._submits, operator, LONG_S).add(waited_s, count)

    def on_receipts(self, operator: str, waited_s: float, count: int) -> None:
        """`count` reports moved messages in one commit; the first of them came after `waited_s`."""
        _of(self._receipts, operator, LONG_S).add(max(0.0, waited_s), count)

    def on_call(self, verb: str, took_s: float) -> None:
        """One commit that held calls of this verb."""
        _of(self._store, verb, SHORT_S).add(took_s)

    def on_callback(self, client: str, took_s: float) -> None:
        """A client has taken a callback."""
        _of(self._callbacks, client, LONG_S).add(took_s)

    # -- what is told -------------------------------------------------------------------------------

    def text(self) -> bytes:
        """The page that Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All metrics; called by the registry."""
        yield self._node_info()
        number = self._readings.configuration()
        yield _gauge("chappe_conf_version", "The version of the configuration that this process goes by.", number)
        yield self._events()
        yield from self._queues()
        yield from self._links()
        yield from self._copies()
        if self._readings.certificates():
            yield from self._certificates()
        yield _gauge(
            "chappe_receipts_parked", "Delivery reports that match no message so far.", self._readings.parked()
        )
        yield self._disagreeing()
        for name, help_text, label, histograms in (
            (
                "chappe_submit_seconds",
                "From a message's acceptance to the operator's yes to it.",
                "operator",
                self._submits,
            ),
            (
                "chappe_receipt_seconds",
                "From the operator's yes to its delivery report.",
                "operator",
                self._receipts,
            ),
            ("chappe_callback_seconds", "How long a client took to take a callback.", "client", self._callbacks),
            ("chappe_store_seconds", "How long a commit took that held calls of this verb.", "verb", self._store),
        ):
            yield _histograms(name, help_text, label, histograms)

    def _node_info(self) -> Metric:
        info = GaugeMetricFamily("chappe_node_info", "1; the labels say what runs.", labels=("version", "run"))
        info.add_metric((self._version, self._run), 1)
        return info

    def _events(self) -> Metric:
        family = CounterMetricFamily(
            "chappe_messages_total",
            "Events of messages, reports and links since the start.",
            labels=("direction", "event", "client", "operator"),
        )
        for (event, client, operator), count in sorted(self._messages.items()):
            direction = event.partition("_")[0]
            family.add_metric((direction if direction in _DIRECTIONS else "", event, client, operator), count)
        return family

    def _queues(self) -> Iterable[Metric]:
        messages = GaugeMetricFamily("chappe_queue_messages", "Items that wait in a queue.", labels=("queue",))
        oldest = GaugeMetricFamily(
            "chappe_queue_oldest_seconds", "Age of the oldest item in a queue.", labels=("queue",)
        )
        for depth in self._readings.queues():
            messages.add_metric((depth.queue,), depth.messages)
            oldest.add_metric((depth.queue,), depth.oldest_s)
        return messages, oldest

    def _links(self) -> Iterable[Metric]:
        labels = ("operator", "link")
        is_up = GaugeMetricFamily("chappe_link_up", "1 while the link is bound.", labels=labels)
        window = GaugeMetricFamily("chappe_window_used", "PDUs in flight on a link.", labels=labels)
        for operator in self._readings.operators():
            for link in operator.links:
                is_up.add_metric((operator.name, str(link.link)), int(link.state == "up"))
                window.add_metric((operator.name, str(link.link)), link.window_used)
        return is_up, window

    def _certificates(self) -> Iterable[Metric]:
        left = GaugeMetricFamily(
            "chappe_certificate_expires_seconds", "How long a TLS door's certificate is still good.", labels=("door",)
        )
        for each in self._readings.certificates():
            left.add_metric((each.door,), each.expires_in_s)
        return (left,)

    def _disagreeing(self) -> Metric:
        family = GaugeMetricFamily(
            "chappe_receipts_disagreeing",
            "Receipts of the last 15 minutes that match nothing, of operators where these are the more.",
            labels=("operator",),
        )
        for operator, parked in self._readings.disagreeing().items():
            family.add_metric((operator,), parked)
        return family

    def _copies(self) -> Iterable[Metric]:
        behind = GaugeMetricFamily(
            "chappe_copy_behind_blocks", "Event blocks that a copy has not noted as safe yet.", labels=("copy",)
        )
        for copy in self._readings.copies():
            behind.add_metric((copy.name,), copy.behind_blocks)
        return (behind,)


def _first_sent(lines: bytes, operator: bytes) -> int:
    """The id of the first message that the operator took; 0 when it is not found soon."""
    at = 0
    for _ in range(_SENT_LOOKS):
        at = lines.find(_SENT, at)
        if at < 0:
            return 0
        at += len(_SENT)
        message_id, _, named, *_ = lines[at : at + 100].split(b",", 3)
        if named == operator:
            return int(message_id)
    return 0


def _of(histograms: dict[str, Histogram], label: str, bounds: tuple[float, ...]) -> Histogram:
    histogram = histograms.get(label)
    if histogram is None:
        histogram = histograms[label] = Histogram(bounds)
    return histogram


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _histograms(name: str, help_text: str, label: str, histograms: dict[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, help_text, labels=(label,))
    for value, histogram in sorted(histograms.items()):
        family.add_metric((value,), histogram.buckets(), sum_value=histogram.sum)
    return family
