"""Messages that nobody handed in at a door, judged as if their client had posted them: replies, tests, demo messages.

It must never know who asks for them.
"""

from chappe.building.configured import Configured
from chappe.building.surroundings import Surroundings
from chappe.callbacks.node import Admit
from chappe.clients.demo_traffic import DemoTraffic
from chappe.clients.http_intake import Intake
from chappe.clients.resending import Resending
from chappe.conf.sending import Admit as AdmitTest
from chappe.conf.sending import TestSending
from chappe.instructions.kinds import SendTest
from chappe.model.message import Item, Message
from chappe.runtime.node import Notes
from chappe.wire.http.handsets import shown
from chappe.wire.http.messages import NewMessage
from chappe.wire.http.problems import Refusal

#: A test that a person sends has at most so many characters.
LONGEST_TEST = 5_000


class Posting:
    """What the gateway itself posts as a client."""

    def __init__(self, configured: Configured, around: Surroundings) -> None:
        self._configured = configured
        self._around = around

    def demo_traffic(self) -> DemoTraffic:
        """Messages of the first client."""
        configured = self._configured
        intake = self._intake()

        async def send(message: NewMessage) -> None:
            if configured.accounts:
                # The configuration may have changed since the last one.
                intake.forget_paths()
                await intake.take((message,), configured.accounts[0])

        return DemoTraffic(send)

    def test_sending(self) -> TestSending:
        """What people send as a client."""
        configured, around = self._configured, self._around
        resending = Resending(
            lambda name: next((each for each in configured.accounts if each.name == name), None),
            around.store.open_messages,
            lambda: configured.policy,
            configured.split_by_operator,
            configured.alphabet_by_operator,
            around.clock.monotonic,
        )

        def give_back(item: Item) -> None:
            configured.credits.give_back((item,))

        return TestSending(around.store, around.ids, around.clock, self._admit_test(), resending.judge, give_back)

    def _admit_test(self) -> AdmitTest:
        """What a person sends as a client is judged as if the client had posted it."""
        configured = self._configured

        def admit(wish: SendTest) -> Item | str:
            account = next((each for each in configured.accounts if each.name == wish.client), None)
            if account is None:
                return f"there is no client {wish.client!r}"
            if not 0 < len(wish.text) <= LONGEST_TEST:
                return f"a text has 1 to {LONGEST_TEST:,} characters"
            # Made anew each time: tests are rare, and what counts changes.
            intake = self._intake()
            judged = intake.admit(NewMessage(to=wish.to, source=wish.source or None, text=wish.text), account)
            if not isinstance(judged, Refusal):
                return judged
            return "; ".join([judged.detail, *(f"{each.pointer.lstrip('/')}: {each.detail}" for each in judged.errors)])

        return admit

    def admit_reply(self) -> Admit:
        """A client's reply to an MO is judged as if the client had posted it."""
        configured = self._configured
        intake = self._intake()

        def admit(message: Message, text: str) -> Item | str:
            new = NewMessage(to=shown(message.source_ton, message.source), source=message.dest, text=text)
            account = next((each for each in configured.accounts if each.name == message.client), None)
            if account is None:
                return f"client {message.client} is gone"
            # The configuration may have changed since the last one.
            intake.forget_paths()
            judged = intake.admit(new, account)
            return judged.detail if isinstance(judged, Refusal) else judged

        return admit

    def _intake(self) -> Intake:
        configured, around = self._configured, self._around
        return Intake(
            around.store,
            lambda: configured.policy,
            configured.path_by_operator,
            around.ids,
            around.clock,
            Notes(around.store, around.clock),
            configured.credits,
        )
