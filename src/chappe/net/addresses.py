"""Which addresses a name has, and which of them may be called: none of our own house, unless somebody allows it.

A name is resolved once for a connection, and the connection goes to the very address that was judged: a name that
changes its address in between gains nothing.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address

#: Prefixes of IPv6 that carry an IPv4 address in their last 32 bits: RFC 6052, RFC 4291 §2.5.5.1.
_CARRIERS: Final = (ip_network("64:ff9b::/96"), ip_network("::/96"))
#: Where a house translates to IPv4 by itself, and may carry the address anywhere: RFC 8215.
_LOCAL_CARRIER: Final = ip_network("64:ff9b:1::/48")


class ForbiddenAddress(OSError):
    """A name has no address that may be called."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, also when IPv6 carries an IPv4 address.  RFC 6890."""
    if isinstance(address, IPv6Address):
        # Site-local addresses are deprecated, and still routed where somebody has them: RFC 3879 §4.
        if address.is_site_local or address in _LOCAL_CARRIER:
            return False
        carried = _carried(address)
        if carried is not None:
            return is_public(carried)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address to which this one leads."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in carrier for carrier in _CARRIERS) and int(address) > 1:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def literal(host: str) -> Address | None:
    """The address that a host name spells, None for a real name.  Spellings that only a resolver reads are names."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


class Resolver:
    """Looks names up.  Threads do it, for nothing else reads all that a system knows of names; they may hang for long.

    So whoever asks for a name that is being looked up waits for the same answer, and the end of the process for none.
    """

    def __init__(self, threads: int) -> None:
        self._room = asyncio.Semaphore(threads)
        self._asked: dict[str, asyncio.Future[list[str]]] = {}

    async def addresses_of(self, host: str, *, allow_private: bool) -> list[str]:
        """The addresses of a host that may be called, in the order in which to try them.

        Raises: OSError when it has none, ForbiddenAddress when it has none that may be called.
        """
        found = [host] if literal(host) is not None else await self._look_up(host)
        allowed = [each for each in found if allow_private or is_public(ip_address(each.partition("%")[0]))]
        if not allowed:
            raise ForbiddenAddress(f"{host} is {', '.join(found[:3])}: no public address, and allow_private is not set")
        return allowed

    async def _look_up(self, host: str) -> list[str]:
        if host not in self._asked:
            await self._room.acquire()
            if host in self._asked:
                self._room.release()
        asked = self._asked.get(host) or self._ask(host)
        # One who waits no longer must not take the answer from the others.
        return await asyncio.shield(asked)

    def _ask(self, host: str) -> asyncio.Future[list[str]]:
        """Start a thread; whoever calls has room for it, which is free again when the thread has done."""
        loop = asyncio.get_running_loop()
        asked = self._asked[host] = loop.create_future()
        asked.add_done_callback(lambda future: self._answered(host, future))
        # A pool's threads would be waited for at the end of the process.
        thread = threading.Thread(target=_look_up, args=(host, loop, asked), name=f"look up {host}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # The system has no thread to spare: this is the host's failure for now, and not ours for ever.
            _tell(asked, [], OSError(f"{host} cannot be looked up: {error}"))
        return asked

    def _answered(self, host: str, future: asyncio.Future[list[str]]) -> None:
        del self._asked[host]
        self._room.release()
        if not future.cancelled():
            # Perhaps nobody waits for it any more.
            future.exception()


def _look_up(host: str, loop: asyncio.AbstractEventLoop, asked: asyncio.Future[list[str]]) -> None:
    """In a thread of its own: ask the system, and tell the loop."""
    tell: Callable[[], None]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        tell = partial(_tell, asked, addresses, None)
    except (OSError, UnicodeError) as error:
        tell = partial(_tell, asked, [], error)
    # The loop may have ended meanwhile.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(tell)


def _tell(asked: asyncio.Future[list[str]], addresses: list[str], error: Exception | None) -> None:
    if asked.done():
        return
    if error is None:
        asked.set_result(addresses)
    else:
        asked.set_exception(error)
