"""Latencies: the first passage of each message, from two ledgers on one clock."""

from chappe.sim.latency import Spread, latency
from chappe.sim.ledger import Entry, Kind

MS = 1_000_000


def test_percentiles_of_durations() -> None:
    spread = Spread.of([number * MS for number in range(1, 101)])

    assert (spread.count, spread.p50_ms, spread.p90_ms, spread.p99_ms, spread.max_ms) == (100, 51.0, 91.0, 100.0, 100.0)
    assert spread.as_text() == "p50 51 · p90 91 · p99 100 · max 100 ms"
    assert Spread.of([]) == Spread()


def test_each_way_of_a_life_is_measured() -> None:
    client = [
        Entry(0, Kind.OPENED, detail="role=client"),
        Entry(10 * MS, Kind.SENT, "a"),
        Entry(13 * MS, Kind.ACCEPTED, "a", "77"),
        Entry(25 * MS, Kind.RECEIPT, "", "77", detail="stat=ENROUTE"),
        Entry(30 * MS, Kind.RECEIPT, "", "77", detail="stat=DELIVRD"),
        Entry(90 * MS, Kind.RECEIPT, "", "77", detail="stat=DELIVRD"),
    ]
    smsc = [
        Entry(0, Kind.OPENED, detail="role=smsc"),
        Entry(15 * MS, Kind.SUBMIT, "a", "1"),
        Entry(22 * MS, Kind.RECEIPT, "a", "1", detail="stat=DELIVRD"),
    ]

    measured = latency([client, smsc])

    assert measured.response.p50_ms == 3.0
    assert measured.to_smsc.p50_ms == 5.0
    assert measured.receipt.p50_ms == 8.0
    assert measured.life.p50_ms == 20.0
    assert (measured.began_ns, measured.ended_ns) == (10 * MS, 30 * MS)


def test_nothing_is_measured_where_nothing_went() -> None:
    measured = latency([[], []])

    assert (measured.life.count, measured.began_ns, measured.ended_ns) == (0, 0, 0)
