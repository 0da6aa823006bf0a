"""Which addresses an alert may be sent to: not to this machine, not into its network.

Whoever may write `router.yaml` must not be able to make the router speak to what only the router
can reach. A name is resolved once, every address that it has is checked, and the connection goes
to a checked one: a name that means something else a moment later is not asked again.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import anyio

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Return the addresses of a name and port; raise OSError where there are none."""

_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local; most clouds tell their credentials at 169.254.169.254
        "100.100.100.200/32",  # Alibaba's metadata
        "168.63.129.16/32",  # Azure's, in the public range
        "192.0.0.192/32",  # Oracle's
        "fd00:ec2::/32",  # Amazon's over IPv6
        "fd20:ce::/32",  # Google's over IPv6
        "fe80::/10",
        "::/128",
    )
)
_INSIDE = tuple(
    ipaddress.ip_network(text)
    # Written out, because `is_global` has changed between patch releases of Python 3.11 to 3.13.
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "::1/128",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",
    )
)
_CARRYING = tuple(
    ipaddress.ip_network(text)
    for text in (
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of a network of one's own, RFC 8215
        "::ffff:0:0:0/96",  # translated, RFC 2765
    )
)
_COMPATIBLE = ipaddress.ip_network("::/96")


def may_reach(address: str, *, allow_private: bool) -> bool:
    """Return whether alerts may be sent to an IP address.

    Link-local, multicast and metadata addresses are refused even where private ones are allowed:
    no receiver of alerts is there. An IPv6 address that carries an IPv4 one is judged as both.

    >>> may_reach("::ffff:10.0.0.1", allow_private=False)
    False
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False

    return all(_is_fine(one, allow_private=allow_private) for one in _meant(parsed))


async def checked(
    host: str, port: int, *, allow_private: bool, resolve: Resolve
) -> tuple[str, ...]:
    """Return the addresses of a host, or none at all if one of them may not be reached.

    Raises:
        OSError: the name has no address.
    """
    found = tuple(dict.fromkeys(await resolve(host, port)))
    fine = all(may_reach(one, allow_private=allow_private) for one in found)
    return found if fine else ()


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses that this machine's resolver knows."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def _meant(address: IpAddress) -> tuple[IpAddress, ...]:
    """Return the address, and the IPv4 address that is inside it."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)

    carries = any(address in network for network in _CARRYING)

    if carries or (address in _COMPATIBLE and int(address) > 1):
        return address, ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)

    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)

    if address.sixtofour is not None:
        return address, address.sixtofour

    return (address,)


def _is_fine(address: IpAddress, *, allow_private: bool) -> bool:
    """Return whether one plain address may be reached."""
    if address.is_multicast or any(address in network for network in _NEVER):
        return False

    return allow_private or not any(address in network for network in _INSIDE)
