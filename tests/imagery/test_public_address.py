"""An address is public when it and every IPv4 address embedded in it are, in any form of embedding."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lobate.imagery.fetching.public_address import SPECIAL_IPV4, is_public

PUBLIC_SERVER = int(IPv4Address("8.8.8.8"))


def based(prefix: str, shift: int = 0):
    """Return a form of embedding: the IPv4 address, ``shift`` bits from the end, under this prefix."""
    return lambda inner: int(IPv6Address(prefix)) | inner << shift


FORMS = {
    "mapped": based("::ffff:0:0"),
    "NAT64": based("64:ff9b::"),
    "6to4": based("2002::", 80),
    "Teredo's client": lambda inner: based("2001::")(inner ^ 0xFFFFFFFF) | PUBLIC_SERVER << 64,
    "Teredo's server": lambda inner: based("2001::", 64)(inner) | PUBLIC_SERVER ^ 0xFFFFFFFF,
    "ISATAP": based("2606:4700::5efe:0:0"),
    "ISATAP, unique": based("2606:4700::200:5efe:0:0"),
    "ISATAP in 6to4": based("2002:808:808::5efe:0:0"),
}
WITHDRAWN = {
    "compatible": based("::"),
    "translated": based("::ffff:0:0:0"),
    "local NAT64 /96": based("64:ff9b:1::"),
    "local NAT64 /48": lambda inner: int(IPv6Address("64:ff9b:1::")) | (inner >> 16) << 64 | (inner & 0xFFFF) << 40,
    "ISATAP on the link": based("fe80::5efe:0:0"),
    "ISATAP on the site": based("fec0::5efe:0:0"),
}
IPV4_HOSTS = st.one_of(st.ip_addresses(v=4), *(st.ip_addresses(network=str(network)) for network in SPECIAL_IPV4))


@pytest.mark.parametrize("form", FORMS)
@given(IPV4_HOSTS)
def test_an_embedding_is_as_public_as_the_address_in_it(form, inner):
    assert is_public(IPv6Address(FORMS[form](int(inner)))) == is_public(inner)


@pytest.mark.parametrize("form", WITHDRAWN)
@given(IPV4_HOSTS)
def test_a_withdrawn_or_local_form_is_refused_whatever_it_embeds(form, inner):
    assert not is_public(IPv6Address(WITHDRAWN[form](int(inner))))


@given(IPV4_HOSTS)
def test_ipv4_is_public_only_where_python_says_so_too(address):
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6))
def test_ipv6_is_public_only_where_python_says_so_too(address):
    assume(not (address.ipv4_mapped or address.sixtofour or address.teredo))
    assume(address not in IPv6Network("64:ff9b::/96"))
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize(
    "network",
    [
        "::/8", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "200::/7", "400::/6", "800::/5", "1000::/4", "2001:2::/48",
        "2001:10::/28", "2001:db8::/32", "3fff::/20", "4000::/2", "5f00::/16", "8000::/1", "fc00::/7", "fe80::/10", "fec0::/10",
        "ff00::/8",
    ],
)  # fmt: skip
def test_both_ends_of_a_special_network_of_ipv6_are_refused(network):
    ends = IPv6Network(network)[0], IPv6Network(network)[-1]
    assert [is_public(end) for end in ends] == [False, False]


@pytest.mark.parametrize("network", list(map(str, SPECIAL_IPV4)))
def test_both_ends_of_a_special_network_of_ipv4_are_refused(network):
    ends = IPv4Network(network)[0], IPv4Network(network)[-1]
    assert [is_public(end) for end in ends] == [False, False]


@pytest.mark.parametrize(
    "host",
    [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "192.0.1.0", "192.88.98.1", "192.88.100.1", "172.32.0.1", "223.255.255.255",
        "2606:4700:4700::1111", "2a00:1450::1", "2001:4860::1", "2000::", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:8.8.8.8",
        "2606:4700::5efe:8.8.8.8",
    ],
)  # fmt: skip
def test_public_hosts_and_those_behind_a_gateway_pass(host):
    assert is_public(ip_address(host))
