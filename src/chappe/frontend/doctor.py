"""The receipt doctor: why a delivery report matches nothing, or contradicts what is known.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chappe.frontend.attention import conversion_in_words
from chappe.model.address import same_handset
from chappe.rules.learn import CONVERSIONS, Finding, learn
from chappe.store.views import ParkedView
from chappe.wire.smpp.receipt_text import id_candidates

#: A receipt as old as this has most likely missed its message for good.
EXPIRED_S: Final = 3 * 86_400
EARLY_S: Final = 15

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One parked report, its likely cause in words, and the keys of a profile that would cure it."""

    report: ParkedView
    cause: str
    cure: Mapping[str, str | bool] = field(default_factory=dict)
    #: The reference of the message that it most likely means.
    twin: str = ""


@dataclass(frozen=True, slots=True)
class OperatorHealth:
    """What is parked of one operator, and what all of it says together."""

    name: str
    diagnoses: list[Diagnosis]
    findings: list[Finding]
    proved: Finding | None

    @property
    def in_words(self) -> str:
        """What is wrong, where that is known."""
        return conversion_in_words(self.proved.conversion.settings) if self.proved is not None else ""

    @property
    def cure(self) -> str:
        """The keys of its profile that would cure it, as TOML."""
        if self.proved is None:
            return ""
        told = self.proved.conversion.settings.items()
        return "\n".join(
            f"{key} = {'true' if value is True else repr(value).replace(chr(39), chr(34))}" for key, value in told
        )


def examine(parked: Sequence[ParkedView], sent: Mapping[str, Sequence[Pair]], now_us: int) -> list[OperatorHealth]:
    """Judge all that is parked, operator by operator, the worst first."""
    found = []
    for name in dict.fromkeys(each.operator for each in parked):
        own = [each for each in parked if each.operator == name]
        pairs = sent.get(name, ())
        findings = learn(pairs, [(each.msisdn, _first(each)) for each in own])
        clear = [each for each in findings if each.agree and not each.contradict]
        best = max(clear, key=lambda each: each.agree, default=None)
        found.append(OperatorHealth(name, [_judge(each, pairs, now_us) for each in own], findings, best))
    return sorted(found, key=lambda each: -len(each.diagnoses))


def _first(report: ParkedView) -> str:
    return report.references[0] if report.references else ""


def _judge(report: ParkedView, sent: Iterable[Pair], now_us: int) -> Diagnosis:
    reference = _first(report)
    handsets: dict[str, list[str]] = {}
    for handset, known in sent:
        handsets.setdefault(known, []).append(handset)
    if not reference:
        return Diagnosis(report, "It names no message: the operator's receipts lack an id")
    if reference in handsets:
        if any(same_handset(each, report.msisdn) for each in handsets[reference]):
            return Diagnosis(report, "Early: its message has this id now, the next sweep matches it", twin=reference)
        return Diagnosis(report, "Twin id: a message with this id went to another handset", twin=reference)
    for conversion in CONVERSIONS:
        forms = id_candidates(
            reference,
            conversion.base,
            ignores_case=conversion.ignores_case,
            ignores_zeros=conversion.ignores_zeros,
        )[1:]
        for form in forms:
            if any(same_handset(each, report.msisdn) for each in handsets.get(form, ())):
                words = conversion_in_words(conversion.settings)
                return Diagnosis(report, words[0].upper() + words[1:], conversion.settings, form)
    age_s = (now_us - report.at_us) / 1e6
    if age_s > EXPIRED_S:
        return Diagnosis(report, "Expired: its message is no longer waited for, or was never ours")
    if age_s < EARLY_S:
        return Diagnosis(report, "Early: the answer that names its message may still come")
    return Diagnosis(report, "No message to this handset is known by this id: another system may share the account")
