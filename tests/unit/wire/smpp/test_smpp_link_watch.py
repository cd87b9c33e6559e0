from chappe.wire.smpp.link_watch import Due, LinkWatch


def test_a_silent_link_is_probed_and_then_given_up() -> None:
    watch = LinkWatch(0.0, probe_after_s=30.0, patience_s=10.0)

    assert watch.tick(29.9) is None
    assert watch.tick(30.0) is Due.PROBE
    assert watch.tick(39.9) is None
    assert watch.tick(40.0) is Due.LOST


def test_whatever_the_peer_sends_is_life() -> None:
    watch = LinkWatch(0.0, probe_after_s=30.0, patience_s=10.0)
    assert watch.tick(30.0) is Due.PROBE

    watch.heard(35.0)

    assert watch.tick(40.0) is None
    assert watch.deadline() == 65.0
    assert watch.tick(65.0) is Due.PROBE


def test_a_probe_that_left_late_is_waited_for_from_then_on() -> None:
    watch = LinkWatch(0.0, probe_after_s=30.0, patience_s=10.0)

    assert watch.tick(100.0) is Due.PROBE
    assert watch.deadline() == 110.0


def test_without_a_probe_a_link_is_never_given_up() -> None:
    watch = LinkWatch(0.0, probe_after_s=0.0, patience_s=10.0)

    assert watch.deadline() is None
    assert watch.tick(1e9) is None
