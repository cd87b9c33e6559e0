"""The configuration changes while the gateway runs: what is touched follows, what is not never notices."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from chappe.configuration.document import tables_of, toml_of
from chappe.instructions.file import Instructions
from chappe.instructions.kinds import (
    AddClient,
    AddOperator,
    AddRoute,
    ApplyConfiguration,
    Approve,
    CancelMessage,
    ChangeClient,
    ChangeOperator,
    Instruction,
    PauseOperator,
    RemoveClient,
    RemoveOperator,
    RemoveRoute,
    ResetLink,
    ResumeOperator,
    Rollback,
    RotateClientSecret,
    SetProfile,
    SetRoute,
    SetSection,
)
from chappe.instructions.outcome import Outcome, State
from chappe.model.errors import SettingsError
from chappe.operators.ucp_node import OperatorUcpNode
from chappe.runtime.settings import Settings
from chappe.runtime.settings_client_doors import ClientHttp
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import SubmitSm
from house import House, Raw, bound, client, journey, mo, mt, operator, settings_of, small_house
from ports import free_port

HELLO = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hello", registered_delivery=1)


class Asker:
    """Asks a gateway and waits in its loop."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.instructions = Instructions.for_command(house.settings.gateway.data_path)

    async def ask(self, instruction: Instruction, person: str = "ada") -> Outcome:
        number = self.instructions.ask(instruction, person)
        return await self.outcome(number)

    async def outcome(self, number: int) -> Outcome:
        def came() -> bool:
            asked = self.instructions.find(number)
            return asked is not None and asked.state is not State.WAITING

        await self._house.until(came)
        outcome = self.instructions.find(number).outcome  # type: ignore[union-attr]
        assert outcome is not None
        return outcome

    async def do(self, instruction: Instruction, person: str = "ada") -> Outcome:
        outcome = await self.ask(instruction, person)
        assert outcome.state is State.DONE, outcome
        return outcome


@asynccontextmanager
async def asked(tmp_path: Path, **terms: Any) -> AsyncIterator[tuple[House, SmscSimulator, Asker]]:
    async with small_house(tmp_path, **terms) as (house, smsc):
        yield house, smsc, Asker(house)


def table(port: int, name: str) -> dict[str, Any]:
    keys = {"system_id": "chappe", "password": "secret", "binds": 1, "reconnect_min_s": 0.05, "reconnect_max_s": 0.2}
    return {"name": name, "address": f"127.0.0.1:{port}", **keys}


@journey
async def test_an_operator_is_added_used_and_removed_while_sessions_of_others_stay(tmp_path: Path) -> None:
    async with SmscSimulator(SmscOptions()) as other, asked(tmp_path) as (house, smsc, asker), bound(house) as demo:
        await asker.do(AddOperator(operator=table(other.port, "other")))
        await asker.do(AddRoute(route={"direction": "mt", "to": "371*", "operators": ["other"]}, place=0))
        await demo.ask(HELLO)
        await demo.until(lambda: demo.received)
        assert (len(other.submitted), len(smsc.submitted)) == (1, 0)

        await asker.do(RemoveRoute(place=0))
        outcome = await asker.do(RemoveOperator(name="other"))
        assert not other.links
        await demo.ask(HELLO)
        await demo.until(lambda: len(demo.received) == 2)

        assert len(smsc.submitted) == 1
        assert smsc.binds == 1, "its link never went down"
        assert len(house.events("client_bound")) == 1, "nor did the client's"
        assert outcome.version == 5
        assert [each.name for each in house.gateway.watching.status().operators] == ["sim"]


@journey
async def test_rate_window_and_links_change_without_binding_anew(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, smsc, asker):
        outcome = await asker.do(ChangeOperator(name="sim", changes={"rate": 50, "window": 7, "binds": 2}))
        await house.until(lambda: sum(each.is_ready for each in smsc.links) == 2)
        node = house.gateway.operators[0]

        assert smsc.binds == 2, "the first link stayed up"
        assert node.rate == 50
        assert node.links.links[0].sender.session.room == 7  # type: ignore[union-attr]
        assert "~ operators.sim.binds: 1 -> 2" in outcome.told

        await asker.do(ChangeOperator(name="sim", changes={"binds": 1, "rate": None}))
        await house.until(lambda: len(node.links.links) == 1)
        assert sum(each.is_ready for each in smsc.links) == 1
        assert smsc.binds == 2


