"""What of a client's callbacks may be posted, and what becomes of the others: judged without a socket."""

import json
from typing import Any

import pytest

from chappe.callbacks.caller import HOPELESS, LOOK_ITEMS, Caller, Outcome
from chappe.callbacks.formats import FORMATS
from chappe.callbacks.terms import Terms
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message, Receipt
from chappe.net.http_call import Answer, Call
from chappe.rules.calling import Circuit
from chappe.runtime.batching import Gathered
from chappe.runtime.supervisor import Crash

URL = "https://shop.example/cb"
OTHER = "https://other.example/cb"
START_MS = 1_800_000_000_000
TAKEN = Answer(204)
REFUSED = Answer(500)


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def utc_us(self) -> int:
        return START_MS * 1000 + int(self.now_s * 1e6)

    def monotonic(self) -> float:
        return self.now_s


class FakeCalls:
    """Connections that note what is posted, and answer when the test says so."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.begun: list[Call] = []

    @property
    def room(self) -> int:
        return self.limit - len(self.begun)

    def begin(self, call: Call) -> None:
        self.begun.append(call)


class Scene:
    def __init__(self, **terms: Any) -> None:
        self.clock = FakeClock()
        self.ids = IdMaker(1)
        self.outcomes: Gathered[Outcome] = Gathered()
        self.crashes: Gathered[Crash] = Gathered()
        self.gone: list[str] = []
        values = {"client": "acme", "url": URL, "retry_s": (5.0, 30.0), "max_connections": 4, **terms}
        self.caller = Caller(
            Terms(**values),
            self.clock,
            {},
            self.outcomes,
            agent="chappe/test",
            wake=lambda caller: None,
            gone=lambda caller, why: self.gone.append(why),
            took=lambda client, seconds: None,
            crashed=self.crashes.add,
        )
        self.calls = FakeCalls(values["max_connections"])
        self.caller.calls = self.calls  # type: ignore[assignment]

    # -- making -------------------------------------------------------------------------------------

    def mo(self, lane: str = "") -> Item:
        number = self.ids.next(self.clock.utc_us() // 1000)
        message = Message(number, Direction.MO, "acme", "three", 1, 1, "371", 0, 1, "12345", b"HI")
        return Item("callback:acme", 0, lane, 0, number, message)

    def status(self, message_id: int, status: Status = Status.DELIVERED, url: str = "", lane: str = "") -> Item:
        at_ms = self.clock.utc_us() // 1000
        receipt = Receipt(
            message_id, "acme", status, "000", at_ms, at_ms, 1, 1, "371", 1, 1, "SHOP", b"", callback_url=url
        )
        return Item("callback:acme", 0, lane, 0, self.ids.next(at_ms), receipt)

    # -- acting -------------------------------------------------------------------------------------

    def lease(self, *items: Item) -> list[Item]:
        """As the node does; returns what is given back."""
        found = self.caller.sort(items)
        for item in found.ready:
            self.caller.prepare(item)
        self.caller.post()
        self.in_the_way = [item.id for item in found.in_the_way]
        given_back = [*found.given_back, *self.caller.returned]
        self.caller.returned = []
        return given_back

    def posted(self) -> list[list[int]]:
        """The items of each call that is under way."""
        return [[piece.item.id for piece in call.context.pieces] for call in self.calls.begun]

    def answer(self, answer: Answer) -> None:
        """The oldest call is answered."""
        self.caller.on_answer(self.calls.begun.pop(0), answer)

    def told(self) -> list[Outcome]:
        return self.outcomes.take_now()

    def break_host(self, times: int = Circuit.TRIPS_AFTER) -> None:
        """The host fails so often in a row."""
        while times:
            self.clock.now_s += 400
            self.lease(self.mo())
            self.answer(REFUSED)
            times -= 1
        self.told()


def test_callbacks_are_posted_as_far_as_there_are_connections_and_the_rest_follows() -> None:
    scene = Scene(max_connections=2)
    items = [scene.mo() for _ in range(3)]

    assert scene.lease(*items) == []
    assert scene.posted() == [[items[0].id], [items[1].id]]
    scene.answer(TAKEN)

    assert scene.posted() == [[items[1].id], [items[2].id]]
    (outcome,) = scene.told()
    assert (outcome.item, outcome.is_taken, outcome.detail) == (items[0], True, "HTTP 204")


def test_batches_hold_what_goes_to_one_url() -> None:
    scene = Scene(batch=10)
    own, other = [scene.mo(), scene.mo()], scene.status(1, url=OTHER, lane="url-1")

    scene.lease(*own, other)

    assert scene.posted() == [[item.id for item in own], [other.id]]


def test_a_refused_callback_waits_by_its_own_tries() -> None:
    scene = Scene()
    scene.lease(scene.mo())
    scene.answer(REFUSED)

    (outcome,) = scene.told()

    wait_s = outcome.due_at_ms / 1000 - scene.clock.utc_us() / 1e6
    assert not outcome.is_taken
    assert 5.0 <= wait_s <= 6.0
    assert outcome.detail == "HTTP 500"


def test_a_broken_host_gets_one_callback_and_the_others_keep_their_places() -> None:
    scene = Scene()
    scene.break_host()
    items = [scene.mo() for _ in range(5)]
    assert scene.lease(*items) == items

    scene.clock.now_s += 400
    assert scene.lease(*items) == items[1:]

    assert scene.posted() == [[items[0].id]]
    assert scene.lease(*items[1:]) == items[1:]


def test_a_broken_host_that_answers_gets_everything_again() -> None:
    scene = Scene()
    scene.break_host()
    scene.clock.now_s += 400
    scene.lease(scene.mo())
    scene.answer(TAKEN)
    items = [scene.mo() for _ in range(3)]

    assert scene.lease(*items) == []
    assert len(scene.posted()) == 3


def test_what_waits_for_a_broken_host_makes_room_for_others_of_its_lane_only() -> None:
    scene = Scene()
    scene.break_host()
    own = scene.mo()
    same_lane = scene.status(1, url=OTHER, lane="")

    assert scene.lease(own, same_lane) == []
    assert scene.in_the_way == [own.id]
    assert scene.posted() == [[same_lane.id]]
    other_lane = scene.status(2, url=OTHER, lane="url-3")
    assert scene.lease(own, other_lane) == [own]


def test_what_is_leased_when_its_host_breaks_is_given_back() -> None:
    scene = Scene(max_connections=1)
    items = [scene.mo() for _ in range(6)]
    scene.lease(*items)

    for _ in range(Circuit.TRIPS_AFTER):
        scene.answer(REFUSED)

    assert scene.posted() == []
    assert scene.caller.returned == items[Circuit.TRIPS_AFTER :]


def test_a_host_that_asks_for_a_pause_is_left_alone_for_so_long() -> None:
    scene = Scene()
    item = scene.mo()
    scene.lease(item)
    scene.answer(Answer(503, retry_after="120"))

    (outcome,) = scene.told()
    assert outcome.due_at_ms == scene.clock.utc_us() // 1000 + 120_000
    assert scene.lease(item) == [item]
    scene.clock.now_s += 121
    assert scene.lease(item) == []


def test_a_callback_that_is_too_old_is_given_up_when_it_is_refused() -> None:
    scene = Scene(give_up_after_s=3_600.0)
    item = scene.mo()
    scene.clock.now_s += 4_000
    scene.lease(item)

    scene.answer(REFUSED)

    (outcome,) = scene.told()
    assert (outcome.is_taken, outcome.due_at_ms, outcome.detail) == (False, 0, "HTTP 500")


def test_what_waited_too_long_for_a_dead_host_is_given_up_untried() -> None:
    scene = Scene(give_up_after_s=3_600.0)
    old = scene.mo()
    scene.break_host(HOPELESS)
    scene.clock.now_s += 10
    young = scene.mo()
    scene.lease(young)
    scene.calls.begun.clear()

    assert scene.lease(old, young) == [young]

    (outcome,) = scene.told()
    assert (outcome.item, outcome.due_at_ms) == (old, 0)
    assert f"failed {HOPELESS} times" in outcome.detail


def test_an_old_callback_is_tried_once_however_old_it_is() -> None:
    scene = Scene(give_up_after_s=3_600.0)
    old = scene.mo()
    scene.clock.now_s += 400_000

    assert scene.lease(old) == []

    assert scene.posted() == [[old.id]]


def test_a_clients_own_url_that_is_gone_is_left_alone_and_others_are_not() -> None:
    scene = Scene()
    first, second = scene.mo(), scene.mo()
    other = scene.status(1, url=OTHER, lane="url-1")
    scene.lease(first)
    scene.answer(Answer(410))
    (outcome,) = scene.told()
    assert outcome.due_at_ms > 0
    assert scene.gone == ["HTTP 410"]

    assert scene.lease(second, other) == [second]

    assert scene.posted() == [[other.id]]
    scene.caller.switched_on()
    assert scene.lease(second) == []


def test_a_url_that_a_message_named_and_that_is_gone_ends_its_callback() -> None:
    scene = Scene()
    scene.lease(scene.status(1, url=OTHER))

    scene.answer(Answer(410))

    (outcome,) = scene.told()
    assert (outcome.is_taken, outcome.due_at_ms) == (False, 0)
    assert scene.gone == []


@pytest.mark.parametrize("url", ["https:///x", "https://shop.example:99999/", "https://me:x@shop.example/"])
def test_a_url_that_cannot_be_called_is_given_up_and_says_why(url: str) -> None:
    scene = Scene()

    scene.lease(scene.status(1, url=url))

    (outcome,) = scene.told()
    assert outcome.due_at_ms == 0
    assert outcome.detail.startswith("its URL ")


def test_callbacks_of_one_message_go_one_after_the_other() -> None:
    scene = Scene()
    sent, buffered = scene.status(1, Status.SENT), scene.status(1, Status.BUFFERED)
    delivered, elsewhere = scene.status(1), scene.status(2)
    scene.lease(sent, buffered, delivered, elsewhere)
    assert scene.posted() == [[sent.id], [elsewhere.id]]

    scene.answer(TAKEN)
    assert scene.posted() == [[elsewhere.id], [buffered.id]]
    scene.answer(TAKEN)
    scene.answer(TAKEN)

    assert scene.posted() == [[delivered.id]]


def test_what_follows_a_refused_callback_of_its_message_waits_behind_it() -> None:
    scene = Scene()
    sent, delivered = scene.status(1, Status.SENT), scene.status(1)
    scene.lease(sent, delivered)

    scene.answer(REFUSED)

    first, second = scene.told()
    assert (first.item, second.item) == (sent, delivered)
    assert second.due_at_ms > first.due_at_ms
    assert (first.was_tried, second.was_tried) == (True, False)
    late = scene.status(1, Status.BUFFERED)
    scene.lease(late)
    (third,) = scene.told()
    assert third.due_at_ms > first.due_at_ms
    scene.clock.now_s += 10
    scene.lease(sent)
    scene.answer(TAKEN)
    scene.lease(late)
    scene.answer(TAKEN)
    scene.lease(delivered)
    assert scene.posted() == [[delivered.id]]


def test_what_follows_a_callback_that_was_given_up_goes_on() -> None:
    scene = Scene(give_up_after_s=1.0)
    sent = scene.status(1, Status.SENT)
    scene.clock.now_s += 2
    delivered = scene.status(1)
    scene.lease(sent, delivered)

    scene.answer(REFUSED)

    assert [outcome.item for outcome in scene.told()] == [sent]
    assert scene.posted() == [[delivered.id]]


def test_a_stop_gives_back_everything_that_was_not_posted() -> None:
    scene = Scene(max_connections=1)
    posted, waiting = scene.status(1, Status.SENT), scene.mo()
    follower = scene.status(1)
    scene.lease(posted, waiting, follower)

    scene.caller.is_draining = True

    assert scene.caller.wanted == 0
    assert scene.caller.unposted() == [waiting, follower]
    assert scene.caller.unposted() == []


def test_a_look_at_what_waits_takes_little() -> None:
    scene = Scene()
    assert scene.caller.wanted > LOOK_ITEMS

    scene.caller.is_waiting = True

    assert scene.caller.wanted == LOOK_ITEMS


def test_a_url_for_statuses_that_is_gone_is_the_clients_own() -> None:
    scene = Scene(status_url=OTHER)
    first, second, mo = scene.status(1), scene.status(2), scene.mo()
    scene.lease(first)
    scene.answer(Answer(410))
    assert scene.caller.off_url == OTHER

    assert scene.lease(second, mo) == []

    assert scene.in_the_way == [second.id]
    assert scene.posted() == [[mo.id]]


def test_messages_of_a_batch_are_answered_by_their_names() -> None:
    scene = Scene(batch=10)
    first, second, status = scene.mo(), scene.mo(), scene.status(1)
    scene.lease(first, second, status)
    told = [(f"msg_{second.id}", "thanks"), (f"msg_{status.id}", "no handset wrote"), ("msg_1", "who?"), ("x", "y")]
    body = json.dumps({"replies": [{"id": each, "text": text} for each, text in told]}).encode()

    scene.answer(Answer(200, body))

    assert [(outcome.item, outcome.reply) for outcome in scene.told()] == [
        (first, ""),
        (second, "thanks"),
        (status, ""),
    ]


@pytest.mark.parametrize("form", ['{"reply":{"text":"thanks"}}', '{"replies":[{"id":"msg_ID","text":"thanks"}]}'])
def test_a_batch_of_one_is_answered_either_way(form: str) -> None:
    scene = Scene(batch=10)
    only = scene.mo()
    scene.lease(only)

    scene.answer(Answer(200, form.replace("ID", str(only.id)).encode()))

    assert [outcome.reply for outcome in scene.told()] == ["thanks"]


def test_only_a_single_mo_is_answered_with_a_reply() -> None:
    scene = Scene(batch=2)
    body = b'{"reply":{"text":"thanks"}}'
    one, two, three = scene.mo(), scene.mo(), scene.mo()
    scene.lease(one)
    scene.answer(Answer(200, body))
    scene.lease(two, three)
    scene.answer(Answer(200, body))

    assert [outcome.reply for outcome in scene.told()] == ["thanks", "", ""]


def test_what_follows_a_callback_that_was_given_up_untried_goes_on_when_its_host_is_back() -> None:
    scene = Scene(give_up_after_s=3_600.0)
    sent = scene.status(1, Status.SENT)
    scene.lease(sent)
    scene.answer(REFUSED)
    scene.break_host(HOPELESS)
    scene.clock.now_s += 400
    scene.lease(scene.mo())
    scene.lease(sent)
    assert [outcome.item for outcome in scene.told()] == [sent]
    scene.answer(TAKEN)
    scene.told()
    delivered = scene.status(1)

    scene.lease(delivered)

    assert scene.told() == []
    assert scene.posted() == [[delivered.id]]


def test_what_waits_behind_a_callback_that_is_due_is_not_looked_at_again_at_once() -> None:
    scene = Scene()
    sent, delivered = scene.status(1, Status.SENT), scene.status(1)
    scene.lease(sent)
    scene.answer(REFUSED)
    scene.told()
    scene.clock.now_s += 30

    scene.lease(delivered)

    (outcome,) = scene.told()
    assert outcome.due_at_ms > scene.clock.utc_us() // 1000


def test_what_follows_a_callback_whose_url_cannot_be_called_is_told_too() -> None:
    scene = Scene()
    sent, delivered = scene.status(1, Status.SENT, "https:///nowhere"), scene.status(1, url="https:///nowhere")

    scene.lease(sent, delivered)

    assert [outcome.item for outcome in scene.told()] == [sent, delivered]


def test_a_url_that_cannot_be_called_holds_up_nothing_behind_it() -> None:
    scene = Scene(max_connections=1)
    busy, sent, delivered = scene.mo(), scene.status(1, Status.SENT, url="https:///x"), scene.status(1)
    scene.lease(busy, sent, delivered)

    scene.answer(TAKEN)

    assert scene.posted() == [[delivered.id]]


def test_what_is_given_up_untried_holds_up_nothing_behind_it() -> None:
    scene = Scene(give_up_after_s=3_600.0)
    sent = scene.status(1, Status.SENT)
    scene.lease(sent)
    scene.answer(REFUSED)
    scene.break_host(HOPELESS)
    scene.clock.now_s += 4_000
    scene.lease(scene.mo())
    scene.calls.begun.clear()
    scene.lease(sent)
    scene.told()
    scene.clock.now_s += 400
    delivered = scene.status(1)

    scene.caller.switched_on()
    scene.lease(delivered)

    assert scene.told() == []


@pytest.mark.parametrize("what", ["request", "is_taken"])
def test_a_request_that_crashes_its_reader_is_laid_aside_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    scene = Scene()
    bad, good = scene.mo(), scene.mo()

    def crash(*values: Any) -> Any:
        raise ValueError("ours")

    with monkeypatch.context() as broken:
        broken.setattr(type(FORMATS["chappe"]), what, crash)
        scene.lease(bad)
        if what == "is_taken":
            scene.answer(TAKEN)
    scene.lease(good)

    assert [found.item for found in scene.crashes.take_now()] == [bad]
    assert scene.posted() == [[good.id]]
