"""The process of the web pages, from its start to its end.

It must never know a node, nor hold the gateway up: it may end at any instant.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from chappe.frontend import first, here
from chappe.frontend.django_settings import configure
from chappe.frontend.reading import Reading
from chappe.frontend.terms import Terms
from chappe.model.errors import ResourceError

THREADS: Final = 6
#: A browser that says nothing for so long is hung up on.
SILENT_S: Final = 60


def application(terms: Terms) -> Callable[..., Any]:
    """The pages as a WSGI application; once in a process."""
    from chappe.frontend import reading

    configure(terms)
    here.show(reading.Reading(terms))
    from django.core.wsgi import get_wsgi_application

    made: Callable[..., Any] = get_wsgi_application()
    return made


def run(terms: Terms) -> int:
    """Serve until SIGTERM or SIGINT.  Raises: ResourceError when the address is taken."""
    import waitress

    made = application(terms)
    named: dict[str, Any] = {}
    if terms.proxy:
        named = {
            "trusted_proxy": terms.proxy,
            "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
            "clear_untrusted_proxy_headers": True,
        }
    try:
        server = waitress.create_server(
            made,
            host=terms.host,
            port=terms.port,
            threads=THREADS,
            ident=None,
            channel_timeout=SILENT_S,
            max_request_body_size=4_000_000,
            **named,
        )
    except OSError as error:
        raise ResourceError(f"web pages cannot listen on {terms.address}: {error.strerror or error}") from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    _sample(here.reading())
    for line in greeting(terms, _port_of(server)):
        print(line, flush=True)
    server.run()
    return 0


def _port_of(server: Any) -> int:
    port = getattr(server, "effective_port", 0)
    return int(port) if isinstance(port, int | str) and port else 0


def _leave(number: int, frame: object) -> None:
    # What is being answered is not worth a wait: nothing that was promised is in this process.
    os._exit(0)


def _sample(reading: Reading) -> None:
    threading.Thread(target=reading.sample_for_ever, name="samples", daemon=True).start()


def greeting(terms: Terms, port: int) -> list[str]:
    """What the terminal says: where the pages are, and how the first administrator comes in."""
    from chappe.frontend.models import Person

    host = f"[{terms.host}]" if ":" in terms.host else terms.host
    url = f"http://{host}:{port or terms.port}/"
    if Person.objects.exists():
        return [f"Web pages on {url}"]
    return [f"Web pages: make yourself their administrator at {url}first?token={first.token_in(terms.data_dir)}"]


def end_with_parent() -> None:
    """Leave when whoever started us is gone and our standard input with it: the next one starts pages of its own."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()