@journey
async def test_an_address_counts_at_the_next_connection_or_at_once_when_links_are_reset(tmp_path: Path) -> None:
    async with SmscSimulator(SmscOptions()) as new, asked(tmp_path) as (house, smsc, asker):
        await asker.do(ChangeOperator(name="sim", changes={"address": f"127.0.0.1:{new.port}"}))
        assert (len(smsc.links), new.binds) == (1, 0)

        await asker.do(ResetLink("sim"))
        await house.until(lambda: new.binds == 1)
        assert not any(each.is_ready for each in smsc.links)

        change = ChangeOperator(name="sim", changes={"address": f"127.0.0.1:{smsc.port}"}, resets_links=True)
        await asker.do(change)
        await house.until(lambda: smsc.binds == 2)


def unmoved(house: House) -> dict[str, str]:
    return house.gateway.watching.status().unmoved


@journey
async def test_what_no_link_survives_waits_until_somebody_resets_the_links(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, smsc, asker), bound(house) as demo:
        other = ChangeOperator(name="sim", changes={"bind": "transmitter+receiver", "rate": 50})
        outcome = await asker.ask(other)
        assert (outcome.state, outcome.version) == (State.PARTLY, 2)
        assert "bind counts when they are bound anew, with: chappe instruct reset_link sim" in str(outcome.unmoved)
        assert "bind counts" in ",".join(house.events("conf_applied")[-1])
        assert (unmoved(house), house.gateway.operators[0].rate) == (outcome.unmoved, 50)
        back = await asker.ask(Rollback(version=1))
        assert (back.state, unmoved(house)) == (State.DONE, {}), "it is again as it was"
        again = await asker.ask(Rollback(version=2))
        rate = await asker.ask(ChangeOperator(name="sim", changes={"rate": 60}))
        assert again.unmoved == rate.unmoved == unmoved(house) == outcome.unmoved
        assert (smsc.binds, house.gateway.operators[0].rate) == (1, 60), "its link never went down"
        await demo.ask(HELLO)
        await demo.until(lambda: demo.received)

        await asker.do(ResetLink("sim"))
        await house.until(lambda: smsc.binds == 3)
        assert unmoved(house) == {}
        await asker.do(Rollback(version=1, resets_links=True))
        await house.until(lambda: smsc.binds == 4)
        await demo.ask(HELLO)
        await demo.until(lambda: len(demo.received) == 2)
        assert len(house.events("client_bound")) == 1


@journey
async def test_a_whole_configuration_binds_anew_only_whom_it_dials_otherwise(tmp_path: Path) -> None:
    async with SmscSimulator(SmscOptions()) as other, asked(tmp_path) as (house, smsc, asker):
        await asker.do(AddOperator(operator=table(other.port, "other")))
        await house.until(lambda: other.binds == 1)
        document = tables_of(await house.gateway.versions.newest())  # type: ignore[arg-type]
        for each in document["operators"]:
            each["rate"] = 70
            if each["name"] == "other":
                each["bind"] = "transmitter+receiver"

        kept = await asker.ask(ApplyConfiguration(toml=toml_of(document)))
        assert list(kept.unmoved) == ["operator:other"]
        assert (smsc.binds, other.binds) == (1, 1)

        document["operators"][0]["rate"] = 80
        document["operators"][-1]["system_type"] = "SMS"
        await asker.do(ApplyConfiguration(toml=toml_of(document), resets_links=True))
        await house.until(lambda: other.binds == 3)
        assert smsc.binds == 1


@journey
async def test_another_protocol_counts_when_the_links_are_reset(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, smsc, asker), bound(house) as demo:
        changes = {"protocol": "ucp", "rate": 50, "address": f"127.0.0.1:{free_port()}"}
        outcome = await asker.ask(ChangeOperator(name="sim", changes=changes))
        assert "protocol counts when they are bound anew" in str(outcome.unmoved)
        await demo.ask(HELLO)
        await demo.until(lambda: demo.received)
        assert (smsc.binds, house.gateway.operators[0].rate) == (1, 0), "it stays what it was as a whole"

        await asker.do(ResetLink("sim"))
        assert isinstance(house.gateway.operators[0], OperatorUcpNode)
        assert not any(each.is_ready for each in smsc.links)


