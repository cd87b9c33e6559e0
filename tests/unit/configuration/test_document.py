"""A document says the same however it was written, and without what belongs to a box."""

from __future__ import annotations

from pathlib import Path

from chappe.configuration.document import (
    digest_of,
    document_of,
    document_of_file,
    document_of_settings,
    settings_with,
    shared_text,
    toml_of,
)
from chappe.configuration.secrets import give_secret, secret_for
from chappe.runtime.settings import Settings, load

TEXT = """# ours
[gateway]
box = "east"   # here
[[operators]]
name = "three"
address = "127.0.0.1:1"
system_id = "x"

[listen.smpp_tls]
certificate = "[a]"
key = "b"

[[routes]]  # the only one
direction = "mt"
operators = ["three"]
"""


def test_order_and_remarks_change_no_digest() -> None:
    operator = '[[operators]]\nsystem_id="x"\naddress="127.0.0.1:1"\nname="three"'
    other = f'routes = [{{operators = ["three"], direction = "mt"}}]\n{operator}'

    assert digest_of(document_of(TEXT, "x")) == digest_of(document_of(other, "y"))


def test_what_people_wrote_is_kept_without_the_tables_of_a_box() -> None:
    text = shared_text(TEXT, document_of(TEXT, "x"))

    assert "# the only one" in text
    assert "gateway" not in text
    assert "smpp_tls" not in text


def test_what_cannot_be_cut_out_is_written_anew() -> None:
    text = 'gateway.box = "b"\n[loops]\nlimit = 3\n'

    assert shared_text(text, document_of(text, "x")) == "[loops]\nlimit = 3\n"


def test_settings_come_back_from_their_document() -> None:
    demo = Settings.default()
    document = document_of_settings(demo)

    assert settings_with(document, demo, "x") == demo
    assert document_of(toml_of(document), "x") == document


def test_profiles_beside_the_file_are_part_of_the_document(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "north.toml").write_text('split = "sar"\nid_base = "hex_to_decimal"\n')
    file = tmp_path / "chappe.toml"
    file.write_text(
        TEXT.replace('system_id = "x"', 'system_id = "x"\nprofile = "north"') + '[profiles.north]\nsplit = "udh16"\n'
    )
    file.write_text(file.read_text().replace('certificate = "[a]"', 'certificate = "a"'))

    document = document_of_file(file)

    assert document["profiles"]["north"] == {"split": "udh16", "id_base": "hex_to_decimal"}
    settings = load(file)
    assert settings_with(document, settings, "x").profiles["north"] == settings.profiles["north"]


def test_a_secret_is_the_same_for_the_same_instruction_alone() -> None:
    key = b"k" * 16

    assert secret_for(key, 7, "smpp") == secret_for(key, 7, "smpp")
    assert len({secret_for(key, number, kind) for number in (7, 8) for kind in ("smpp", "token", "callback")}) == 6


def test_the_secret_before_is_kept_and_that_before_it_is_not() -> None:
    document = {"clients": [{"name": "a", "smpp": {"system_id": "a", "password": "one"}}]}

    once = give_secret(document, "a", "smpp", "two", 1_800_000_000_000_000)
    twice = give_secret(once, "a", "smpp", "three", 1_800_000_000_000_000)

    assert once["clients"][0]["smpp"]["previous_password"] == "one"
    assert twice["clients"][0]["smpp"] == {
        "system_id": "a",
        "password": "three",
        "previous_password": "two",
        "previous_password_until": "2027-01-15T08:00:00Z",
    }
