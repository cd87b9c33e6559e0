"""At the door: who may send as whom, what is blocked, and where the rest goes."""

from __future__ import annotations

from decimal import Decimal

from chappe.model.lifecycle import Direction
from chappe.rules.admit import Admitted, Asked, Policy, Reason, Refused
from chappe.rules.choose import Choice, Price, Prices
from chappe.rules.conditions import Conditions, SenderKind
from chappe.rules.decide import Routes, Rule
from chappe.rules.policies import Action, BlockList, BlockRule, SenderRule, SenderRules, sender_address


def asked(to: str = "37120000001", source: str = "SHOP", client: str = "acme", text: str = "hello") -> Asked:
    return Asked(to, source, client, text)


def policy(*rules: Rule, senders: list[SenderRule] | None = None, blocks: list[BlockRule] | None = None) -> Policy:
    routes = Routes(rules or [Rule(Direction.MT, operators=("one", "two"))], Direction.MT)
    return Policy(routes, SenderRules(senders or []), BlockList(blocks or []))


def test_without_rules_the_route_alone_decides() -> None:
    assert policy().is_plain
    assert policy().admit(asked(), 0) == Admitted(("one", "two"))


def test_no_route_is_told_as_such() -> None:
    judged = policy(Rule(Direction.MT, to="44*", operators=("one",))).admit(asked(), 0)

    assert judged == Refused(Reason.NO_ROUTE, "no route takes it")


def test_a_sender_is_refused_replaced_or_allowed_by_the_first_rule_that_fits() -> None:
    senders = [
        SenderRule(Conditions(source="BANK*", client="acme"), Action.REFUSE, reason="registered by another company"),
        SenderRule(Conditions(to="1*", kinds=(SenderKind.ALPHANUMERIC,)), Action.REPLACE, sender_address("12345")),
        SenderRule(Conditions(source="SHOP"), Action.ALLOW),
        SenderRule(Conditions(), Action.REFUSE),
    ]
    judge = policy(senders=senders)

    assert not judge.is_plain
    assert judge.admit(asked(source="banking"), 0) == Refused(
        Reason.SENDER_REFUSED, "senders[0]: registered by another company"
    )
    assert judge.admit(asked(to="12025550100"), 0) == Admitted(
        ("one", "two"), sender_address("12345"), "senders[1]: SHOP becomes 12345"
    )
    assert judge.admit(asked(), 0) == Admitted(("one", "two"))
    assert judge.admit(asked(source="OTHER"), 0) == Refused(
        Reason.SENDER_REFUSED, "senders[3]: this sender may not be used"
    )


def test_routes_see_the_sender_that_handsets_see() -> None:
    senders = [SenderRule(Conditions(), Action.REPLACE, sender_address("12345"))]
    rules = [Rule(Direction.MT, source="12345", operators=("code",)), Rule(Direction.MT, operators=("rest",))]

    judged = policy(*rules, senders=senders).admit(asked(), 0)

    assert isinstance(judged, Admitted)
    assert judged.operators == ("code",)


def test_blocks_know_numbers_senders_texts_and_when_they_end() -> None:
    blocks = [
        BlockRule(Conditions(to="37120000001"), "asked us to", "blocks[0]"),
        BlockRule(Conditions(source="CASINO*"), "", "blocks[1]"),
        BlockRule(Conditions(text="*free money*", until_ms=1_000), "fraud", "blocks[2]"),
    ]
    judge = policy(blocks=blocks)

    assert judge.admit(asked(), 0) == Refused(Reason.BLOCKED, "blocks[0]: asked us to")
    assert judge.admit(asked("371", "casino royal"), 0) == Refused(Reason.BLOCKED, "blocks[1]: blocked")
    assert judge.admit(asked("371", text="Get FREE MONEY now"), 999) == Refused(Reason.BLOCKED, "blocks[2]: fraud")
    assert isinstance(judge.admit(asked("371", text="Get FREE MONEY now"), 1_000), Admitted)


def test_what_price_or_health_decided_is_told() -> None:
    rule = Rule(Direction.MT, operators=("one", "two"), choice=Choice.PRICE, name="cheap")
    judge = Policy(Routes([rule], Direction.MT, prices=Prices([Price("two", Decimal("0.02"))])))

    assert not judge.is_plain
    assert judge.admit(asked(), 0) == Admitted(("two", "one"), None, "routes[0] cheap: two, cheapest: two 0.02")

    plain = policy()
    plain.note_sick(frozenset({"one"}))

    assert not plain.is_plain
    assert plain.admit(asked(), 0) == Admitted(("two", "one"), None, "routes[0]: two, one has no link")

    plain.note_sick(frozenset())

    assert plain.is_plain


def test_routes_may_ask_for_text_tags_and_time() -> None:
    rules = [
        Rule(Direction.MT, text="*code*", operators=("fast",)),
        Rule(Direction.MT, tags=("promo",), operators=("cheap",)),
        Rule(Direction.MT, operators=("rest",)),
    ]
    judge = policy(*rules)

    def first(judged: Admitted | Refused) -> str:
        assert isinstance(judged, Admitted)
        return judged.operators[0]

    assert first(judge.admit(asked(text="Your CODE is 5"), 0)) == "fast"
    assert first(judge.admit(Asked("371", "SHOP", "acme", "sale", ("promo", "x")), 0)) == "cheap"
    assert first(judge.admit(asked(), 0)) == "rest"
