"""Who wants to hear no more: the words that say so, what they are for, and who has said them.

A handset sends STOP to one of a list's numbers, and hears nothing more from the list's senders until it sends START.
It must never know where opt-outs are stored; what is known of them is remembered here.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from chappe.model.address import compile_pattern, handset_key, international, same_handset
from chappe.model.ids import made_at_ms

#: What people write when they want no more, and when they do again, by language (ISO 639-1).
WORDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "en": (("stop", "stopall", "unsubscribe", "cancel", "end", "quit"), ("start", "unstop", "subscribe")),
    "de": (("stopp", "stop", "abmelden", "ende"), ("start", "anmelden")),
    "fr": (("stop", "arret", "arrêt", "desabo", "désabo"), ("start", "reprise")),
    "es": (("stop", "alto", "baja", "parar"), ("start", "alta", "inicio")),
    "it": (("stop", "basta", "annulla"), ("start", "inizia")),
    "pt": (("stop", "parar", "sair", "cancelar"), ("start", "iniciar")),
    "nl": (("stop", "stoppen", "afmelden"), ("start", "aanmelden")),
    "pl": (("stop", "koniec", "rezygnuj"), ("start",)),
    "ru": (("stop", "стоп", "отписка"), ("start", "старт")),
    "lv": (("stop", "stopp", "atteikties"), ("start", "sākt")),
    "lt": (("stop", "stabdyti"), ("start", "pradėti")),
    "et": (("stop", "stopp", "lõpeta"), ("start", "alusta")),
}
#: What people put around a word.
_EDGES: Final = " \t\r\n.,;:!?\"'()«»„“”"


#: Answers that are remembered until they leave; those of before are known by what is stored.
ANSWERS: Final = 10_000


class OptOut(msgspec.Struct, frozen=True, gc=False):
    """What a handset said last about a list."""

    list: str
    #: In normal form.
    handset: str
    #: False: it wants to hear again.
    is_out: bool
    #: The message by which it said so, and when that came (Unix us).
    message_id: int
    at_us: int
    word: str = ""
    #: The answer that it got; that alone may still leave.
    reply_id: int = 0


class OptOutList(msgspec.Struct, frozen=True):
    """One list: where its words are heard, and whom they silence."""

    name: str
    #: Our numbers to which its words are sent; patterns.
    numbers: tuple[str, ...]
    #: Senders that are silenced, patterns; empty: those numbers themselves.
    senders: tuple[str, ...] = ()
    #: Clients whose messages are; empty: all.
    clients: tuple[str, ...] = ()
    stop_words: frozenset[str] = frozenset()
    start_words: frozenset[str] = frozenset()
    #: What a handset is told; empty: nothing.
    stop_reply: str = ""
    start_reply: str = ""


class Said(msgspec.Struct, frozen=True):
    """A handset's word for a list."""

    list: OptOutList
    word: str
    is_out: bool

    @property
    def reply(self) -> str:
        """What the handset is to be told; empty for nothing."""
        return self.list.stop_reply if self.is_out else self.list.start_reply


class OptOuts:
    """All lists, and who has opted out as far as this process knows."""

    def __init__(self, lists: Sequence[OptOutList] = ()) -> None:
        self.change(lists)
        #: Handset key → what handsets with that key have said, one for each handset and list.
        self._said: dict[int, tuple[OptOut, ...]] = {}
        #: Answers to words that were heard here: those alone are never silenced.
        self._answers: OrderedDict[int, None] = OrderedDict()
        #: The youngest that is known (Unix us).
        self.known_until_us = 0
        #: How often somebody new wanted to hear no more: who has messages in hand looks at them again.
        self.stops = 0

    def change(self, lists: Sequence[OptOutList]) -> None:
        """Other lists; what handsets have said stays known."""
        self.lists = tuple(lists)
        self._numbers = [[compile_pattern(each) for each in one.numbers] for one in lists]
        self._senders = [[compile_pattern(each) for each in one.senders or one.numbers] for one in lists]

    def __bool__(self) -> bool:
        return bool(self.lists)

    def heard(self, number: str, text: str) -> Said | None:
        """What a text to one of our numbers says; None for anything but a word of a list of that number."""
        word = text.strip(_EDGES).casefold()
        if not word or len(word) > 40:
            return None
        number = international(number)
        for one, numbers in zip(self.lists, self._numbers, strict=True):
            is_word = word in one.stop_words or word in one.start_words
            if is_word and any(fits(number) for fits in numbers):
                return Said(one, word, word in one.stop_words)
        return None

    def find(self, handset: str, sender: str, client: str, *, message_id: int = 0) -> OptOut | None:
        """The opt-out that silences a sender toward a handset; the answer to it is never silenced."""
        said = self._said.get(handset_key(handset))
        if said is None or message_id in self._answers:
            return None
        for each in said:
            if not each.is_out or (message_id and each.reply_id == message_id):
                continue
            if same_handset(each.handset, handset) and self._is_silenced(each.list, sender, client):
                return each
        return None

    def _is_silenced(self, name: str, sender: str, client: str) -> bool:
        sender = international(sender)
        return any(
            one.name == name and (not one.clients or client in one.clients) and any(fits(sender) for fits in senders)
            for one, senders in zip(self.lists, self._senders, strict=True)
        )

    def let_answer(self, message_ids: Iterable[int]) -> None:
        """These are answers to words that are about to be stored."""
        self._answers.update(dict.fromkeys(message_ids))
        while len(self._answers) > ANSWERS:
            self._answers.popitem(last=False)

    def learn(self, changes: Iterable[OptOut]) -> None:
        """Remember what was said; of two things about one list the later one counts."""
        for change in changes:
            self.known_until_us = max(self.known_until_us, change.at_us)
            key = handset_key(change.handset)
            old = self._said.get(key, ())
            rest = tuple(each for each in old if (each.list, each.handset) != (change.list, change.handset))
            was = next((each for each in old if (each.list, each.handset) == (change.list, change.handset)), None)
            if was is None or was.at_us <= change.at_us:
                self.stops += change.is_out and (was is None or not was.is_out)
                # Who wants to hear again needs no memory, but for a late STOP that came before.
                self._said[key] = (*rest, change)


def opt_out_of(said: Said, handset: str, message_id: int, reply_id: int = 0) -> OptOut:
    """What is stored of a handset's word."""
    at_us = made_at_ms(message_id) * 1000
    return OptOut(said.list.name, international(handset), said.is_out, message_id, at_us, said.word, reply_id)
