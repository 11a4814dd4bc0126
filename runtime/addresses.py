"""What an internet address is: public, or a place that only a grant by name may open, and why.

A host is read as the most lenient resolver reads it: `127.1`, `0x7f000001` and `017700000001` are `127.0.0.1`. What
looks like a number and is none is no host at all, so that no resolver further on can take it for something else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Reach: TypeAlias = Literal["public", "private", "own", "closed"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address leads.

    `reach`: `public`; `private`, a network of the house; `own`, this machine; `closed`, which no name may lead to.
    """

    reach: Reach
    words: str


PUBLIC = Place("public", "a public address")
_OWN = Place("own", "an address of this machine")
_PRIVATE = Place("private", "an address of a private network")
_LINK = Place("closed", "a link-local address, where clouds keep their keys")
_CLOUD = Place("closed", "an address where a cloud keeps its keys")
_SHARED = Place("closed", "an address of a provider's inner network")
_MULTICAST = Place("closed", "a multicast address")
_RESERVED = Place("closed", "a reserved address")
_EXAMPLE = Place("closed", "an address kept for documentation")

_V4 = tuple(
    (IPv4Network(network), place)
    for network, place in (
        ("168.63.129.16/32", _CLOUD),
        ("192.0.0.192/32", _CLOUD),
        ("100.100.100.200/32", _CLOUD),
        ("0.0.0.0/8", _OWN),
        ("127.0.0.0/8", _OWN),
        ("10.0.0.0/8", _PRIVATE),
        ("172.16.0.0/12", _PRIVATE),
        ("192.168.0.0/16", _PRIVATE),
        ("100.64.0.0/10", _SHARED),
        ("169.254.0.0/16", _LINK),
        ("192.0.2.0/24", _EXAMPLE),
        ("198.51.100.0/24", _EXAMPLE),
        ("203.0.113.0/24", _EXAMPLE),
        ("192.0.0.0/24", _RESERVED),
        ("192.88.99.0/24", _RESERVED),
        ("198.18.0.0/15", _RESERVED),
        ("224.0.0.0/4", _MULTICAST),
        ("240.0.0.0/4", _RESERVED),
    )
)
_V6 = tuple(
    (IPv6Network(network), place)
    for network, place in (
        ("::/127", _OWN),  # :: and ::1
        ("fd00:ec2::254/128", _CLOUD),
        ("fd20:ce::254/128", _CLOUD),
        ("fc00::/7", _PRIVATE),
        ("fe80::/10", _LINK),
        ("fec0::/10", Place("closed", "an address of a private network, in a form given up")),
        ("ff00::/8", _MULTICAST),
        ("2001:db8::/32", _EXAMPLE),
        ("3fff::/20", _EXAMPLE),
        ("2001::/23", _RESERVED),
        ("2000::/3", PUBLIC),
        ("::/0", _RESERVED),
    )
)


@dataclass(frozen=True, slots=True)
class _Wrapping:
    """IPv6 addresses that hold an IPv4 one, `shift` bits from the right; `plain`: the connection ends right there."""

    network: IPv6Network
    words: str
    shift: int = 0
    plain: bool = False
    inverted: bool = False

    def inside(self, address: IPv6Address) -> IPv4Address:
        bits = (int(address) >> self.shift) & 0xFFFFFFFF
        return IPv4Address(bits ^ 0xFFFFFFFF if self.inverted else bits)


_WRAPPINGS = (
    _Wrapping(IPv6Network("::ffff:0:0/96"), "mapped", plain=True),
    _Wrapping(IPv6Network("64:ff9b::/96"), "translated by NAT64", plain=True),
    _Wrapping(IPv6Network("64:ff9b:1::/48"), "translated by NAT64"),
    _Wrapping(IPv6Network("::ffff:0:0:0/96"), "translated"),
    _Wrapping(IPv6Network("2002::/16"), "tunnelled by 6to4", shift=80),
    _Wrapping(IPv6Network("2001::/32"), "tunnelled by Teredo", inverted=True),
    _Wrapping(IPv6Network("::/96"), "in a form given up"),
)
_ISATAP = (0x00005EFE, 0x02005EFE)


def place_of(address: Address) -> Place:
    """Where the address leads. A tunnel is never public: its other end decides where it comes out."""
    if isinstance(address, IPv4Address):
        return next((place for network, place in _V4 if address in network), PUBLIC)
    own = next(place for network, place in _V6 if address in network)
    if own is _OWN:
        return own
    for wrapping in _WRAPPINGS:
        if address in wrapping.network:
            return _wrapped(wrapping.inside(address), wrapping.words, plain=wrapping.plain)
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return _wrapped(IPv4Address(int(address) & 0xFFFFFFFF), "tunnelled by ISATAP", plain=False)
    if own is PUBLIC and address.scope_id is not None:
        return Place("closed", "an address of one link only")
    return own


def _wrapped(inner: IPv4Address, words: str, *, plain: bool) -> Place:
    place = place_of(inner)
    said = f"{inner} {words}, {place.words}"
    return Place(place.reach if place.reach == "public" and plain else "closed", said)


def read_address(host: str) -> Address | None:
    """The address that a host spells, None for a name; an IPv4 address mapped into IPv6 is the IPv4 address."""
    bare = host.removeprefix("[").removesuffix("]").replace("%25", "%")
    if ":" not in bare:
        return _read_v4(bare.lower())
    try:
        address = IPv6Address(bare)
    except ValueError:
        return None
    return address.ipv4_mapped or address


def _read_v4(host: str) -> IPv4Address | None:
    """One to four numbers, decimal, octal or hexadecimal; the last fills all the bytes that are left."""
    numbers = [_number(each) for each in host.removesuffix(".").split(".")]
    known = [each for each in numbers if each is not None]
    *leading, last = known or [0]
    if len(known) < len(numbers) or len(numbers) > 4 or any(each > 0xFF for each in leading):
        return None
    free = 4 - len(leading)
    if last >= 1 << 8 * free:
        return None
    return IPv4Address(sum(each << 8 * (3 - at) for at, each in enumerate(leading)) + last)


def _number(text: str) -> int | None:
    if re.fullmatch(r"0x[0-9a-f]*", text):
        return int(text[2:][-40:] or "0", 16)
    if re.fullmatch(r"0[0-7]*", text):
        return int(text[-60:], 8)
    return int(text[:40]) if re.fullmatch(r"[1-9][0-9]*", text) else None


def canonical(host: str) -> str:
    """The one spelling of a host: its address where it spells one, else the name as name servers know it."""
    known = _in_ascii(host)
    address = read_address(known)
    return str(address) if address is not None else known.lower().removesuffix(".")


def _in_ascii(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host


def is_own_name(host: str) -> bool:
    """Whether a name stands for this machine by definition."""
    return host == "localhost" or host.endswith(".localhost")


def unfit_host(host: str) -> str:
    """Why a host can be neither a name nor an address; empty if it can."""
    if read_address(host) is not None:
        return ""
    if not re.fullmatch(r"[a-z0-9_.-]+", host, re.IGNORECASE) or ".." in host or len(host) > 253:
        return "which is neither a name nor an address"
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.lower().removesuffix(".").rpartition(".")[2]):
        return "which ends like an address and is none"
    return ""
