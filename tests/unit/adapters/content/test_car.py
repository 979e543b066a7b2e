from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.adapters.content.car import (
    DAG_CBOR,
    DAG_PB,
    RAW,
    Cid,
    archive,
    batch_links,
    batch_root,
    cid_from_bytes,
    cid_from_text,
    raw_block,
    raw_cid,
    varint,
)
from salus.core.cid import cid_of
from salus.core.errors import InputError
from salus.core.hashing import sha256

DIGESTS = st.lists(st.binary(min_size=32, max_size=32), max_size=300, unique=True)


@pytest.mark.parametrize(
    ("number", "hexed"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (1 << 20, "808040")]
)
def test_varint__numbers__as_protocol_buffers_has_them(number: int, hexed: str) -> None:
    assert varint(number).hex() == hexed


def test_raw_cid__a_digest__is_spelled_as_core_does() -> None:
    digest = sha256(b"sealed")
    assert str(raw_cid(digest)) == cid_of(digest)
    assert cid_from_text(cid_of(digest)) == raw_cid(digest)


@pytest.mark.parametrize("codec", [RAW, DAG_PB, DAG_CBOR])
def test_cid__written_and_read__is_the_same(codec: int) -> None:
    cid = Cid(codec, sha256(b"x"))
    assert cid_from_text(str(cid)) == cid_from_bytes(bytes(cid)) == cid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        "bafkrei",
        "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",  # version 0
        cid_of(sha256(b"x")).upper(),
        cid_of(sha256(b"x")) + "a",
        cid_of(sha256(b"x"))[:-1],
        "z" + cid_of(sha256(b"x"))[1:],
        "b中" + cid_of(sha256(b"x"))[2:],
    ],
)
def test_cid_from_text__anything_else__is_refused(text: str) -> None:
    with pytest.raises(InputError):
        cid_from_text(text)


def test_archive__one_block__is_byte_for_byte_that_of_the_specification() -> None:
    block = raw_block(b"hello")
    head = bytes.fromhex("3aa265726f6f747381d82a582500") + bytes(block.cid) + bytes.fromhex("6776657273696f6e01")
    assert archive(block.cid, [block]) == head + bytes([36 + 5]) + bytes(block.cid) + b"hello"


@given(DIGESTS)
def test_batch_root__any_digests__are_read_back_sorted(digests: list[bytes]) -> None:
    root = batch_root(digests)
    assert root.cid == Cid(DAG_CBOR, sha256(root.data))
    assert batch_links(root.data) == sorted(digests)


@given(DIGESTS, st.randoms())
def test_batch_root__in_another_order_and_twice__is_the_same(digests: list[bytes], chance: object) -> None:
    shuffled = digests * 2
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert batch_root(shuffled) == batch_root(digests)


@pytest.mark.parametrize("count", [23, 24, 255, 256, 1000, 65_536])
def test_batch_root__around_the_widths_of_cbor__is_read_back(count: int) -> None:
    digests = [number.to_bytes(32, "big") for number in range(count)]
    assert batch_links(batch_root(digests).data) == digests


@given(DIGESTS.filter(bool), st.data())
def test_batch_links__a_byte_more_or_less__is_refused(digests: list[bytes], data: st.DataObject) -> None:
    body = batch_root(digests).data
    cut = data.draw(st.integers(0, len(body) - 1))
    for wrong in (body[:cut], body + b"\0", b"\x9f" + body[1:]):
        with pytest.raises(InputError):
            batch_links(wrong)
