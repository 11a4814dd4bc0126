"""Grants: what a run was allowed, and whether that includes what a step is about to do.

A grant is a kind, or a kind and a scope: `shell`, `write:out/`, `network:api.example.com`. A kind alone covers all its
scopes, but for `network`, which covers public places alone; a folder covers what is inside. Reading below the working
directory and the configured model need no grant. Scopes are settled once, when the grants are made: links in a path
are followed then and never again, so nobody can move a grant by moving a link.
"""

from __future__ import annotations

import os.path
from dataclasses import dataclass, field
from pathlib import Path

from runtime.addresses import Address, canonical, is_own_name, place_of, read_address

FREE = frozenset({"model"})
_PATHS = ("read", "write")


@dataclass(frozen=True, slots=True)
class Grants:
    """What a run may do. Relative paths begin at `directory`."""

    allowed: frozenset[str] = frozenset()
    directory: Path = field(default_factory=Path.cwd)
    _settled: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        settled = {self.settle(grant) for grant in self.allowed} | {self.settle("read:.")}
        object.__setattr__(self, "_settled", frozenset(settled))  # the value is frozen, and this is a part of making it

    def settle(self, capability: str) -> str:
        """A capability with its scope as it counts: a path as the links lead right now, a host in its one spelling."""
        kind, _, scope = capability.partition(":")
        if scope and kind in _PATHS:
            return f"{kind}:{_real(os.path.join(self.directory, scope))}"
        return f"{kind}:{canonical(scope)}" if scope and kind == "network" else capability

    def cover(self, capability: str) -> bool:
        """Whether the capability is granted, as far as can be told beforehand: a path as the links lead right now."""
        settled = self.settle(capability)
        kind, _, scope = settled.partition(":")
        if settled in self._settled or settled in FREE:
            return True
        if kind in _PATHS and scope:
            return self.cover_path(kind, scope)
        return kind in self._settled and not (kind == "network" and _is_within(scope))

    def cover_path(self, kind: str, path: str) -> bool:
        """Whether an absolute path that was reached through no link is granted. Asks the file system nothing."""
        if kind in self._settled:
            return True
        scopes = (each.partition(":")[2] for each in self._settled if each.startswith(f"{kind}:"))
        return any(path == each or path.startswith(os.path.join(each, "")) for each in scopes if each)

    def elsewhere(self, capability: str) -> str:
        """Where a path leads through links, so that nobody is asked about one place and grants another; else empty."""
        kind, _, scope = capability.partition(":")
        if kind not in _PATHS or not scope:
            return ""
        plain = os.path.normpath(os.path.join(os.path.realpath(self.directory), scope))
        real = _real(os.path.join(self.directory, scope))
        return real if real != plain else ""

    def reach(self, host: str, address: Address) -> bool:
        """Whether a connection to an address is granted, to which a host's name has led."""
        if not self.cover(f"network:{host}"):
            return False
        place, name = place_of(address), canonical(host)
        if place.reach == "public" or self._names(str(address)):
            return True
        opened = place.reach == "private" or (place.reach == "own" and is_own_name(name))
        return opened and self._names(name)

    def _names(self, host: str) -> bool:
        return f"network:{host}" in self._settled


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # it holds what no file's name can; no file will be found there
        return os.path.normpath(path)


def _is_within(host: str) -> bool:
    """Whether a host, as spelled, is no public place."""
    address = read_address(host)
    return is_own_name(host) if address is None else place_of(address).reach != "public"
