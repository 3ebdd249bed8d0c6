"""Which addresses a webhook may be sent to.

Whoever can set a target must not reach through Janus what they cannot reach themselves: the
machine's own ports, the site's network, a cloud's metadata (server-side request forgery). A name is
resolved once and the connection goes to the very address that was judged, so a name that answers
otherwise the second time gains nothing.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from januscl.line.telling.notify.deadline import within

_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
"""The part of IPv6 that is given out for the public net (IANA, IPv6 address space)."""


class NotAllowed(Exception):
    """Raised when a name leads to an address that is not public."""


def address_of(host: str, port: int, private: bool, seconds: float) -> str:
    """Return the address to connect to.

    Args:
        host: Name or address.
        port: To connect to.
        private: An address that is not public will do.
        seconds: That looking it up may take, however long the system's resolver would.

    Raises:
        NotAllowed: One of its addresses is not public.
        TimeoutError: It was not found out in time.
        OSError: There is no such name.
    """
    found = within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    addresses = [str(entry[4][0]) for entry in found]
    if not private and not all(is_public(address) for address in addresses):
        raise NotAllowed("its address is not public; `private = true` allows that")
    return addresses[0]


def is_public(address: str) -> bool:
    """Say whether an address belongs to a machine on the public net, whatever it is wrapped in."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = _inside(ip)
        return inner.is_global and not inner.is_multicast if inner is not None else _is_public6(ip)
    return ip.is_global and not ip.is_multicast


def _is_public6(ip: IPv6Address) -> bool:
    return ip in _UNICAST and ip.is_global and not ip.is_multicast


def _inside(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets for this one end at, where there is one."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