@journey
async def test_who_could_not_follow_is_asked_again_until_its_cause_is_gone(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, smsc, asker):
        with closing(socket.create_server(("127.0.0.1", 0))) as held:
            listen = f"127.0.0.1:{held.getsockname()[1]}"
            api = {
                "url": "http://127.0.0.1:1/",
                "listen": listen,
                "username": "ada",
                "password": "x",
                "secret": "of-the-caller-1",
            }
            keys = {"name": "web", "protocol": "http", "profile": "kannel", "http": api}
            outcome = await asker.ask(AddOperator(operator=keys))
            assert (outcome.state, list(outcome.unmoved)) == (State.PARTLY, ["operator:web"]), outcome
            await house.gateway.follow_again()
            assert unmoved(house) == outcome.unmoved
            assert len(house.events("conf_applied")) == 1, "nothing new, so nothing is told"

        await house.gateway.follow_again()
        assert unmoved(house) == {}
        assert [each.name for each in house.gateway.operators] == ["sim", "web"]
        assert house.events("conf_applied")[-1][-1] == "version 2 once more"
        assert smsc.binds == 1


@journey
async def test_a_paused_operator_is_sent_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, smsc, asker), bound(house) as demo:
        await asker.do(PauseOperator(name="sim"))
        await demo.ask(HELLO)
        await asyncio.sleep(0.2)
        assert (len(smsc.submitted), house.depth("operator:sim")) == (0, 1)
        assert smsc.links[0].is_ready

        await asker.do(ResumeOperator(name="sim"))
        await demo.until(lambda: demo.received)


@journey
async def test_a_client_comes_changes_and_goes_while_others_stay_bound(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, _, asker), bound(house) as demo:
        door = {"system_id": "new", "password": "secret"}
        await asker.do(AddClient(client={"name": "new", "smpp": door}))
        raw = await Raw.bound(house.port, "new")
        await asker.do(ChangeClient(name="new", changes={"rate": 5, "smpp": {"window": 9}}))
        account = next(each for each in house.gateway.accounts if each.name == "new")
        assert (account.throttle.rate, account.window, len(account.peers)) == (5, 9, 1)
        assert await raw.is_alive()

        await asker.do(RemoveClient(name="new"))
        command_id, *_ = await raw.read()
        assert command_id == 0x6, "it was told to unbind"
        assert len(house.events("client_bound")) == 2
        assert await demo.ask(HELLO)
        assert [each.name for each in house.gateway.watching.status().clients] == ["demo"]


@journey
async def test_a_new_secret_is_told_once_and_the_old_one_is_good_for_a_while(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, _, asker), bound(house):
        outcome = await asker.do(RotateClientSecret(client="demo", secret="smpp", overlap_s=3600))

        assert len(outcome.secret) == 8
        (await Raw.bound(house.port, "demo", outcome.secret)).close()
        (await Raw.bound(house.port, "demo", "secret")).close()
        assert not any(outcome.secret in line for line in outcome.told)

        await asker.do(RotateClientSecret(client="demo", secret="smpp", overlap_s=0))
        with pytest.raises(AssertionError, match="bind refused with 0xe"):
            await Raw.bound(house.port, "demo", "secret")


@journey
async def test_what_is_wrong_changes_nothing_and_says_why(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, _, asker):
        for instruction, fault in [
            (SetRoute(place=0, route={"direction": "mt", "operators": ["symm"]}), "no operator is named 'symm'"),
            (RemoveOperator(name="sim"), "no operator is named 'sim'"),
            (RemoveOperator(name="smi"), "no operator is named 'smi'; did you mean 'sim'?"),
            (ChangeOperator(name="sim", changes={"windw": 5}), "did you mean 'window'?"),
            (AddOperator(operator=table(1, "sim")), "there is already an operator 'sim'"),
            (RemoveRoute(place=9), "there is no routes[9]"),
            (ApplyConfiguration(toml="[[operators"), "is not TOML"),
            (SetSection(section="gateway", tables={}), "stays in the file of each box"),
            (Rollback(version=7), "there is no version 7"),
            (PauseOperator(name="sim", base=7), "version 1 came meanwhile"),
            (RotateClientSecret(client="demo", secret="token"), "has no [clients.http]"),
            (CancelMessage(4711), "there is no message 4711"),
            (ResetLink("nobody"), "no operator 'nobody'"),
        ]:
            outcome = await asker.ask(instruction)
            assert outcome.state is State.FAILED
            assert fault in outcome.fault
        assert house.gateway.version == 1
        assert house.events("conf_applied") == []


