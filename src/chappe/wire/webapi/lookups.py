"""What other people's look-ups are asked and say: requests about one number or several, answers with networks.

An answer that cannot be read is no answer; a number of which it says nothing is one that nobody knows.
It must never know a socket, nor what a network is good for.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from chappe.model.address import international
from chappe.wire.webapi.readers import Reader, Said
from chappe.wire.webapi.requests import RequestForm, Written

_NETWORK: Final = re.compile(r"[0-9]{5,6}")


class NoAnswer(ValueError):
    """Nothing was said: ask again later."""


class LookupForm(msgspec.Struct, frozen=True):
    """How numbers are asked about, and how the answer is read."""

    request: RequestForm
    #: Who we are there.
    values: Mapping[str, str]
    statuses: Collection[int]
    network: Reader
    items: Reader | None = None
    number: Reader | None = None
    #: What the API calls networks → MCC and MNC.
    words: Mapping[str, str] = {}
    #: `http:STATUS` that says that nobody knows the number.
    unknown: Collection[str] = ()

    def ask(self, numbers: Sequence[str]) -> Written:
        """The request about these numbers, at most `request.batch`."""
        values = {**self.values, "to": numbers[0]}
        each = self.request.each
        if each is None:
            return self.request.write(values)
        return self.request.write(values, [self.request.write_each({**self.values, "to": to}) for to in numbers])

    def read(self, said: Said, numbers: Sequence[str]) -> dict[str, str]:
        """The network of each number, empty where nobody knows it.  Raises: NoAnswer.

        A number whose network cannot be understood is left out.
        """
        if f"http:{said.status}" in self.unknown:
            return dict.fromkeys(numbers, "")
        if said.status not in self.statuses:
            raise NoAnswer(f"it answered with status {said.status}")
        if not all(said.is_readable(each.source) for each in (self.items, self.number, self.network) if each):
            raise NoAnswer("its answer cannot be read")
        found = dict.fromkeys(numbers, "")
        for item in said.items(self.items):
            told = international(said.read(self.number, item)) if self.number is not None else numbers[0]
            if told in found:
                found[told] = said.read(self.network, item)
        read = {number: self.words.get(word, word).replace("-", "").replace(" ", "") for number, word in found.items()}
        good = {number: network for number, network in read.items() if not network or _NETWORK.fullmatch(network)}
        if not good:
            word = next(iter(found.values()))
            raise NoAnswer(f"it calls a network {word[:40]!r}, which [lookup.answer.words] does not know")
        return good
