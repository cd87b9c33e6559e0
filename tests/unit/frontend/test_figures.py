"""What two looks at the metrics tell."""

from __future__ import annotations

from chappe.frontend.figures import Sample, curve, events_named, latency, pace, ratio, read_metrics, thinned

PAGE = """
chappe_messages_total{direction="mt",event="mt_sent",client="acme",operator="three"} 30.0
chappe_messages_total{direction="mt",event="mt_sent",client="acme",operator="three",node="b"} 12.0
chappe_submit_seconds_bucket{operator="three",le="0.1"} 5.0
chappe_submit_seconds_bucket{operator="three",le="+Inf"} 10.0
chappe_queue_messages{queue="x"} 4.0
"""


def sample(at: float, sent: float, delivered: float = 0.0, failed: float = 0.0) -> Sample:
    counts = {("mt_sent", "acme", "three"): sent, ("mt_delivered", "acme", "three"): delivered}
    return Sample(at, {**counts, ("mt_failed", "acme", "three"): failed})


def test_samples_of_several_nodes_are_added_up() -> None:
    counts, buckets = read_metrics(PAGE)

    assert counts == {("mt_sent", "acme", "three"): 42.0}
    assert buckets["submit", "three"] == {0.1: 5.0, float("inf"): 10.0}


def test_a_pace_is_that_of_the_last_seconds() -> None:
    samples = [sample(0, 0), sample(90, 9_000), sample(95, 9_010), sample(100, 9_020)]

    assert pace(samples, events_named("mt_sent")) == 2.0


def test_a_counter_that_fell_belongs_to_a_gateway_that_was_started_anew() -> None:
    assert pace([sample(0, 5_000), sample(10, 20)], events_named("mt_sent")) == 2.0


def test_nothing_is_told_before_the_second_sample() -> None:
    assert pace([sample(0, 5)], events_named("mt_sent")) == 0.0
    assert ratio([sample(0, 5)]) is None
    assert latency([sample(0, 5)], "submit", None, 0.5) is None


def test_a_share_is_of_what_ended() -> None:
    assert ratio([sample(0, 0, 0, 0), sample(10, 9, 3, 1)]) == 0.75


def test_a_curve_has_a_point_for_each_step_and_none_before_the_first_sample() -> None:
    samples = [sample(at, at * 5.0) for at in range(50, 101, 10)]

    assert curve(samples, events_named("mt_sent"), 10, 100.0) == [0.0] * 4 + [0.0] + [5.0] * 5


def test_a_quarter_of_an_hour_is_kept_in_a_hundred_samples() -> None:
    samples: list[Sample] = []
    for second in range(0, 900, 2):
        samples = thinned([*samples, sample(second, second)])

    assert len(samples) < 100
    assert [each.at for each in samples[-10:]] == [float(second) for second in range(880, 900, 2)]
    assert pace(samples, events_named("mt_sent"), within_s=600.0) == 1.0


def test_keys_of_many_samples_are_the_same_objects() -> None:
    (one,), (other,) = read_metrics(PAGE)[0], read_metrics(PAGE)[0]

    assert one is other
