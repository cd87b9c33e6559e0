"""`chappe route explain`: what is asked, in its order, with the door's own verdict at the end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from chappe.cli import main as cli
from chappe.model.events import EventBatch, EventName
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.store.sqlite.engine import SqliteStore

ID = 4_711 << 22


async def one_message(data: Path) -> None:
    """A store with one message in it."""
    store = SqliteStore(data / "chappe.db", version="test")
    store.open()
    message = Message(ID, Direction.MT, "acme", "", 5, 0, "SHOP", 1, 1, "37120000001", b"hello")
    events = EventBatch(0)
    events.add(
        EventName.MT_ROUTED, ID, "acme", "four", "37120000001", "SHOP", detail="routes[0] old: four, four is cheap"
    )
    await store.accept([Item("operator:four", 1, "acme", 0, ID, message)], events)
    await store.close()


SETTINGS = """
[gateway]
data_dir = "{data}"
[[operators]]
name = "three"
address = "127.0.0.1:2776"
system_id = "c"
password = "p"
[[operators]]
name = "four"
address = "127.0.0.1:2777"
system_id = "c"
password = "p"
[[clients]]
name = "acme"
[clients.smpp]
system_id = "acme"
password = "p"
[[networks]]
network = "24701"
prefixes = ["37120"]
[[senders]]
from = "BANK*"
action = "refuse"
reason = "not yours"
[[senders]]
to = "1*"
kinds = ["alphanumeric"]
action = "replace"
sender = "12345"
[[blocks]]
text = "*casino*"
reason = "gambling"
[[routes]]
direction = "mt"
to = "44*"
operators = ["three"]
[[routes]]
name = "codes"
direction = "mt"
text = "*code*"
networks = ["247"]
operators = ["four"]
[[routes]]
name = "rest"
direction = "mt"
operators = ["three", "four"]
[[routes]]
direction = "mo"
to = "12345"
keyword = "VOTE"
client = "acme"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "chappe.toml"
    file.write_text(SETTINGS.format(data=tmp_path / "data"))
    return str(file)


def explained(config: str, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert cli.run(["route", "explain", "--config", config, "--json", *words]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def verdicts(found: dict[str, object]) -> list[tuple[str, str]]:
    return [(step["rule"], step["verdict"]) for step in found["steps"]]  # type: ignore[attr-defined]


def test_the_deciding_rule_and_those_passed_over_are_told_with_their_reasons(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = explained(config, capsys, "--to", "+37120000001", "--from", "SHOP", "--client", "acme", "--text", "A code")

    assert (found["outcome"], found["operators"], found["network"]) == ("goes to four", ["four"], "24701")
    assert verdicts(found) == [
        ("network", "says"),
        ("senders[0]", "passed over"),
        ("senders[1]", "passed over"),
        ("blocks", "allows"),
        ("routes[0]", "passed over"),
        ("routes[1] codes", "decides"),
        ("routes[1] codes", "chooses"),
    ]


def test_a_table_says_it_to_people(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--to", "12025550100", "--from", "SHOP", "--client", "acme", "--down", "three"]

    assert cli.run(["route", "explain", "--config", config, *words]) == 0

    told = capsys.readouterr().out
    assert ["senders[1]", "replaces", "12345"] in [line.split() for line in told.splitlines()]
    assert "does not fit: network, text" in told
    assert "four then three: three has no link" in told
    assert told.splitlines()[-1] == "goes to four"


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (["--from", "BANK"], "refused: senders[0]: not yours"),
        (["--text", "CASINO night"], "refused: blocks[0]: gambling"),
    ],
)
def test_a_refusal_is_told_with_the_rule_that_refuses(
    config: str, capsys: pytest.CaptureFixture[str], words: list[str], outcome: str
) -> None:
    found = explained(config, capsys, "--to", "+37120000001", "--client", "acme", *words)

    assert (found["taken"], found["outcome"]) == (False, outcome)


def test_a_handsets_message_is_explained_too(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--direction", "mo", "--to", "12345", "--from", "37120000001"]

    assert explained(config, capsys, *words, "--text", "vote 5")["outcome"] == "goes to acme by client:acme"
    assert "unrouted" in str(explained(config, capsys, *words, "--text", "hello")["outcome"])


def test_without_a_destination_or_a_known_id_it_says_what_is_missing(
    config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.run(["route", "explain", "--config", config]) == 1
    assert "give --to, or the id of a message" in capsys.readouterr().err

    (tmp_path / "data").mkdir()
    asyncio.run(one_message(tmp_path / "data"))

    assert cli.run(["route", "explain", "--config", config, "4711"]) == 1
    assert "no message has the id '4711'" in capsys.readouterr().err


def test_a_message_of_the_past_is_explained_with_what_was_decided_then(
    config: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    asyncio.run(one_message(tmp_path / "data"))

    found = explained(config, capsys, str(ID))

    assert (found["to"], found["from"], found["client"]) == ("37120000001", "SHOP", "acme")
    (then,) = found["then"]  # type: ignore[misc]
    assert "mt_routed: routes[0] old: four, four is cheap" in then
    assert found["outcome"] == "goes to three"