@journey
async def test_a_rollback_makes_an_earlier_version_count_again_as_a_new_one(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, _, asker):
        first = await asker.do(ChangeOperator(name="sim", changes={"rate": 50}))
        back = await asker.do(Rollback(version=1))

        assert (back.version, back.after) == (3, first.before)
        assert house.gateway.operators[0].rate == 0
        assert house.gateway.settings.operators == house.settings.operators


@journey
async def test_a_change_that_needs_a_second_person_waits_for_one(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, _, asker):
        await asker.do(SetSection(section="conf", tables={"approvals": ["routes"]}))
        number = asker.instructions.ask(AddRoute(route={"direction": "mt", "to": "44*", "operators": ["sim"]}), "ada")
        assert (await asker.outcome(number)).needs_approval == ("routes",)
        assert house.gateway.version == 2

        assert "somebody else" in (await asker.ask(Approve(number), "ada (as root)")).fault
        approved = await asker.do(Approve(number), "bob")

        assert (approved.version, approved.approved_by) == (3, "bob")
        found = asker.instructions.find(number)
        assert found is not None
        assert (found.state, found.outcome and found.outcome.approved_by) == (State.DONE, "bob")
        unlocked = await asker.ask(SetSection(section="conf", tables={}))
        assert unlocked.needs_approval == ("conf",), "nobody lifts the rule alone"


@journey
async def test_a_profile_is_followed_by_the_operators_that_name_it(tmp_path: Path) -> None:
    async with asked(tmp_path) as (house, smsc, asker), bound(house) as demo:
        await asker.do(SetProfile(name="hex", profile={"id_base": "hex_to_decimal", "split": "sar"}))
        await asker.do(ChangeOperator(name="sim", changes={"profile": "hex"}))
        long = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"x" * 200)
        await demo.ask(long)
        await house.until(lambda: len(smsc.submitted) == 2)

        assert all(each.pdu.esm_class & 0x40 == 0 for each in smsc.submitted), "cut by its TLVs now"
        assert smsc.binds == 1


@journey
async def test_a_new_token_opens_the_http_door_at_once(tmp_path: Path) -> None:
    async with asked(tmp_path, clients=[client(http=ClientHttp(token="first-token"))]) as (house, _, asker):
        outcome = await asker.do(RotateClientSecret(client="demo", secret="token", overlap_s=0))

        assert (await status(house, "first-token"), await status(house, outcome.secret)) == (401, 200)


async def status(house: House, token: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.http_port)
    head = f"GET /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


def two(folder: Path, name: str) -> Settings:
    return settings_of(folder, [operator(free_port(), name)], (), [mt(name), mo()])


@journey
async def test_versions_outlive_the_process_and_a_file_that_changed_is_a_new_one(tmp_path: Path) -> None:
    before = two(tmp_path, "old")
    async with House(before) as house:
        assert house.gateway.version == 1
    async with House(before) as house:
        assert (house.gateway.version, house.gateway.said) == (1, "")
    async with House(two(tmp_path, "new")) as house:
        assert house.gateway.version == 2
        assert "is version 2 of the configuration now" in house.gateway.said


@journey
async def test_a_file_and_a_configuration_that_both_changed_are_told_and_nothing_is_guessed(tmp_path: Path) -> None:
    before, after = two(tmp_path, "old"), two(tmp_path, "new")
    async with House(before) as house:
        await Asker(house).do(ChangeOperator(name="old", changes={"rate": 50}))
    async with House(before) as house:
        assert (house.gateway.version, house.gateway.operators[0].rate) == (2, 50)

    refused = House(after)
    with pytest.raises(SettingsError, match=r"version 2, change_operator old by ada.*--take file"):
        await refused.gateway.start()
    await refused.gateway.store.close()
