"""Texts in national tables on their way from a client's JSON to the operator, part by part."""

from pathlib import Path

from chappe.runtime.settings_profiles import NationalLanguage, Profile
from chappe.text.reading import read
from house import journey
from web import web_house

TEXT = "Şimdi ığdır'da yağmur yağıyor, " * 6


@journey
async def test_each_part_names_the_tables_that_it_is_written_in(tmp_path: Path) -> None:
    profile = Profile(national=(NationalLanguage.TURKISH,))
    async with web_house(tmp_path, profile=profile) as (_, smsc, demo):
        answer = await demo.post({"to": "+37120000001", "text": TEXT})
        await demo.until(answer.body["id"], "delivered")

        assert answer.body["encoding"] == "gsm7"
        parts = [each.pdu for each in smsc.submitted]
        assert len(parts) == answer.body["parts"] == 2
        assert all(part.esm_class & 0x40 and part.data_coding == 0 for part in parts)
        assert "".join(read(part.short_message, 0, has_udh=True) for part in parts) == TEXT


@journey
async def test_a_transliterated_message_says_what_was_changed(tmp_path: Path) -> None:
    async with web_house(tmp_path) as (house, smsc, demo):
        answer = await demo.post({"to": "+37120000001", "text": "“Ok”", "transliterate": True})
        await house.until(lambda: smsc.submitted)

        assert answer.body["transliterated"] == [
            {"character": "“", "written": '"', "count": 1},
            {"character": "”", "written": '"', "count": 1},
        ]
        assert smsc.submitted[0].octets == b'"Ok"'
