"""Packed bytes to bytes, piece by piece and never more at once than a piece: what expands without end is seen early."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

PIECE = 64 * 1024
KINDS = ("gzip", "deflate")
_NAMES = {"x-gzip": "gzip"}
MOST_LAYERS = 3


class Unpackable(ValueError):
    """The bytes are not what their encoding says, or the encoding is one we cannot read."""


class Unpacker:
    """Undoes the encodings of a `content-encoding` header. Feed it, then finish. Raises Unpackable."""

    def __init__(self, header: str) -> None:
        names = [each.strip().lower() for each in header.split(",")]
        kinds = [_NAMES.get(each, each) for each in names if each not in ("", "identity")]
        if unknown := [each for each in kinds if each not in KINDS]:
            raise Unpackable(f"it is packed as '{unknown[0]}'; known are {' and '.join(KINDS)}")
        if len(kinds) > MOST_LAYERS:
            raise Unpackable(f"it is packed {len(kinds)} times over; at most {MOST_LAYERS} are undone")
        self._layers = [_Layer(kind) for kind in reversed(kinds)]

    def feed(self, data: bytes) -> Iterator[bytes]:
        return _through(self._layers, (data,))

    def finish(self) -> None:
        if any(each.is_amid for each in self._layers):
            raise Unpackable("it ends amid what was packed")


def _through(layers: Sequence[_Layer], pieces: Iterable[bytes]) -> Iterator[bytes]:
    if not layers:
        yield from pieces
        return
    for piece in pieces:
        yield from _through(layers[1:], layers[0].feed(piece))


class _Layer:
    """One encoding undone. Many servers leave out the header that `deflate` should have: its first bytes tell."""

    def __init__(self, kind: str) -> None:
        self._kind, self._start = kind, b""
        self._engine = zlib.decompressobj(zlib.MAX_WBITS + 16)
        self._begun = kind == "gzip"
        self.is_amid = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._begun:
            data = self._begin(data)
        while data and not self._engine.eof:
            self.is_amid = True
            yield from self._pieces(data)
            if not self._engine.eof:
                return
            self.is_amid, data = False, self._engine.unused_data
            if self._kind == "gzip" and data.startswith(b"\x1f\x8b"):  # gzip may have several members
                self._engine = zlib.decompressobj(zlib.MAX_WBITS + 16)

    def _begin(self, data: bytes) -> bytes:
        """What there is to inflate, once it is known how."""
        self._start += data
        self.is_amid = bool(self._start)
        if len(self._start) < 2:
            return b""
        has_header = self._start[0] & 0x0F == 8 and int.from_bytes(self._start[:2], "big") % 31 == 0
        self._engine, self._begun = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS), True
        return self._start

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        full = True
        while (data or full) and not self._engine.eof:
            try:
                piece = self._engine.decompress(data, PIECE)
            except zlib.error as error:
                raise Unpackable(str(error)) from None
            data, full = self._engine.unconsumed_tail, len(piece) == PIECE
            if piece:
                yield piece
