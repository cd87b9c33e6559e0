"""Problems: their one shape, and codes that mean one thing each."""

import msgspec

from chappe.wire.http.problems import Code, FieldError, Refusal, below, problem_of, problem_of_all

REFUSAL = Refusal(Code.INVALID_MESSAGE, "/to is missing", (FieldError("/to", "is missing"),))


def test_a_problem_has_the_members_of_the_contract() -> None:
    told = msgspec.json.decode(msgspec.json.encode(problem_of(REFUSAL, "0a1b")))

    assert told == {
        "type": "urn:chappe:problem:invalid_message",
        "title": "A field of the message is wrong",
        "status": 422,
        "detail": "/to is missing",
        "code": "invalid_message",
        "request_id": "0a1b",
        "errors": [{"pointer": "/to", "detail": "is missing"}],
    }


def test_pointers_of_one_message_lead_into_the_whole_body() -> None:
    assert below(REFUSAL, "/messages/7").errors == (FieldError("/messages/7/to", "is missing"),)


def test_a_body_of_which_nothing_was_accepted_says_why_of_each() -> None:
    told = problem_of_all([REFUSAL, Refusal(Code.NO_ROUTE, "nowhere")], "0a1b")

    assert (told.status, told.code) == (422, "none_accepted")
    assert [each.code for each in told.messages] == ["invalid_message", "no_route"]


def test_no_two_codes_share_a_word_and_all_are_refusals() -> None:
    assert len({code.word for code in Code}) == len(Code)
    assert all(400 <= code.http_status < 600 for code in Code)
