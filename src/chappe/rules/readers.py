"""Who reads a queue, going by the names in the settings.  It must never know what waits there."""

from collections.abc import Collection

_CLIENT_QUEUES = ("client", "callback")


def why_unread(
    queue: str, operators: Collection[str], clients: Collection[str], called: Collection[str] | None = None
) -> str:
    """Why nobody will ever read a queue, as an administrator wants to hear it; empty when somebody does.

    `called` are the clients that are called back, all of them unless given.
    """
    kind, _, name = queue.partition(":")
    if kind == "operator" and name not in operators:
        return f"operator {name} is not in the settings, and no route takes its messages"
    if kind in _CLIENT_QUEUES and name not in clients:
        return f"client {name} is not in the settings"
    if kind == "callback" and called is not None and name not in called:
        return f"client {name} has no [clients.callback] in the settings"
    return ""
