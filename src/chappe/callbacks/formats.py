"""In whose words a callback is: those of its client, or those that its message asked for."""

from collections.abc import Mapping
from typing import Final

from chappe.callbacks.jasmin_format import JasminFormat
from chappe.callbacks.kannel_format import KannelFormat
from chappe.callbacks.render import ChappeFormat
from chappe.callbacks.terms import Format, Terms
from chappe.model.message import Item, Receipt
from chappe.rules.asked import Words, asked_of

FORMATS: Final[Mapping[str, Format]] = {
    "chappe": ChappeFormat(),
    "kannel": KannelFormat(),
    "jasmin": JasminFormat(),
}


def format_of(item: Item, terms: Terms) -> Format:
    """The words of one callback."""
    content = item.content
    if isinstance(content, Receipt) and content.callback_url:
        words = asked_of(content.callback_url).words
        if words is not Words.OWN:
            return FORMATS[words.value]
    return FORMATS[terms.format]
