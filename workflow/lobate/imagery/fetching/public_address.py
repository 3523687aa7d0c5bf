"""Which addresses belong to the public network, by IANA's registries, and not by those of the installed Python.

An IPv6 address may embed an IPv4 address, and a gateway, a tunnel or the kernel then leads there. Such an address is
judged by both. No guard can know a network's own prefix of NAT64 (RFC 6052) or 6rd, which looks like any other prefix.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

SPECIAL_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # shared by a carrier's customers
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # this link, and the metadata service of clouds
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4, given up
        "192.168.0.0/16",  # private use
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and the broadcast
    )
)
"""IPv4 networks of IANA's registries without hosts of the public network."""

UNICAST_IPV6 = IPv6Network("2000::/3")
"""The only IPv6 network with public hosts: beyond it are loopback, local, multicast, reserved and withdrawn addresses."""
SPECIAL_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
"""Networks within it without hosts of the public network."""

TRANSLATED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "::ffff:0:0/96",  # mapped: the kernel sends IPv4
        "64:ff9b::/96",  # NAT64: a gateway sends IPv4
        "2001::/32",  # Teredo: a tunnel through IPv4
        "2002::/16",  # 6to4: a tunnel through IPv4
    )
)
"""Networks whose addresses are as public as the IPv4 addresses embedded in them."""

ISATAP_MARKS = (0x00005EFE, 0x02005EFE)
"""The third quarter of an ISATAP address, under any prefix; its last quarter is an IPv4 address."""


def is_public(address: Address) -> bool:
    """Return whether an address, and every IPv4 address embedded in it, belongs to the public network."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_IPV4)
    return _is_public_ipv6(address) and all(map(is_public, embedded_ipv4(address)))


def embedded_ipv4(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that lie in an IPv6 address of a known form; none in an ordinary one."""
    bits = int(address)
    last = IPv4Address(bits & 0xFFFFFFFF)
    if address.teredo:
        yield from address.teredo  # server and client
    elif address.sixtofour:
        yield address.sixtofour
    elif any(address in network for network in TRANSLATED_IPV6):
        yield last
    if (bits >> 32) & 0xFFFFFFFF in ISATAP_MARKS:
        yield last


def _is_public_ipv6(address: IPv6Address) -> bool:
    if any(address in network for network in TRANSLATED_IPV6):
        return True
    return address in UNICAST_IPV6 and not any(address in network for network in SPECIAL_IPV6)
