from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.addresses import canonical, place_of, read_address, unfit_host

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)
BASES = st.lists(st.sampled_from(["{}", "0{:o}", "00{:o}", "0x{:x}", "0X{:X}"]), min_size=4, max_size=4)
NAT64 = IPv6Network("64:ff9b::/96")


def reach(address: str) -> str:
    found = read_address(address)
    assert found is not None
    return place_of(found).reach


@pytest.mark.parametrize(
    "spelling",
    [
        *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0X7F.0.0.0x1", "0177.0.0.1"),
        *("017700000001", "0177.0x0.1", "00000000177.0.0.1", "127.0.0.1.", "127.00.000.01"),
        *("::ffff:127.0.0.1", "[::ffff:7f00:1]", "0:0:0:0:0:ffff:127.0.0.1", "::FFFF:127.0.0.1"),
    ],
)
def test_every_spelling_of_an_address_is_read_as_that_address(spelling: str) -> None:
    assert read_address(spelling) == IPv4Address("127.0.0.1")
    assert canonical(spelling) == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("example.com", ""),
        ("a_b.example", ""),
        ("xn--bcher-kva.example", ""),
        ("1.example", ""),
        ("0x7f.example", ""),
        ("[::1]", ""),
        ("7147006462", "ends like an address"),
        ("o177.0.0.1", "ends like an address"),
        ("0o177.0.0.1", "ends like an address"),
        ("127.0.0.256", "ends like an address"),
        ("127.0.0.08", "ends like an address"),
        ("1.2.3.4.5", "ends like an address"),
        ("example.0x7g.0x7f", "ends like an address"),
        ("127.0.0.1!", "neither a name nor"),
        ("127.0.0.1 x", "neither a name nor"),
        ("127。0。0。1", "neither a name nor"),
        ("a..b", "neither a name nor"),
        ("a" * 254, "neither a name nor"),
        ("::1::", "neither a name nor"),
        ("", "neither a name nor"),
    ],
)
def test_a_host_is_a_name_or_an_address_or_neither(host: str, problem: str) -> None:
    assert problem in unfit_host(host)
    assert bool(problem) == bool(unfit_host(host))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *((each, "own") for each in ("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "::1", "::")),
        *((each, "private") for each in ("10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd12::1")),
        *((each, "closed") for each in ("169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1", "100.64.0.1")),
        *((each, "closed") for each in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")),
        *((each, "closed") for each in ("224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1", "ff02::1")),
        *((each, "closed") for each in ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1")),
        *((each, "closed") for each in ("198.18.0.1", "192.88.99.1", "100::1", "5f00::1", "4000::1", "2001:20::1")),
        *((each, "closed") for each in ("::10.0.0.1", "::8.8.8.8", "::ffff:0:10.0.0.1", "64:ff9b:1::10.0.0.1")),
        *((each, "closed") for each in ("64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "2002:808:808::")),
        *((each, "closed") for each in ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2606:4700::5efe:10.0.0.1")),
        *((each, "closed") for each in ("2606:4700::200:5efe:8.8.8.8", "2606:4700::1111%eth0")),
        *((each, "public") for each in ("8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111")),
        *((each, "public") for each in ("64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "1.1")),
    ],
)
def test_where_an_address_leads(address: str, expected: str) -> None:
    assert reach(address) == expected


def test_a_wrapped_address_is_told_with_what_it_holds() -> None:
    assert place_of(IPv6Address("2002:7f00:1::")).words == ("127.0.0.1 tunnelled by 6to4, an address of this machine")
    assert place_of(IPv6Address("::ffff:169.254.169.254")).words.startswith("169.254.169.254 mapped, a link-local")
    assert "10.0.0.1 tunnelled by Teredo" in place_of(IPv6Address("2001:0:0:0:0:0:f5ff:fffe")).words


@given(V4, st.sampled_from([1, 2, 3, 4]), BASES)
def test_a_spelling_in_parts_and_bases_leads_back_to_the_address(
    address: IPv4Address, parts: int, bases: list[str]
) -> None:
    packed = address.packed
    numbers = [*packed[: parts - 1], int.from_bytes(packed[parts - 1 :], "big")]
    spelled = ".".join(base.format(number) for base, number in zip(bases, numbers, strict=False))
    assert read_address(spelled) == address
    assert unfit_host(spelled) == ""


@given(V6)
def test_every_form_of_an_ipv6_address_leads_back_to_it(address: IPv6Address) -> None:
    expected = address.ipv4_mapped or address
    for spelled in (str(address), address.exploded, address.compressed.upper(), f"[{address}]"):
        assert read_address(spelled) == expected


@given(V4, st.sampled_from(["::ffff:{}", "64:ff9b::{}"]))
def test_a_plain_wrapping_is_public_if_what_it_holds_is(address: IPv4Address, form: str) -> None:
    wrapped = place_of(IPv6Address(form.format(address)))
    assert (wrapped.reach == "public") == (place_of(address).reach == "public")


@given(V4 | V6)
def test_what_the_standard_library_calls_not_global_is_never_public(address: IPv4Address | IPv6Address) -> None:
    if place_of(address).reach == "public":
        assert address.is_global
        assert not address.is_multicast
        assert address in NAT64 or not address.is_reserved


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = read_address(text)
    assert found is None or unfit_host(text) == ""
    assert canonical(canonical(text)) == canonical(text)


@given(V4 | V6)
def test_a_canonical_host_stays_as_it_is(address: IPv4Address | IPv6Address) -> None:
    once = canonical(str(address))
    assert canonical(once) == once == str(ip_address(once))
