"""Which addresses a name has, and which of them may be called: none of our own house, unless somebody allows it.

A name is resolved once for a connection, and the connection goes to the very address that was judged: a name that
changes its address in between gains nothing.
"""

import asyncio
import socket
from concurrent.futures import Executor
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address

#: Prefixes of IPv6 that carry an IPv4 address in their last 32 bits: RFC 6052, RFC 4291 §2.5.5.1.
_CARRIERS: Final = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"), ip_network("::/96"))


class ForbiddenAddress(OSError):
    """A name has no address that may be called."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, also when IPv6 carries an IPv4 address.  RFC 6890."""
    if isinstance(address, IPv6Address):
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


async def addresses_of(host: str, port: int, executor: Executor, *, allow_private: bool) -> list[str]:
    """The addresses of a host that may be called, in the order in which to try them.

    Raises: OSError when it has none, ForbiddenAddress when it has none that may be called.
    """
    if literal(host) is not None:
        found = [host]
    else:
        found = await asyncio.get_running_loop().run_in_executor(executor, _look_up, host, port)
    allowed = [each for each in found if allow_private or is_public(ip_address(each.partition("%")[0]))]
    if not allowed:
        raise ForbiddenAddress(f"{host} is {', '.join(found[:3])}: no public address, and allow_private is not set")
    return allowed


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
