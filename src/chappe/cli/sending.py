"""`chappe send`: hands one message to a running gateway by its HTTP API, as any client would.

It must never open the store: a message enters by a door, or not at all.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chappe.cli.options import ConfigOption, JsonOption, example
from chappe.cli.show import print_json, print_line
from chappe.model.errors import GatewayError, ResourceError, SettingsError

if TYPE_CHECKING:
    from chappe.runtime.settings import Settings

#: How long one request may take, and how often a waiting command looks again.
REQUEST_S: Final = 30.0
LOOK_S: Final = 0.2


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=example("chappe send --to +37120000001 --from SHOP --text Hello --wait 10"))(send)


def send(
    to: Annotated[str, typer.Option("--to", metavar="NUMBER", help="The handset, as in +37120000001.")],
    text: Annotated[str, typer.Option("--text", help="What the handset shows.")],
    source: Annotated[str | None, typer.Option("--from", metavar="NUMBER|NAME", help="Who it comes from.")] = None,
    reference: Annotated[str | None, typer.Option(help="The client's own name for the message.")] = None,
    client: Annotated[
        str | None, typer.Option(help="Which client sends; the first one with a token otherwise.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="The bearer token, where the settings hold only its hash.")] = None,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="Wait up to this long for the final status.")] = 0.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send one message through the running gateway and print its id and status."""
    from chappe.runtime.settings import load

    settings = load(config)
    bearer = token or token_of(settings, client)
    url = f"http://{settings.listen.http}/v1/messages"
    body = {"to": to, "from": source, "text": text, "reference": reference}
    message = request(url, bearer, {key: value for key, value in body.items() if value is not None})
    if wait > 0:
        message = _wait_for_end(f"{url}/{message['id']}", bearer, message, wait)
    if as_json:
        print_json(message)
    else:
        print_line(f"{message['id']} {message['status']}")


def token_of(settings: Settings, name: str | None) -> str:
    """The token of the client of that name, or of the first that has one.  Raises: SettingsError."""
    for client in settings.clients:
        if name in (None, client.name) and client.http and client.http.token:
            return client.http.token
    who = "no client has" if name is None else f"client {name!r} does not exist or has not"
    raise SettingsError(f"{who} a token in the settings; give one with --token")


def request(url: str, bearer: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the gateway's API: POST with a body, GET without.

    Raises: ResourceError when nobody answers, GatewayError when the answer is a refusal.
    """
    import urllib.error
    import urllib.request

    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    asked = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    # A proxy of the environment has no business between this command and a gateway that listens on this box.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=REQUEST_S) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except urllib.error.HTTPError as error:
        raise GatewayError(f"refused with {error.code}: {_problem(error.read())}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ResourceError(f"no gateway answers at {url} ({reason}); start one with: chappe up") from error


def _problem(octets: bytes) -> str:
    """What an application/problem+json says, field by field; whatever else came, as text."""
    try:
        problem = json.loads(octets)
        details = [f"{error['pointer']} {error['detail']}" for error in problem.get("errors") or ()]
        return "; ".join([str(problem.get("detail") or problem["title"]), *details])
    except (ValueError, KeyError, TypeError, AttributeError):
        return octets.decode("utf-8", "replace")[:200]


def _wait_for_end(url: str, bearer: str, message: dict[str, Any], wait_s: float) -> dict[str, Any]:
    """Look at the message until it is final.  Raises: GatewayError when `wait_s` ends sooner."""
    deadline = time.monotonic() + wait_s
    while not message["final"]:
        if time.monotonic() >= deadline:
            raise GatewayError(f"message {message['id']} is still {message['status']} after {wait_s:g} s")
        time.sleep(LOOK_S)
        message = request(url, bearer)
    return message
