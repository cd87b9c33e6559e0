"""What live traffic proves of how an SMSC writes ids: receipts that match nothing, beside what was sent.

A conversion is proved by pairs: the converted id is that of a message to the very handset that the receipt names, many
times, and never that of a message to another one.  Less is no proof, and changes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from chappe.wire.smpp.receipt_text import id_candidates

#: So many pairs have to agree.
PROOF: Final = 20

#: Handset and id.
Pair = tuple[str, str]


class Conversion(msgspec.Struct, frozen=True):
    """One way in which a receipt's id may differ from the response's, as a profile says it."""

    base: str = "exact"
    ignores_case: bool = False
    ignores_zeros: bool = False

    @property
    def settings(self) -> dict[str, str | bool]:
        """The keys of a profile that allow it."""
        told: dict[str, str | bool] = {"id_base": self.base} if self.base != "exact" else {}
        return told | {
            key: True
            for key, is_set in (("id_ignores_case", self.ignores_case), ("id_ignores_zeros", self.ignores_zeros))
            if is_set
        }

    def is_said(self, profile: "Conversion") -> bool:
        """A profile that reads ids so allows this already."""
        return (
            self.base
            in ("exact", profile.base, *(("hex_to_decimal", "decimal_to_hex") if profile.base == "either" else ()))
            and self.ignores_case <= profile.ignores_case
            and self.ignores_zeros <= profile.ignores_zeros
        )


#: The plain ones first: what one of these explains needs no other.
CONVERSIONS: Final = (
    Conversion(ignores_case=True),
    Conversion(ignores_zeros=True),
    Conversion("hex_to_decimal"),
    Conversion("decimal_to_hex"),
)


class Finding(msgspec.Struct, frozen=True):
    """What speaks for a conversion, and what against it."""

    conversion: Conversion
    agree: int
    contradict: int

    @property
    def is_proved(self) -> bool:
        """Enough pairs agree, and none contradicts."""
        return self.agree >= PROOF and not self.contradict


def learn(sent: Iterable[Pair], unmatched: Iterable[Pair]) -> list[Finding]:
    """Judge each conversion that explains any of the receipts which match nothing as they are."""
    handsets_by_id: defaultdict[str, set[str]] = defaultdict(set)
    for handset, reference in sent:
        handsets_by_id[reference].add(handset)
    agree: Counter[Conversion] = Counter()
    contradict: Counter[Conversion] = Counter()
    for handset, reference in unmatched:
        if handset in handsets_by_id.get(reference, ()):
            continue
        for conversion in CONVERSIONS:
            forms = id_candidates(
                reference,
                conversion.base,
                ignores_case=conversion.ignores_case,
                ignores_zeros=conversion.ignores_zeros,
            )[1:]
            found = [handsets_by_id[form] for form in forms if form in handsets_by_id]
            if any(handset in handsets for handsets in found):
                agree[conversion] += 1
            elif found:
                contradict[conversion] += 1
    judged = [Finding(each, agree[each], contradict[each]) for each in CONVERSIONS]
    return [each for each in judged if each.agree or each.contradict]
