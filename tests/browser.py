"""Pages in a real headless Chromium: what they became, what they wrote to the console, what they look like."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# As root (CI) there is no sandbox of Chromium's own; the rest keeps it from calling home.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A page after its script has run: the document as it then stood, and the lines of its console."""

    dom: str
    console: tuple[str, ...]

    @property
    def title(self) -> str:
        found = re.search(r"<title>(.*?)</title>", self.dom, re.DOTALL)
        return found[1] if found else ""


def opened(page: Path, folder: Path, fragment: str = "") -> Opened:
    """Opens a file, at the place that `fragment` says."""
    done = _called("--dump-dom", page, folder, fragment)
    lines = done.stderr.decode(errors="replace").splitlines()
    return Opened(done.stdout.decode(), tuple(line for line in lines if "CONSOLE" in line))


def pictured(page: Path, folder: Path, size: tuple[int, int], fragment: str = "", *, dark: bool = False) -> bytes:
    """What a window of that size shows, as PNG."""
    into = folder / "shot.png"
    theme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    width, height = size
    _called(f"--screenshot={into}", page, folder, fragment, f"--window-size={width},{height}", *theme)
    return into.read_bytes()


def _called(task: str, page: Path, folder: Path, fragment: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    assert BROWSER is not None, "no Chromium: apt-get install chromium"
    address = page.as_uri() + (f"#{fragment}" if fragment else "")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", *options, task, address]
    return subprocess.run(command, capture_output=True, check=True, timeout=60)


def variety(png: bytes) -> int:
    """How many different bytes the lines of a picture are made of; a blank one has next to none."""
    assert png.startswith(b"\x89PNG")
    data, at = b"", 8
    while at < len(png):
        (length,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    return len(set(zlib.decompress(data)))
