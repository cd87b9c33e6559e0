"""Reading a parked report anew: the forms of its reference that a person, or a changed profile, now allows.

A further form is only tried; whether the report means a message is judged as ever, by the handset too.
"""

from chappe.rules.learn import Conversion
from chappe.wire.smpp.receipt_text import id_candidates


def reread(references: tuple[str, ...], by: Conversion) -> tuple[str, ...]:
    """The references as they are, then the further forms of what the operator wrote."""
    forms = dict.fromkeys(references)
    for each in _written(references):
        forms.update(dict.fromkeys(_forms(each, by)))
    return tuple(forms)


def _written(references: tuple[str, ...]) -> tuple[str, ...]:
    """Those that the operator wrote: the first one, and a second one that no conversion makes of it.

    What a conversion made is not converted once more: that would be a guess.
    """
    if len(references) < 2:
        return references
    made = id_candidates(references[0], "either", ignores_case=True, ignores_zeros=True)
    return references[:1] if references[1] in made else references[:2]


def _forms(reference: str, by: Conversion) -> list[str]:
    return id_candidates(reference, by.base, ignores_case=by.ignores_case, ignores_zeros=by.ignores_zeros)
