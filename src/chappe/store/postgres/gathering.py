"""What can be said of calls before they are written: which go together, and which ids and names are in them."""

from collections.abc import Sequence
from typing import Any, Final

from chappe.model.message import Item
from chappe.store.calls import Call
from chappe.store.port import Once

#: Items of one transaction: more would make the first of them wait.
GROUP_ITEMS: Final = 4_000


def some(calls: list[Call]) -> tuple[list[Call], list[Call]]:
    """As many of these calls as one transaction takes, at least one; and the rest."""
    items = 0
    for number, call in enumerate(calls):
        items += len(call.items)
        if items > GROUP_ITEMS and number:
            return calls[:number], calls[number:]
    return calls, []


def ids_in(items: Sequence[Any]) -> set[int]:
    """The ids that these items bear."""
    return {
        int(getattr(each, "item", each).id)
        for item in items
        for each in (item.items if isinstance(item, Once) else (item,))
    }


def names_in(calls: Sequence[Call]) -> set[str]:
    """Every name that these calls may need a number for, as far as they can have one."""
    names = {""}
    for call in calls:
        if call.kind in ("accept", "once", "settle", "report"):
            for item in call.items:
                for each in item.items if isinstance(item, Once) else (item,):
                    names |= _names_of(each)
    return {name for name in names if name.isascii() or _is_text(name)}


def _names_of(each: Any) -> set[str]:
    item = getattr(each, "item", each)
    if not isinstance(item, Item):
        return {each.operator}
    content = item.content
    names = {item.queue, item.lane, content.client, getattr(content, "operator", "")}
    names |= {f"client:{content.client}", f"callback:{content.client}"}
    others = (getattr(each, "queue", ""), getattr(each, "operator", ""))
    receipt = getattr(each, "receipt", None)
    if receipt is not None:
        names |= {receipt.queue, receipt.lane}
    return names | {other for other in others if isinstance(other, str)}


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
