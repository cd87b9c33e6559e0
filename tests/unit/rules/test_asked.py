"""How a message says in whose words, of which outcomes and where its client wants to hear of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.rules.asked import ALL_OUTCOMES, Asked, Outcome, Words, asked_of, outcome_of, wants
from chappe.rules.match import host_of, wants_sending, wants_told


def message(callback_url: str, registered_delivery: int = 0x11) -> Message:
    return Message(
        1,
        Direction.MT,
        "acme",
        "",
        5,
        0,
        "SHOP",
        1,
        1,
        "37120000001",
        b"hi",
        registered_delivery=registered_delivery,
        is_called_back=True,
        callback_url=callback_url,
    )


@given(
    st.sampled_from(["", "http://h/dlr?d=%d&u=kannel-1-GET-0:x", "https://h:8/"]),
    st.sampled_from(Words),
    st.integers(0, 31),
    st.sampled_from(["GET", "POST"]),
    st.integers(0, 3),
    st.sampled_from(["", "tariff=5&a%3Ab=GET-0&"]),
)
def test_what_was_asked_is_read_as_it_was_written(
    url: str, words: Words, outcomes: int, method: str, level: int, meta_data: str
) -> None:
    asked = Asked(url, words, Outcome(outcomes), method, level, meta_data)

    assert asked_of(str(asked)) == asked


def test_a_bare_url_asks_for_everything_in_the_clients_own_words() -> None:
    assert asked_of("http://h/cb") == Asked("http://h/cb", Words.OWN, ALL_OUTCOMES, "GET", 0)


@pytest.mark.parametrize(
    ("status", "was_sent", "outcome"),
    [
        (Status.DELIVERED, True, Outcome.DELIVERED),
        (Status.FAILED, True, Outcome.FAILED),
        (Status.EXPIRED, True, Outcome.FAILED),
        (Status.EXPIRED, False, Outcome.REFUSED),
        (Status.REJECTED, False, Outcome.REFUSED),
        (Status.CANCELLED, False, Outcome.REFUSED),
        (Status.SENT, True, Outcome.SENT),
        (Status.BUFFERED, True, Outcome.BUFFERED),
        (Status.UNKNOWN, True, Outcome.BUFFERED),
    ],
)
def test_each_status_is_one_outcome(status: Status, was_sent: bool, outcome: Outcome) -> None:
    assert outcome_of(status, was_sent=was_sent) is outcome
    assert wants(str(Asked("http://h/", Words.KANNEL, outcome)), status, was_sent=was_sent)
    others = ALL_OUTCOMES & ~outcome & ~(Outcome.FAILED if outcome is Outcome.REFUSED else 0)
    assert not wants(str(Asked("http://h/", Words.KANNEL, others)), status, was_sent=was_sent)


def test_a_client_hears_only_of_the_outcomes_that_its_message_asked_for() -> None:
    failures = message(str(Asked("http://h/", Words.KANNEL, Outcome.FAILED)))

    assert wants_told(failures, Status.FAILED)
    assert not wants_told(failures, Status.DELIVERED)
    assert not wants_sending(failures)
    assert wants_sending(message(str(Asked("http://h/", Words.KANNEL, Outcome.SENT))))
    assert not wants_sending(message(str(Asked("http://h/", Words.KANNEL, Outcome.SENT)), 0x01))


def test_a_host_is_the_same_in_whoever_s_words_it_is_called() -> None:
    assert host_of("kannel-31-GET-0:http://H:80/dlr") == host_of("http://h:80/other") == "http://h:80"
