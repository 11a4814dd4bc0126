"""Whether this machine has a sandbox, and the one for a run: bubblewrap looked for and tried, the system looked at."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from runtime.sandbox import OWN_PLACES, Place, Sandbox, hidden, readable, without, writable

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
SETTINGS = ("alternatives", "group", "ld.so.cache", "localtime", "nsswitch.conf", "passwd")  # /etc holds keys too
FOR_THE_NETWORK = (
    *("gai.conf", "hosts", "resolv.conf", "protocols", "services"),
    *("ssl/certs", "ssl/openssl.cnf", "pki/ca-trust", "pki/tls/certs"),
)
KEYS = ".env"  # in the working directory, where secrets are kept
PATIENCE = 10.0  # seconds for the trial


class Missing(NamedTuple):
    """Why this machine has no sandbox, and the mend."""

    reason: str
    mend: str


def unavailable() -> Missing | None:
    """What keeps this machine from having a sandbox. Each bubblewrap found on the path is tried once."""
    if sys.platform != "linux":
        return Missing(f"there is no sandbox on {sys.platform}", "run it on Linux")
    program = shutil.which("bwrap")
    if program is not None:
        return _try(program)
    return Missing("there is no program 'bwrap' on the path", "install bubblewrap")


@cache
def _try(program: str) -> Missing | None:
    """All that a sandbox is made of, tried with this Python inside."""
    trial = Sandbox(program, (*_system(), *_interpreter()))
    words = [program, *map(os.fsdecode, trial.options("/")), "--", sys.executable, "-ISc", ""]
    try:
        done = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False, env={})
    except (OSError, subprocess.TimeoutExpired) as error:
        return Missing(f"{program} did not run: {error}", "install bubblewrap anew")
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2] or f"exit code {done.returncode}"
    return Missing(f"{program} made none: {said}", "allow unprivileged user namespaces, or update bubblewrap")


def sandbox_for(allowed: Iterable[str], named: Iterable[str], directory: Path) -> Sandbox:
    """The sandbox of a run in `directory`, by the capabilities granted to it; those `named` by the user may be missing.

    Only `network` without a scope gives a process the network: hosts cannot be told apart here. OSError if there is no
    bubblewrap.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise FileNotFoundError("bwrap")
    granted = frozenset(allowed)
    network = "network" in granted
    places = [*_system(network), *_interpreter(), *map(hidden, _homes()), *_working_directory(directory)]
    missing = {path: said for path, said in _paths(named, "write", directory) if not os.path.exists(path)}
    places += [readable(path, granted=True) for path, _ in _paths(granted, "read", directory) if os.path.exists(path)]
    places += [
        writable(path) for path, _ in _paths(granted, "write", directory) if os.path.exists(path) or path in missing
    ]
    return Sandbox(program, tuple(places), network, tuple(missing.items()))


def make_missing(sandbox: Sandbox) -> None:
    """Makes granted places that are not there, for nothing can be mounted otherwise: what looks like a file, empty."""
    for path, said in sandbox.missing:
        with suppress(FileExistsError):
            if Path(said).suffix and not said.endswith("/"):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                Path(path).touch()
            else:
                Path(path).mkdir(parents=True)


def _paths(granted: Iterable[str], kind: str, directory: Path) -> list[tuple[str, str]]:
    """The paths granted, every link followed, and as they were said."""
    grants = (grant.partition(":") for grant in sorted(granted) if "\0" not in grant)  # no file has such a name
    return [(os.path.realpath(directory / (said or "/")), said) for each, _, said in grants if each == kind]


def _system(network: bool = False) -> Iterator[Place]:
    names = (*SETTINGS, *(FOR_THE_NETWORK if network else ()))
    for path in (*SYSTEM, *(f"/etc/{name}" for name in names)):
        if os.path.exists(path):
            yield readable(path)


def _interpreter() -> list[Place]:
    """Where this Python is, by each of its names: perhaps in the home, of which nothing else is there."""
    prefixes = {os.path.abspath(prefix) for prefix in (sys.prefix, sys.base_prefix)}
    return [readable(path) for path in sorted(prefixes | set(map(os.path.realpath, prefixes)))]


def _working_directory(directory: Path) -> Iterator[Place]:
    yield readable(os.path.realpath(directory))
    if os.path.isfile(keys := os.path.realpath(directory / KEYS)):
        yield without(keys)


def _homes() -> set[str]:
    """The home by the environment, and that of the user that plait runs as."""
    found = {os.path.expanduser("~")}
    with suppress(KeyError):  # a user that no list knows
        found.add(pwd.getpwuid(os.getuid()).pw_dir)
    return {real for home in found if os.path.isdir(real := os.path.realpath(home))} - _NEVER_HIDDEN


_NEVER_HIDDEN = {str(place.path) for place in OWN_PLACES}  # the home of a service may be the root
