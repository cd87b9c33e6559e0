"""Bells as they are written for other processes, this release and the one before it."""

from chappe.store.postgres.bells import SOMEWHERE, read, written


def test_a_bell_names_the_place_in_each_lane() -> None:
    places = {(0, 17): 1_800_000_000_123, (2, 4): 1_800_000_000_007}

    assert read(written("operator:three", places)) == ("operator:three", places)


def test_a_bell_for_everywhere_names_no_lane() -> None:
    assert read(written("client:a|b", None)) == ("client:a|b", None)


def test_a_bell_with_more_lanes_than_fit_rings_for_everywhere() -> None:
    places = {(1, lane): 1_800_000_000_000 for lane in range(1_000)}

    assert read(written("callback:acme", places)) == ("callback:acme", None)


def test_a_bell_of_the_release_before_names_lanes_without_places() -> None:
    assert read("operator:three|0,17,2,4") == ("operator:three", {(0, 17): SOMEWHERE, (2, 4): SOMEWHERE})


def test_the_release_before_hears_a_bell_as_one_for_nobody() -> None:
    """It takes all up to the last bar for the queue, and what follows for lanes."""
    queue, _, lanes = written("operator:three", {(0, 17): 5}).rpartition("|")

    assert queue != "operator:three"
    assert lanes == ""
