"""What two looks at the gateway's metrics tell: rates, shares, latencies.  Pure.

Counters that fall belong to a gateway that was started anew: what they say then happened since.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

from chappe.observe.status import BoxStatus

_LINE: Final = re.compile(r"^(chappe_(?:messages_total|submit_seconds_bucket|receipt_seconds_bucket))\{(.*)\} (\S+)$")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

#: Event, client, operator.
Key = tuple[str, str, str]
#: Upper bound in seconds → how many were at most that.
Buckets = dict[float, float]

#: Samples lie close together for so long, and then so far apart.
DENSE_S: Final = 60.0
SPARSE_S: Final = 14.0

ENDS: Final = ("mt_delivered", "mt_failed", "mt_expired", "mt_cancelled")


@dataclass(frozen=True, slots=True)
class Sample:
    """The gateway at one moment (monotonic seconds); `box` is None and `fault` says why when it did not answer."""

    at: float
    counts: dict[Key, float] = field(default_factory=dict)
    #: Metric and operator → its buckets.
    buckets: dict[tuple[str, str], Buckets] = field(default_factory=dict)
    box: BoxStatus | None = None
    fault: str = ""


def read_metrics(text: str) -> tuple[dict[Key, float], dict[tuple[str, str], Buckets]]:
    """The counters and histograms that pages show; samples of several nodes are added up."""
    counts: defaultdict[Key, float] = defaultdict(float)
    buckets: defaultdict[tuple[str, str], defaultdict[float, float]] = defaultdict(lambda: defaultdict(float))
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        if found[1] == "chappe_messages_total":
            counts[_counter_of(found[2])] += float(found[3])
        else:
            name, operator, bound = _bucket_of(found[1], found[2])
            buckets[name, operator][bound] += float(found[3])
    return dict(counts), {key: dict(each) for key, each in buckets.items()}


@lru_cache(maxsize=100_000)
def _counter_of(labels: str) -> Key:
    """The key of a counter: one object for all samples, which are many."""
    told = dict(_LABEL.findall(labels))
    return told["event"], told["client"], told["operator"]


@lru_cache(maxsize=20_000)
def _bucket_of(metric: str, labels: str) -> tuple[str, str, float]:
    told = dict(_LABEL.findall(labels))
    return metric.removeprefix("chappe_").removesuffix("_seconds_bucket"), told["operator"], float(told["le"])


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """The samples that are worth keeping: all of the last minute, before that one for each step of a curve."""
    kept: list[Sample] = []
    for sample in samples:
        is_near = samples[-1].at - sample.at <= DENSE_S
        if is_near or not kept or sample.at - kept[-1].at >= SPARSE_S:
            kept.append(sample)
    return kept


def gained(before: float, after: float) -> float:
    """How much a counter grew."""
    return after if after < before else after - before


def total(sample: Sample, fits: Callable[[Key], bool]) -> float:
    """The sum of the counters that fit."""
    return sum(value for key, value in sample.counts.items() if fits(key))


def growth(samples: Sequence[Sample], fits: Callable[[Key], bool]) -> float:
    """By how much the counters that fit grew from the first sample to the last."""
    if len(samples) < 2:
        return 0.0
    first, last = samples[0].counts, samples[-1].counts
    return sum(gained(first.get(key, 0.0), value) for key, value in last.items() if fits(key))


def pace(samples: Sequence[Sample], fits: Callable[[Key], bool], within_s: float = 10.0) -> float:
    """How many a second, over the last seconds."""
    recent = since(samples, within_s)
    span = recent[-1].at - recent[0].at if len(recent) > 1 else 0.0
    return growth(recent, fits) / span if span > 0 else 0.0


def since(samples: Sequence[Sample], within_s: float) -> Sequence[Sample]:
    """The samples of the last seconds, with the one before them as what growth is counted from."""
    if not samples:
        return samples
    edge = samples[-1].at - within_s
    start = next((place for place, each in enumerate(samples) if each.at >= edge), 0)
    return samples[max(0, start - (1 if start == len(samples) - 1 else 0)) :]


def curve(samples: Sequence[Sample], fits: Callable[[Key], bool], points: int, within_s: float) -> list[float]:
    """Rates over the last seconds, oldest first, in so many steps."""
    if not samples:
        return [0.0] * points
    end, step = samples[-1].at, within_s / points
    sums, spans = [0.0] * points, [0.0] * points
    for before, after in pairwise(samples):
        place = points - 1 - int((end - after.at) / step)
        if 0 <= place < points:
            sums[place] += growth((before, after), fits)
            spans[place] += after.at - before.at
    rates = [grown / span if span > 0 else None for grown, span in zip(sums, spans, strict=True)]
    # A step between two samples has the rate of the one that follows, unless it is of before the first.
    after_it = 0.0
    for place in range(points - 1, -1, -1):
        is_known = end - (points - 1 - place) * step > samples[0].at
        after_it = rates[place] if rates[place] is not None else after_it if is_known else 0.0  # type: ignore[assignment]
        rates[place] = after_it
    return [each or 0.0 for each in rates]


def ratio(samples: Sequence[Sample], operator: str | None = None, client: str | None = None) -> float | None:
    """The share of messages that ended as delivered; None where none ended."""

    def of(*events: str) -> float:
        return growth(
            samples,
            lambda key: key[0] in events and operator in (None, key[2]) and client in (None, key[1]),
        )

    ended = of(*ENDS)
    return of("mt_delivered") / ended if ended else None


def latency(samples: Sequence[Sample], name: str, operators: Iterable[str] | None, share: float) -> float | None:
    """The time in seconds within which that share came; None where nothing did.  Bounds are those of the buckets."""
    if len(samples) < 2:
        return None
    first, last = samples[0].buckets, samples[-1].buckets
    wanted = None if operators is None else set(operators)
    grown: defaultdict[float, float] = defaultdict(float)
    for key, buckets in last.items():
        if key[0] == name and (wanted is None or key[1] in wanted):
            before = first.get(key, {})
            for bound, value in buckets.items():
                grown[bound] += gained(before.get(bound, 0.0), value)
    return _quantile(sorted(grown.items()), share)


def _quantile(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    if not buckets or buckets[-1][1] <= 0:
        return None
    wanted, low, below = buckets[-1][1] * share, 0.0, 0.0
    for bound, value in buckets:
        if value >= wanted:
            if bound == float("inf"):
                return low
            inside = (wanted - below) / (value - below) if value > below else 1.0
            return low + (bound - low) * inside
        low, below = bound, value
    return low


def events_named(*names: str, client: str | None = None, operator: str | None = None) -> Callable[[Key], bool]:
    """Whether a counter is of one of these events, and of that client or operator where one is named."""
    wanted = frozenset(names)
    return lambda key: key[0] in wanted and client in (None, key[1]) and operator in (None, key[2])
