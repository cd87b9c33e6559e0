"""What look-ups said, and whether a message's way hangs on it."""

from decimal import Decimal

from chappe.model.lifecycle import Direction
from chappe.rules.admit import Admitted, Asked, Policy, Refused
from chappe.rules.choose import Choice, Price, Prices
from chappe.rules.conditions import Conditions
from chappe.rules.decide import ROUTE, Routes, Rule
from chappe.rules.explain import explain_mt
from chappe.rules.looked_up import LookedUp, LookUps
from chappe.rules.number_plan import NumberPlan, Range
from chappe.rules.policies import BlockList, BlockRule

HANDSET = "37120000001"
NOW_MS = 1_000_000


def policy_of(*rules: Rule, blocks: BlockList | None = None, prices: Prices | None = None) -> tuple[Policy, LookUps]:
    look_ups = LookUps(["371*"])
    plan = NumberPlan([Range("3712", "24701")], look_ups=look_ups)
    return Policy(Routes(rules, Direction.MT, plan=plan, prices=prices), None, blocks), look_ups


def way(policy: Policy, to: str = HANDSET, source: str = "SHOP", text: str = "hi") -> tuple[str, tuple[str, ...]]:
    judged = policy.admit(Asked(to, source, "acme", text), NOW_MS)
    assert isinstance(judged, Admitted)
    return judged.queue, judged.operators


ONE = Rule(Direction.MT, networks=("24701",), operators=("one",))
TWO = Rule(Direction.MT, networks=("24702",), operators=("two", "one"))
REST = Rule(Direction.MT, operators=("rest",))


def test_a_message_waits_where_its_network_decides_and_nobody_knows_it() -> None:
    policy, look_ups = policy_of(ONE, TWO, REST)

    assert way(policy) == (ROUTE, ("one", "two"))
    look_ups.learn([LookedUp(HANDSET, "24702", NOW_MS + 1)])
    assert way(policy) == ("", ("two", "one"))


def test_a_number_that_is_not_asked_about_is_as_its_prefix_says() -> None:
    policy, _ = policy_of(ONE, TWO, REST)

    assert way(policy, "4912345678901") == ("", ("rest",))


def test_nobody_is_asked_where_an_earlier_route_decides_without_networks() -> None:
    policy, _ = policy_of(Rule(Direction.MT, source="BANK", operators=("bank",)), ONE, REST)

    assert way(policy, source="BANK") == ("", ("bank",))
    assert way(policy, source="SHOP")[0] == ROUTE


def test_nobody_is_asked_for_routes_that_do_not_fit_otherwise() -> None:
    rule = Rule(Direction.MT, networks=("24702",), text="*code*", operators=("two",))
    policy, _ = policy_of(rule, REST)

    assert way(policy, text="hello") == ("", ("rest",))
    assert way(policy, text="your code")[0] == ROUTE


def test_a_price_by_network_and_a_block_by_network_are_asked_about() -> None:
    prices = Prices([Price("a", Decimal(1), networks=("24702",)), Price("b", Decimal(2))])
    by_price, _ = policy_of(Rule(Direction.MT, operators=("a", "b"), choice=Choice.PRICE), prices=prices)
    blocks = BlockList([BlockRule(Conditions(networks=("24702",)), "not there")])
    by_block, look_ups = policy_of(REST, blocks=blocks)

    assert way(by_price) == (ROUTE, ("a", "b"))
    assert way(by_block) == (ROUTE, ("rest",))
    look_ups.learn([LookedUp(HANDSET, "24702", NOW_MS + 1)])
    assert isinstance(by_block.admit(Asked(HANDSET, "SHOP", "acme", "hi"), NOW_MS), Refused)


def test_an_answer_holds_for_its_time_and_is_better_than_a_prefix_afterwards() -> None:
    policy, look_ups = policy_of(ONE, TWO)
    look_ups.learn([LookedUp(HANDSET, "24702", NOW_MS)])

    assert way(policy)[0] == ROUTE
    assert policy.routes.plan.network_of(HANDSET) == "24702"


def test_the_oldest_answers_make_room() -> None:
    look_ups = LookUps(limit=2)

    look_ups.learn(LookedUp(number, "24701", 1) for number in ("1", "2", "1", "3"))

    assert [look_ups.network_of(number) for number in ("1", "2", "3")] == ["24701", "", "24701"]


def test_an_explanation_says_that_a_look_up_decides_and_what_it_said() -> None:
    policy, look_ups = policy_of(ONE, TWO)

    before = explain_mt(policy, Asked(HANDSET, "SHOP", "acme", ""), NOW_MS)
    look_ups.learn([LookedUp(HANDSET, "24702", NOW_MS + 1)])
    after = explain_mt(policy, Asked(HANDSET, "SHOP", "acme", ""), NOW_MS)

    assert before.outcome == "waits in the queue 'route' until its network was looked up"
    assert [each.why for each in before.steps if each.rule == "lookup"] == [
        "its network decides between one, two",
        "without an answer in time it is taken for 24701",
    ]
    assert after.outcome == "goes to two"
    assert after.steps[0].why == "24702, as a look-up said"
