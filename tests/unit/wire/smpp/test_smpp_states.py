import pytest

from chappe.wire.smpp.constants import RESPONSE_BIT, CommandId
from chappe.wire.smpp.states import BOUND, NEXT, REQUESTS, STEP_BY_BIND, WITHOUT_RESPONSE, Role, State, Step


def test_every_state_can_be_reached_and_left() -> None:
    reached = {State.OPEN} | {NEXT[edge] for edge in NEXT}
    left = {state for (state, _), following in NEXT.items() if following is not state}

    assert reached == set(State)
    assert left == set(State) - {State.CLOSED}


def test_nothing_but_the_end_follows_the_end() -> None:
    assert {step for state, step in NEXT if state is State.CLOSED} == {Step.END}


def test_only_a_bind_leads_to_a_bound_state() -> None:
    assert {edge for edge, following in NEXT.items() if following in BOUND} == {
        (State.BINDING, step) for step in STEP_BY_BIND.values()
    }


@pytest.mark.parametrize("state", [State.OPEN, State.OUTBOUND, State.BINDING, State.UNBINDING, State.CLOSED])
@pytest.mark.parametrize("role", list(Role))
def test_who_is_not_bound_may_ask_nothing(role: Role, state: State) -> None:
    assert (role, state) not in REQUESTS


def test_a_transmitter_submits_and_a_receiver_is_delivered_to() -> None:
    submit, deliver = CommandId.SUBMIT_SM, CommandId.DELIVER_SM

    assert submit in REQUESTS[Role.ESME, State.BOUND_TX]
    assert deliver in REQUESTS[Role.MC, State.BOUND_RX]
    assert (Role.ESME, State.BOUND_RX) not in REQUESTS
    assert (Role.MC, State.BOUND_TX) not in REQUESTS
    assert submit in REQUESTS[Role.ESME, State.BOUND_TRX]
    assert deliver in REQUESTS[Role.MC, State.BOUND_TRX]


def test_no_role_asks_for_what_only_the_other_may() -> None:
    both_ways = {CommandId.DATA_SM}

    assert REQUESTS[Role.ESME, State.BOUND_TRX] & REQUESTS[Role.MC, State.BOUND_TRX] == both_ways


def test_requests_are_no_responses() -> None:
    asked = frozenset().union(*REQUESTS.values())

    assert not any(command_id & RESPONSE_BIT for command_id in asked)
    assert {command_id for command_id in asked if command_id | RESPONSE_BIT not in set(CommandId)} == WITHOUT_RESPONSE


def test_each_role_has_the_other_for_a_peer() -> None:
    assert Role.ESME.other is Role.MC
    assert Role.MC.other is Role.ESME
