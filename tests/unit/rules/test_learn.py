"""What traffic proves of ids: many pairs that agree on the handset, and none that contradicts."""

from chappe.rules.learn import PROOF, Conversion, Finding, learn

SENT = [(f"3712000{number:04}", f"{number + 0x1000:08x}") for number in range(PROOF)]
DECIMAL = [(handset, f"{int(reference, 16):010d}") for handset, reference in SENT]


def test_many_pairs_that_agree_on_the_handset_are_a_proof() -> None:
    assert learn(SENT, DECIMAL) == [Finding(Conversion("hex_to_decimal"), PROOF, 0)]
    assert learn(SENT, DECIMAL)[0].is_proved


def test_a_few_pairs_are_none() -> None:
    assert not learn(SENT, DECIMAL[1:])[0].is_proved


def test_one_pair_that_names_another_handset_is_enough_against_it() -> None:
    twisted = [*DECIMAL, ("37129999999", DECIMAL[0][1])]

    assert learn(SENT, twisted) == [Finding(Conversion("hex_to_decimal"), PROOF, 1)]
    assert not learn(SENT, twisted)[0].is_proved


def test_what_matches_as_it_is_says_nothing() -> None:
    assert learn(SENT, SENT) == []


def test_case_and_zeros_are_told_apart() -> None:
    letters = [(handset, f"abc{number:x}") for number, (handset, _) in enumerate(SENT)]

    assert learn(letters, [(handset, each.upper()) for handset, each in letters])[0].conversion.settings == {
        "id_ignores_case": True
    }
    zeros = learn([("1", "77")], [("1", "0000000077")])
    assert [each.conversion.settings for each in zeros] == [{"id_ignores_zeros": True}]


def test_ids_that_nobody_knows_prove_nothing() -> None:
    assert learn(SENT, [("1", "unknown"), ("2", "")]) == []
