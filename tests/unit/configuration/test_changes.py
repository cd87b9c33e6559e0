"""What instructions make of a document; the one that is given never changes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from chappe.configuration.changes import changed
from chappe.instructions.kinds import (
    AddClient,
    AddRoute,
    AllowIds,
    ApplyConfiguration,
    Change,
    ChangeClient,
    ChangeOperator,
    MoveRoute,
    RemoveClient,
    RemoveProfile,
    RemoveRoute,
    SetProfile,
    SetRoute,
    SetRoutes,
    SetSection,
)
from chappe.model.errors import SettingsError

BEFORE: dict[str, Any] = {
    "operators": [{"name": "three", "rate": 5, "tls": {"verify": False, "ca": "x"}}],
    "clients": [{"name": "acme"}],
    "routes": [{"to": "1*"}, {"to": "2*"}, {"to": "3*"}],
}


@pytest.mark.parametrize(
    ("change", "section", "after"),
    [
        (
            ChangeOperator(name="three", changes={"rate": None}),
            "operators",
            [{"name": "three", "tls": {"verify": False, "ca": "x"}}],
        ),
        (
            ChangeOperator(name="three", changes={"tls": {"ca": None, "key": "k"}}),
            "operators",
            [{"name": "three", "rate": 5, "tls": {"verify": False, "key": "k"}}],
        ),
        (
            AddClient(client={"name": "b", "http": {"token": None}}),
            "clients",
            [{"name": "acme"}, {"name": "b", "http": {}}],
        ),
        (
            ChangeClient(name="acme", changes={"http": {"token": "t"}}),
            "clients",
            [{"name": "acme", "http": {"token": "t"}}],
        ),
        (RemoveClient(name="acme"), "clients", []),
        (AddRoute(route={"to": "9*"}), "routes", [{"to": "1*"}, {"to": "2*"}, {"to": "3*"}, {"to": "9*"}]),
        (AddRoute(route={"to": "9*"}, place=1), "routes", [{"to": "1*"}, {"to": "9*"}, {"to": "2*"}, {"to": "3*"}]),
        (SetRoute(route={"to": "9*"}, place=1), "routes", [{"to": "1*"}, {"to": "9*"}, {"to": "3*"}]),
        (MoveRoute(place=2, to=0), "routes", [{"to": "3*"}, {"to": "1*"}, {"to": "2*"}]),
        (MoveRoute(place=0, to=2), "routes", [{"to": "2*"}, {"to": "3*"}, {"to": "1*"}]),
        (RemoveRoute(place=1), "routes", [{"to": "1*"}, {"to": "3*"}]),
        (SetRoutes(routes=({"to": "9*"},)), "routes", [{"to": "9*"}]),
        (SetProfile(name="p", profile={"split": "sar"}), "profiles", {"p": {"split": "sar"}}),
        (SetSection(section="prices", tables=[{"operator": "three"}]), "prices", [{"operator": "three"}]),
        (ApplyConfiguration(toml='[gateway]\nbox = "b"\n[[clients]]\nname = "z"'), "clients", [{"name": "z"}]),
    ],
)
def test_a_change_touches_what_it_names(change: Change, section: str, after: object) -> None:
    before = deepcopy(BEFORE)

    assert changed(before, change)[section] == after
    assert before == BEFORE


def test_a_section_that_is_set_to_nothing_is_no_longer_there() -> None:
    with_prices = changed(BEFORE, SetSection(section="prices", tables=[{"operator": "three"}]))

    assert changed(with_prices, SetSection(section="prices", tables=[])) == BEFORE


def test_what_belongs_to_a_box_is_left_out_of_what_is_applied() -> None:
    assert changed(BEFORE, ApplyConfiguration(toml='[gateway]\nbox = "b"\n[listen]\nsmpp = "x"')) == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (ChangeOperator(name="thre", changes={}), "no operator is named 'thre'; did you mean 'three'?"),
        (AddClient(client={"name": "acme"}), "there is already a client 'acme'"),
        (AddRoute(route={}, place=7), "place 7: expected 0 to 3"),
        (MoveRoute(place=0, to=3), r"there is no routes\[3\]: there are 3, counted from 0"),
        (RemoveProfile(name="p"), "no profile of the configuration is named 'p'"),
        (SetSection(section="routes", tables=[]), r"\[routes\] is not one to be set whole"),
    ],
)
def test_what_cannot_be_changed_is_told(change: Change, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        changed(BEFORE, change)


PROVED: dict[str, Any] = {"operator": "three", "agree": 30, "id_base": "hex_to_decimal"}


def test_what_traffic_proved_of_ids_goes_into_the_profile_of_the_operator() -> None:
    after = changed({"operators": [{"name": "three"}]}, AllowIds(**PROVED))

    assert after["profiles"] == {"default": {"id_base": "hex_to_decimal"}}
    assert after["operators"] == [{"name": "three"}]


def test_a_profile_that_others_share_stays_as_it_is() -> None:
    before = {
        "operators": [{"name": "three", "profile": "p"}, {"name": "four", "profile": "p"}],
        "profiles": {"p": {"id_ignores_case": True}, "three": {}},
    }

    after = changed(before, AllowIds(operator="three", agree=20, id_ignores_zeros=True))

    assert after["operators"][0]["profile"] == "three-2"
    assert after["profiles"] == {**before["profiles"], "three-2": {"base": "p", "id_ignores_zeros": True}}


def test_both_bases_are_proved_where_the_other_one_was_said() -> None:
    before = {"operators": [{"name": "three", "profile": "p"}], "profiles": {"p": {"id_base": "decimal_to_hex"}}}

    assert changed(before, AllowIds(**PROVED))["profiles"]["p"] == {"id_base": "either"}


@pytest.mark.parametrize("doubt", [{"agree": 19}, {"contradict": 1}])
def test_less_than_proof_alters_nothing(doubt: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="20 that agree"):
        changed({"operators": [{"name": "three"}]}, AllowIds(**{**PROVED, **doubt}))
