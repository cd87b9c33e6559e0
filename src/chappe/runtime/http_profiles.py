"""Turns what a profile tells of an HTTP API into what speaks it, and finds what is wrong with it.

It must never know an operator's name, nor a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from chappe.model.lifecycle import Status
from chappe.runtime.settings_http_operators import HttpAnswer, HttpApi, HttpRequest
from chappe.runtime.settings_table import Fault, nearest
from chappe.wire.webapi.answers import AnswerForm
from chappe.wire.webapi.api import NAMES, SIGNED_NAMES, Api, ProofForm
from chappe.wire.webapi.calls import InboundForm, ReceiptForm
from chappe.wire.webapi.proofs import Proof
from chappe.wire.webapi.readers import Reader, reader_of
from chappe.wire.webapi.requests import RequestForm
from chappe.wire.webapi.template import Text, Tree, is_header_name, text_of, tree_of, xml_faults

T = TypeVar("T")

_STATES: Final = {
    "delivered": Status.DELIVERED,
    "failed": Status.FAILED,
    "expired": Status.EXPIRED,
    "rejected": Status.REJECTED,
    "buffered": Status.BUFFERED,
}
_CODINGS: Final = ("gsm7", "ucs2", "octets")
_NO_TEXT: Final = Text(("",))
_NO_READER: Final = reader_of("body")


class _Compiling:
    """Reads every string of one API, and gathers what is wrong with it by its key."""

    def __init__(self, http: HttpApi, more_names: Mapping[str, str] | None = None) -> None:
        self.http = http
        self.faults: list[Fault] = []
        self._known = {**NAMES, **http.values, **(more_names or {})}

    def api(self) -> Api:
        http = self.http
        query = self._request("query", http.query) if http.query is not None else None
        for word in http.codings:
            if word not in _CODINGS:
                self.faults.append((f"codings.{word}", f"unknown coding{nearest(word, _CODINGS)}"))
        for name in set(http.values) & set(NAMES):
            self.faults.append((f"values.{name}", "is a name that every profile has"))
        return Api(
            submit=self._request("submit", http.submit),
            answer=self._answer("answer", http.answer),
            query=query,
            found=self._answer("found", http.found) if query is not None else None,
            receipt=self._receipt(),
            inbound=self._inbound(),
            proof=self._proof(),
            codings=http.codings,
            values=http.values,
            errors=http.errors,
        )

    def _request(self, at: str, request: HttpRequest) -> RequestForm:
        bodies = [key for key in ("form", "json", "xml") if getattr(request, key) is not None]
        if len(bodies) > 1:
            self.faults.append((f"{at}.{bodies[1]}", f"a request has one body, and {bodies[0]} is one"))
        if request.each is not None and "json" not in bodies and bodies:
            self.faults.append((f"{at}.each", "is for a body of JSON"))
        if request.batch > 1 and request.each is None:
            self.faults.append((f"{at}.batch", "needs `each`: what one message of several is"))
        for name in request.headers:
            if not is_header_name(name):
                self.faults.append((f"{at}.headers.{name}", "is no name of a header"))
        form = RequestForm(
            method=request.method,
            path=self._read(f"{at}.path", text_of, request.path, _NO_TEXT),
            query=self._texts(f"{at}.query", request.query),
            headers=self._texts(f"{at}.headers", request.headers),
            auth=request.auth,
            form=self._texts(f"{at}.form", request.form) if request.form is not None else None,
            json=self._tree(f"{at}.json", request.json),
            xml=self._tree(f"{at}.xml", request.xml),
            each=self._tree(f"{at}.each", request.each),
            each_at=request.each_at,
            batch=request.batch,
        )
        if form.xml is not None:
            self.faults += [(f"{at}.xml", fault) for fault in xml_faults(form.xml)]
            if len(form.xml) != 1:
                self.faults.append((f"{at}.xml", "an XML document has one outermost element"))
        for name in sorted(form.names - self._known.keys()):
            close = nearest(name, self._known)
            self.faults.append((at, f"nothing is called {{{name}}}{close} (names of your own stand in http.values)"))
        return form

    def _texts(self, at: str, texts: Mapping[str, str]) -> Mapping[str, Text]:
        return {key: self._read(f"{at}.{key}", text_of, text, _NO_TEXT) for key, text in texts.items()}

    def _tree(self, at: str, tree: object) -> Tree:
        return None if tree is None else self._read(at, tree_of, tree, None)

    def _answer(self, at: str, answer: HttpAnswer) -> AnswerForm:
        seen: dict[str, str] = {}
        for key in ("accepted", "throttled", "temporary", "unknown", "denied", "absent"):
            for code in getattr(answer, key):
                if seen.setdefault(code, key) != key:
                    self.faults.append((f"{at}.{key}", f"code {code!r} already stands in {seen[code]}"))
        return AnswerForm(
            statuses=frozenset(answer.statuses),
            items=self._reader(f"{at}.items", answer.items),
            id=self._reader(f"{at}.id", answer.id),
            error=self._reader(f"{at}.error", answer.error),
            accepted=frozenset(answer.accepted),
            throttled=frozenset(answer.throttled),
            temporary=frozenset(answer.temporary),
            unknown=frozenset(answer.unknown),
            denied=frozenset(answer.denied),
            absent=frozenset(answer.absent),
        )

    def _receipt(self) -> ReceiptForm | None:
        receipt = self.http.receipt
        if receipt is None:
            return None
        statuses: dict[str, Status] = {}
        for key, status in _STATES.items():
            for word in getattr(receipt, key):
                if statuses.setdefault(word, status) is not status:
                    self.faults.append((f"receipt.{key}", f"{word!r} already stands for {statuses[word].word}"))
        return ReceiptForm(
            path=receipt.path,
            items=self._reader("receipt.items", receipt.items),
            status=receipt.status,
            body=receipt.body,
            reference=self._reader("receipt.reference", receipt.reference) or _NO_READER,
            handset=self._reader("receipt.handset", receipt.handset) or _NO_READER,
            state=self._reader("receipt.state", receipt.state) or _NO_READER,
            error=self._reader("receipt.error", receipt.error),
            done=self._reader("receipt.done", receipt.done),
            statuses=statuses,
            errors=self.http.errors,
        )

    def _inbound(self) -> InboundForm | None:
        inbound = self.http.inbound
        if inbound is None:
            return None
        if inbound.text is None and inbound.hex is None:
            self.faults.append(("inbound.text", "is missing: a message has a text, or octets in `hex`"))
        if self.http.receipt is not None and self.http.receipt.path == inbound.path:
            self.faults.append(("inbound.path", "is the path of receipts: nobody could tell them apart"))
        return InboundForm(
            path=inbound.path,
            items=self._reader("inbound.items", inbound.items),
            status=inbound.status,
            body=inbound.body,
            source=self._reader("inbound.source", inbound.source) or _NO_READER,
            to=self._reader("inbound.to", inbound.to) or _NO_READER,
            text=self._reader("inbound.text", inbound.text),
            hex=self._reader("inbound.hex", inbound.hex),
            udh=self._reader("inbound.udh", inbound.udh),
            identity=self._reader("inbound.id", inbound.id),
        )

    def _proof(self) -> ProofForm:
        callers = self.http.callers
        if callers.proof is not Proof.HMAC:
            return ProofForm(callers.proof)
        signature = self._reader("callers.signature", callers.signature)
        if signature is None:
            self.faults.append(("callers.signature", "is missing: where the signature is"))
        signed = self._read("callers.signed", text_of, callers.signed, _NO_TEXT)
        for name in signed.names:
            if name not in SIGNED_NAMES:
                self.faults.append(("callers.signed", f"nothing is called {{{name}}}{nearest(name, SIGNED_NAMES)}"))
        return ProofForm(callers.proof, signature, callers.algorithm, signed)

    def _reader(self, at: str, told: str | None) -> Reader | None:
        return None if told is None else self._read(at, reader_of, told, None)

    def _read(self, at: str, read: Callable[[object], T] | Callable[[str], T], told: object, otherwise: T) -> T:
        try:
            return read(told)  # type: ignore[arg-type]
        except ValueError as error:
            self.faults.append((at, str(error)))
            return otherwise


def api_of(http: HttpApi, more_names: Mapping[str, str] | None = None) -> Api:
    """What speaks an API; its settings were checked before.  `more_names` are those of the billing map."""
    return _Compiling(http, more_names).api()


def http_faults(http: HttpApi, more_names: Mapping[str, str] | None = None) -> Iterator[Fault]:
    """Everything wrong with an API's description, by key within it."""
    compiling = _Compiling(http, more_names)
    compiling.api()
    yield from compiling.faults
