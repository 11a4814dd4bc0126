from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.nodes.http_unpacking import PIECE, Unpackable, Unpacker


def raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    " Deflate": raw_deflate,
}


def unpacked(header: str, *chunks: bytes) -> bytes:
    unpacker = Unpacker(header)
    found = b"".join(piece for chunk in chunks for piece in unpacker.feed(chunk))
    unpacker.finish()
    return found


@given(st.binary(max_size=2000), st.lists(st.sampled_from(sorted(PACKERS)), max_size=3), st.integers(1, 50))
def test_what_was_packed_comes_back_however_it_is_cut(data: bytes, kinds: list[str], size: int) -> None:
    packed = data
    for kind in kinds:
        packed = PACKERS[kind](packed)
    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert unpacked(",".join(kinds), *chunks) == data


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 10 * PIECE])
@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_pieces_that_are_just_full_lose_nothing(kind: str, size: int) -> None:
    data = b"x" * size
    pieces = list(Unpacker(kind).feed(PACKERS[kind](data)))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= PIECE


def test_a_bomb_is_never_held_at_once() -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * 100_000_000))
    unpacker, came = Unpacker("gzip, gzip"), 0
    tracemalloc.start()
    for piece in unpacker.feed(bomb):
        came += len(piece)
        if came > 20_000_000:
            break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(bomb) < 2000
    assert peak < 2_000_000


def test_several_members_are_one_and_what_trails_is_left_out() -> None:
    assert unpacked("gzip", gzip.compress(b"one ") + gzip.compress(b"two") + b"trail") == b"one two"
    assert unpacked("deflate", zlib.compress(b"one") + b"trail") == b"one"


@pytest.mark.parametrize("header", ["gzip", "", "identity", "deflate, gzip"])
def test_nothing_is_unpacked_to_nothing(header: str) -> None:
    assert unpacked(header) == b""


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ("br", b"x", "packed as 'br'; known are gzip and deflate"),
        ("gzip, zstd", b"x", "packed as 'zstd'"),
        ("gzip,gzip,gzip,gzip", b"x", "packed 4 times over; at most 3"),
        ("gzip", b"no gzip", "incorrect header"),
        ("deflate", b"\xff\xff\xff", "invalid"),
        ("gzip", gzip.compress(b"x" * 100)[:-9], "ends amid"),
        ("gzip", gzip.compress(b"x" * 100)[:-8] + b"12345678", "incorrect data check"),
    ],
)
def test_what_cannot_be_unpacked_says_so(header: str, data: bytes, message: str) -> None:
    with pytest.raises(Unpackable, match=message):
        unpacked(header, data)
