"""What a client sees of a message's life."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chappe.clients.http_path import Path
from chappe.clients.http_translate import item_of
from chappe.clients.http_view import view_of
from chappe.model.ids import EPOCH_MS, first_id_at
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.store.port import Life
from chappe.wire.http.messages import NewMessage

NOW_MS = EPOCH_MS + 200_000_000_000
NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
ID = first_id_at(NOW_MS) + 5


def message(**fields: Any) -> Message:
    new = NewMessage(**{"to": "+37120000001", "text": "Hi"} | fields)
    found = item_of(new, ID, "acme", 1, NOW_MS, lambda to, source: Path("operator:three"))
    assert isinstance(found, Item)
    assert isinstance(found.content, Message)
    return found.content


def test_a_fresh_message_is_shown_as_accepted_by_its_client() -> None:
    content = message(source="SHOP", reference="r1", tags=("otp",), validity_seconds=60)

    view = view_of(Life(ID, Status.QUEUED, content), content)

    assert (view.id, view.status, view.final, view.encoding) == (str(ID), "queued", False, "gsm7")
    assert (view.to, view.source, view.reference, view.tags) == ("+37120000001", "SHOP", "r1", ("otp",))
    assert (view.operator, view.failure, view.created_at) == (None, None, NOW)
    assert view.expires_at == NOW + timedelta(seconds=60)
    assert [(each.status, each.at, each.source) for each in view.history] == [("accepted", NOW, "client")]


def test_a_failed_message_says_who_ended_it_when_and_why() -> None:
    content = message()
    sent_at, final_at = NOW + timedelta(seconds=1), NOW + timedelta(seconds=9)
    life = Life(ID, Status.FAILED, content, "three", "0a77", _us(sent_at), _us(final_at), "027")

    view = view_of(life, content)

    assert (view.status, view.final, view.operator, view.updated_at) == ("failed", True, "three", final_at)
    assert view.failure is not None
    assert (view.failure.code, view.failure.category, view.failure.permanent) == ("subscriber_absent", "handset", False)
    assert view.failure.operator_code == "027"
    assert [(each.number, each.status, each.operator_reference) for each in view.parts] == [(1, "failed", "0a77")]
    assert [(each.status, each.at, each.source, each.detail) for each in view.history] == [
        ("accepted", NOW, "client", None),
        ("sent", sent_at, "operator:three", None),
        ("failed", final_at, "operator:three", "subscriber_absent"),
    ]


def test_a_message_that_we_ended_unsent_names_the_gateway() -> None:
    content = message()
    life = Life(ID, Status.EXPIRED, content, "three", "", 0, _us(NOW), "000")

    assert view_of(life, content).history[-1].source == "gateway"


def test_each_part_of_a_long_message_has_its_status() -> None:
    content = message(text="x" * 400)
    life = Life(ID, Status.SENT, content, "three", parts=[Status.DELIVERED, Status.SENT, Status.QUEUED])

    assert [part.status for part in view_of(life, content).parts] == ["delivered", "sent", "queued"]
    assert [part.status for part in view_of(Life(ID, Status.QUEUED, content), content).parts] == ["queued"] * 3


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
