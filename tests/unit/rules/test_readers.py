import pytest

from chappe.rules.readers import why_unread


@pytest.mark.parametrize(
    ("queue", "why"),
    [
        ("operator:three", ""),
        ("operator:old", "operator old is not in the settings, and no route takes its messages"),
        ("client:acme", ""),
        ("client:gone", "client gone is not in the settings"),
        ("callback:gone", "client gone is not in the settings"),
        ("route", ""),
        ("service:votes", ""),
    ],
)
def test_a_queue_is_unread_when_its_reader_is_gone_from_the_settings(queue: str, why: str) -> None:
    assert why_unread(queue, ["three"], ["acme"]) == why
