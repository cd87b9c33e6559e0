"""Words that silence and let speak again: for whom they count, whoever writes them how."""

from __future__ import annotations

import pytest

from chappe.model.ids import first_id_at
from chappe.rules.opt_outs import WORDS, OptOut, OptOutList, OptOuts, opt_out_of

SHOP = OptOutList(
    "shop",
    ("12345",),
    ("SHOP*", "12345"),
    ("acme",),
    frozenset({"stop", "стоп", "no more"}),
    frozenset({"start"}),
    "bye",
)
CODE = OptOutList("code", ("777*",), stop_words=frozenset({"stop"}), start_words=frozenset({"start"}))
HANDSET = "37120000001"


def out(
    list_: str = "shop", handset: str = HANDSET, *, is_out: bool = True, at_us: int = 1, reply_id: int = 0
) -> OptOut:
    return OptOut(list_, handset, is_out, 5, at_us, "stop", reply_id)


@pytest.mark.parametrize("text", ["STOP", " stop ", "Stop.", "“Stop!”", "СТОП", "No More"])
def test_a_word_is_heard_however_it_is_written(text: str) -> None:
    said = OptOuts([SHOP]).heard("+12345", text)

    assert said is not None
    assert said.is_out
    assert said.reply == "bye"


@pytest.mark.parametrize("text", ["STOP it", "please stop", "", "stopp", "s" * 200])
def test_a_text_that_only_has_a_word_in_it_says_nothing(text: str) -> None:
    assert OptOuts([SHOP]).heard("12345", text) is None


def test_a_word_counts_for_the_list_of_its_number() -> None:
    lists = OptOuts([SHOP, CODE])

    assert lists.heard("99999", "stop") is None
    said = lists.heard("77712", "start")
    assert said is not None
    assert (said.list.name, said.is_out, said.reply) == ("code", False, "")


def test_who_opted_out_is_silenced_toward_the_lists_senders_and_clients_alone() -> None:
    lists = OptOuts([SHOP, CODE])
    lists.learn([out()])

    assert lists.find("+37120000001", "shopping", "acme") == out()
    assert lists.find(HANDSET, "12345", "acme") == out()
    assert lists.find(HANDSET, "BANK", "acme") is None
    assert lists.find(HANDSET, "SHOP", "other") is None
    assert lists.find("37120000002", "SHOP", "acme") is None


def test_a_list_without_senders_silences_its_own_numbers() -> None:
    lists = OptOuts([CODE])
    lists.learn([out("code")])

    assert lists.find(HANDSET, "7770", "any") is not None
    assert lists.find(HANDSET, "SHOP", "any") is None


def test_one_handset_is_the_same_in_national_and_international_form() -> None:
    lists = OptOuts([CODE])
    lists.learn([out("code", "020000001")])

    assert lists.find(HANDSET, "7770", "any") is not None
    assert lists.find("37130000001", "7770", "any") is None


def test_the_later_word_counts_whichever_is_learnt_first() -> None:
    lists = OptOuts([SHOP])
    lists.learn([out(at_us=1), out(at_us=3, is_out=False), out(at_us=2)])

    assert lists.find(HANDSET, "SHOP", "acme") is None
    assert lists.known_until_us == 3

    lists.learn([out(at_us=4)])

    assert lists.find(HANDSET, "SHOP", "acme") is not None


def test_the_answer_to_stop_alone_may_still_leave() -> None:
    lists = OptOuts([SHOP])
    lists.learn([out(reply_id=77)])

    assert lists.find(HANDSET, "SHOP", "acme", message_id=77) is None
    assert lists.find(HANDSET, "SHOP", "acme", message_id=78) is not None


def test_what_is_stored_names_the_message_and_its_moment() -> None:
    said = OptOuts([SHOP]).heard("12345", "STOP")
    assert said is not None
    message_id = first_id_at(1_800_000_000_000)

    stored = opt_out_of(said, "+37120000001", message_id, 9)

    assert stored == OptOut("shop", HANDSET, True, message_id, 1_800_000_000_000_000, "stop", 9)


def test_every_language_has_words_both_ways_and_none_that_says_both() -> None:
    for stop_words, start_words in WORDS.values():
        assert stop_words
        assert start_words
        assert not {*stop_words} & {*start_words}
        assert all(word == word.casefold() for word in (*stop_words, *start_words))
