"""The receipt doctor names the likely cause of each receipt that matches nothing."""

from __future__ import annotations

import pytest

from chappe.frontend.doctor import EARLY_S, EXPIRED_S, examine
from chappe.store.views import ParkedView

NOW_US = 1_800_000_000_000_000
SENT = {"three": [("37120000001", "00abcdef"), ("37120000002", "12345")]}


def parked(reference: str, handset: str = "37120000001", age_s: float = 60) -> ParkedView:
    references = (reference,) if reference else ()
    return ParkedView(1, "three", references, handset, "delivered", "000", NOW_US - int(age_s * 1e6))


@pytest.mark.parametrize(
    ("report", "cause"),
    [
        (parked("11259375"), "hexadecimal in the response and decimal in the receipt"),
        (parked("00ABCDEF"), "upper and lower case"),
        (parked("abcdef"), "leading zeros"),
        (parked("12345"), "Twin id"),
        (parked("00abcdef"), "Early: its message has this id now"),
        (parked(""), "names no message"),
        (parked("zz", age_s=EARLY_S / 2), "may still come"),
        (parked("zz", age_s=EXPIRED_S * 2), "Expired"),
        (parked("zz", age_s=3600), "another system"),
    ],
)
def test_each_receipt_has_its_cause(report: ParkedView, cause: str) -> None:
    (operator,) = examine([report], SENT, NOW_US)

    assert cause in operator.diagnoses[0].cause


def test_many_that_agree_name_the_keys_that_cure_them() -> None:
    sent = {"three": [(f"3712000{n:04}", f"{n + 0xABC0:x}") for n in range(30)]}
    reports = [parked(str(n + 0xABC0), f"3712000{n:04}") for n in range(30)]

    (operator,) = examine(reports, sent, NOW_US)

    assert operator.cure == 'id_base = "hex_to_decimal"'
