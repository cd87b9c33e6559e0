"""Numbers for what an API says in words: the rest of an operator node speaks of statuses.

A number's range is its meaning, so that refusals are judged without a look at the word.
"""

from typing import Final

from chappe.rules.retry import RefusalRules
from chappe.wire.webapi.answers import HTTP, Meaning, Verdict

_STEP: Final = 1 << 16
_BASES: Final = {Meaning.THROTTLED: 1 * _STEP, Meaning.TEMPORARY: 2 * _STEP, Meaning.PERMANENT: 3 * _STEP}
#: Words that are remembered of each meaning; an API that makes up more is a poor one.
_KEPT: Final = 10_000
_OTHERS: Final = "another error"

#: What the ranges mean.
REFUSALS: Final = RefusalRules(throttled=range(_STEP, 2 * _STEP), temporary=range(2 * _STEP, 3 * _STEP))


class Words:
    """The words of one operator."""

    def __init__(self) -> None:
        self._words: dict[Meaning, list[str]] = {meaning: [_OTHERS] for meaning in _BASES}
        self._numbers: dict[tuple[Meaning, str], int] = {}
        self.unwritable = self.number(Verdict(Meaning.PERMANENT, "cannot be written"))

    def number(self, verdict: Verdict) -> int:
        """The status that stands for a refusal."""
        key = verdict.meaning, verdict.word
        found = self._numbers.get(key)
        if found is None:
            words = self._words[verdict.meaning]
            if len(words) >= _KEPT:
                return _BASES[verdict.meaning]
            found = self._numbers[key] = _BASES[verdict.meaning] + len(words)
            words.append(verdict.word)
        return found

    def word(self, number: int) -> str:
        """The operator's word for a status."""
        meaning = next((each for each, base in _BASES.items() if base <= number < base + _STEP), None)
        words = self._words[meaning] if meaning else []
        at = number % _STEP
        return words[at] if at < len(words) else _OTHERS

    def name(self, number: int) -> str:
        """The same for events."""
        word = self.word(number)
        return f"HTTP {word.removeprefix(HTTP)}" if word.startswith(HTTP) else word or "refused"
