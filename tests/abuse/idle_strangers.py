"""A process that opens connections, says nothing, and tells how many of them the other side has ended.

Run as `python idle_strangers.py PORT COUNT`.  Sockets of its own: with those of the gateway one process has too few.
"""

import resource
import select
import socket
import sys


def main() -> None:
    """Print `open` when all are, then how many ended cleanly."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    strangers = {each.fileno(): each for each in (_connected(port) for _ in range(count))}
    poll = select.poll()
    for number in strangers:
        poll.register(number, select.POLLIN)
    print("open", flush=True)
    ended = 0
    while strangers:
        for number, _ in poll.poll(60_000) or sys.exit("no end within a minute"):
            with strangers.pop(number) as stranger:
                poll.unregister(number)
                ended += stranger.recv(1) == b""
    print(ended, flush=True)


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


if __name__ == "__main__":
    main()
