"""Every event of a message has words for people."""

from chappe.cli.message import WORDS
from chappe.model.events import EventName

#: Prefixes of events that belong to one message.
OF_MESSAGES = ("mt_", "mo_", "dr_", "callback_")


def test_every_event_of_a_message_is_told_in_words() -> None:
    of_messages = {each.value for each in EventName if each.value.startswith(OF_MESSAGES)}

    assert of_messages <= set(WORDS)
    assert set(WORDS) <= {each.value for each in EventName}
