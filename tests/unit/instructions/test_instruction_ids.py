"""Ids of instructions keep the order in which one process asked."""

from chappe.instructions.ids import new_instruction_id


def test_what_is_asked_later_has_a_greater_id() -> None:
    made = [new_instruction_id() for _ in range(1_000)]

    assert made == sorted(set(made))
