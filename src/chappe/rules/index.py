"""Finds the first of many rules that holds, without asking each: ten thousand cost little more than one.

Rules are grouped by which exact things they name (so many digits of the number, a client, a sender, a keyword); of
each group one look into a table finds those that can hold.  It must never know what rules are for.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from chappe.model.address import exact_form, folded
from chappe.rules.conditions import NO_FACTS, Conditions, Facts, Fits, prefix_of, questions_of

_NOWHERE: Final = 1 << 62
#: Answers that are remembered: what sends most to most has few senders and a few thousand prefixes.
_REMEMBERED: Final = 20_000


class Entry(msgspec.Struct):
    """One rule's conditions, compiled.  `order` is its place in the list."""

    order: int
    tests: tuple[Fits, ...]
    #: The same, each with what it is about; for who explains.
    named: tuple[tuple[str, Fits], ...]


#: What the rules of a group name beside the number: nothing; a client; a sender; anything else.
_NUMBER, _CLIENT, _SOURCE, _MORE = range(4)


class _Group(msgspec.Struct):
    """Rules that name the same kinds of things."""

    digits: int
    has_client: bool
    has_source: bool
    has_keyword: bool
    has_operator: bool
    #: The place of the first of them.
    first_order: int
    #: What its keys are made of.
    shape: int
    entries_by_key: dict[object, list[Entry]]

    def key(self, prefix: str, client: str, source: str, keyword: str, operator: str) -> object:
        """Where a table has those rules that name these; empty for what the group does not name."""
        if self.shape != _MORE:
            return prefix if self.shape == _NUMBER else (prefix, client if self.shape == _CLIENT else source)
        return (
            prefix,
            client if self.has_client else "",
            source if self.has_source else "",
            keyword if self.has_keyword else "",
            operator if self.has_operator else "",
        )


class Index:
    """Rules in their order, ready to be asked."""

    def __init__(self, rules: Sequence[Conditions]) -> None:
        self.rules = tuple(rules)
        groups: dict[tuple[int, bool, bool, bool, bool], _Group] = {}
        for order, rule in enumerate(rules):
            self._add(groups, order, rule)
        #: Those with the earliest rule first: what is found early spares looking further.
        self._groups = sorted(groups.values(), key=lambda group: group.first_order)
        #: What `first` needs of each, unpacked once: it is asked for every message.
        self._looks = [
            (group.first_order, group.digits, group.shape, group.entries_by_key.get, group.key)
            for group in self._groups
        ]
        self._asks_source = any(group.has_source for group in self._groups)
        #: (first digits, sender, client) → what `first` found, where nothing else decides; else None.
        self._known: dict[tuple[str, str, str], int | None] | None = {} if self._may_remember() else None
        self._digits = max((group.digits for group in self._groups), default=0)
        #: Some rule asks for facts.
        self.asks_more = any(rule.asks_more for rule in rules)

    def _add(self, groups: dict[tuple[int, bool, bool, bool, bool], _Group], order: int, rule: Conditions) -> None:
        source = exact_form(rule.source)
        prefix, keyword = prefix_of(rule.to), rule.keyword.casefold()
        kind = (len(prefix), bool(rule.client), source is not None, bool(keyword), bool(rule.operator))
        group = groups.get(kind)
        if group is None:
            group = groups[kind] = _Group(*kind, order, _shape_of(*kind[1:]), {})
        key = group.key(prefix, rule.client, source or "", keyword, rule.operator)
        named = tuple(questions_of(rule, has_source=source is None))
        entry = Entry(order, tuple(test for _, test in named), named)
        group.entries_by_key.setdefault(key, []).append(entry)

    def _may_remember(self) -> bool:
        """Digits, sender and client decide alone, and a look costs more than to remember what it found."""
        groups = self._groups
        return len(groups) > 1 and not any(
            group.has_keyword
            or group.has_operator
            or any(entry.tests for entries in group.entries_by_key.values() for entry in entries)
            for group in groups
        )

    def __bool__(self) -> bool:
        return bool(self.rules)

    def first(
        self, number: str, source: str, client: str = "", keyword: str = "", facts: Facts = NO_FACTS, operator: str = ""
    ) -> int | None:
        """The place of the first rule that holds, None where none does.  `number` is in normal form."""
        known = self._known
        if known is None:
            return self._look(number, source, client, keyword, facts, operator)
        key = (number[: self._digits], source, client)
        order = known.get(key, -1)
        if order == -1:
            order = self._look(number, source, client, keyword, facts, operator)
            if len(known) >= _REMEMBERED:
                known.clear()
            known[key] = order
        return order

    def _look(self, number: str, source: str, client: str, keyword: str, facts: Facts, operator: str) -> int | None:
        best = _NOWHERE
        source_key = folded(source) if self._asks_source else ""
        for first_order, digits, shape, look, key_of in self._looks:
            if first_order > best:
                break
            if shape == _NUMBER:
                found = look(number[:digits])
            elif shape == _CLIENT:
                found = look((number[:digits], client))
            elif shape == _SOURCE:
                found = look((number[:digits], source_key))
            else:
                found = look(key_of(number[:digits], client, source_key, keyword, operator))
            if found is None:
                continue
            for entry in found:
                order = entry.order
                if order > best:
                    break
                if not entry.tests or all(test(number, source, facts) for test in entry.tests):
                    best = order
                    break
        return None if best == _NOWHERE else best

    def why_not(
        self,
        order: int,
        number: str,
        source: str,
        client: str = "",
        keyword: str = "",
        facts: Facts = NO_FACTS,
        operator: str = "",
    ) -> list[str]:
        """What a rule asks for and a message has not; nothing where the rule holds."""
        rule = self.rules[order]
        wanted = exact_form(rule.source)
        missed = [
            (rule.client not in ("", client), "client"),
            (rule.operator not in ("", operator), "operator"),
            (not number.startswith(prefix_of(rule.to)), "to"),
            (wanted is not None and wanted != folded(source), "from"),
            (rule.keyword.casefold() not in ("", keyword), "keyword"),
        ]
        named = questions_of(rule, has_source=wanted is None)
        missed += [(not test(number, source, facts), name) for name, test in named]
        return list(dict.fromkeys(name for is_missed, name in missed if is_missed))

    def covering(self, order: int) -> Iterator[int]:
        """The earlier rules that could hold wherever this one does, going by what the index knows of them."""
        rule = self.rules[order]
        prefix, source, keyword = prefix_of(rule.to), exact_form(rule.source) or "", rule.keyword.casefold()
        for group in self._groups:
            if group.digits > len(prefix) or group.first_order >= order:
                continue
            key = group.key(prefix[: group.digits], rule.client, source, keyword, rule.operator)
            for entry in group.entries_by_key.get(key, ()):
                if entry.order < order:
                    yield entry.order


def _shape_of(has_client: bool, has_source: bool, has_keyword: bool, has_operator: bool) -> int:
    if has_keyword or has_operator or (has_client and has_source):
        return _MORE
    return _CLIENT if has_client else _SOURCE if has_source else _NUMBER
