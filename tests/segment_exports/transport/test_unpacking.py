from __future__ import annotations

import gzip
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.memory_taken import MemoryTaken

from segment_exports.settings import bounds
from segment_exports.transport.unpacking import Body, UnusableBodyError


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKED = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    " GZIP , identity": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
}


def taken(encoding: str, *pieces: bytes, most: int = 1000) -> bytes:
    body = Body(encoding, most)
    for piece in pieces:
        body.add(piece)
    return body.whole()


def refusal(encoding: str, *pieces: bytes, most: int = 1000) -> str:
    with pytest.raises(UnusableBodyError) as refused:
        taken(encoding, *pieces, most=most)
    return str(refused.value)


def bomb(megabytes: int, wbits: int = 31) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize("encoding", PACKED)
@given(body=st.binary(max_size=1000), size=st.integers(1, 64))
def test_a_body_is_the_same_packed_or_not_in_whatever_pieces_it_comes(
    encoding: str, body: bytes, size: int
) -> None:
    packed = PACKED[encoding](body)
    assert taken(encoding, *(packed[at : at + size] for at in range(0, len(packed), size))) == body


@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_may_have_as_many_bytes_as_the_bound_and_not_one_more(encoding: str) -> None:
    assert len(taken(encoding, PACKED[encoding](bytes(1000)))) == 1000
    assert refusal(encoding, PACKED[encoding](bytes(1001))) == "more than 1,000 bytes"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_unpacks_without_end_takes_no_more_memory_than_the_bound(encoding: str) -> None:
    packed = bomb(100, 31 if encoding == "gzip" else 15)
    assert len(packed) < bounds.MIB
    begun = time.perf_counter()
    with MemoryTaken() as memory:
        told = refusal(encoding, packed, most=bounds.ANSWER_BYTES)
    assert told == "more than 16 MiB"
    assert memory.most < 6 * bounds.ANSWER_BYTES
    assert time.perf_counter() - begun < 10


def test_packed_parts_in_a_row_are_one_body() -> None:
    parts = [gzip.compress(b"x")] * bounds.PACKED_PARTS
    assert taken("gzip", b"".join(parts)) == b"x" * bounds.PACKED_PARTS
    told = f"a gzip body of more than {bounds.PACKED_PARTS} parts"
    assert refusal("gzip", b"".join(parts), gzip.compress(b"x")) == told
    assert refusal("gzip", gzip.compress(b"") * 10_000) == told


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_packed_body_that_is_cut_off_is_none(encoding: str) -> None:
    packed = PACKED[encoding](b"a body" * 20)
    assert refusal(encoding, packed[:-5]) == f"a {encoding} body that is cut off"
    assert taken(encoding) == b""


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_packed_otherwise_than_the_answer_says_is_none(encoding: str) -> None:
    assert refusal(encoding, b"\x78\xff{}") == f"a body that is no {encoding}"


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "x-snappy"])
def test_only_what_was_asked_for_is_unpacked(encoding: str) -> None:
    told = "a body that is packed in another way than was asked for (gzip, deflate)"
    assert refusal(encoding, b"{}") == told


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate,gzip", "br, gzip"])
def test_what_is_packed_more_than_once_is_refused(encoding: str) -> None:
    assert refusal(encoding, gzip.compress(gzip.compress(b"{}"))) == "a body that is packed 2 times over"
