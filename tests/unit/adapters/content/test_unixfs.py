from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.adapters.content.car import raw_cid
from salus.adapters.content.unixfs import MOST_PIECES, PIECE, Piece, file_pieces, file_root
from salus.core.errors import InputError
from salus.core.hashing import sha256

PIECES = st.lists(
    st.builds(Piece, st.builds(raw_cid, st.binary(min_size=32, max_size=32)), st.integers(0, PIECE)),
    min_size=1,
    max_size=50,
)


def test_file_root__two_pieces__is_the_one_kubo_makes() -> None:
    # ipfs add --cid-version 1 --raw-leaves --chunker size-1048576 of a MiB of zeros and then "end" (Kubo 0.43.0)
    pieces = [Piece(raw_cid(sha256(bytes(PIECE))), PIECE), Piece(raw_cid(sha256(b"end")), 3)]
    assert str(file_root(pieces).cid) == "bafybeigsog75xbvf3yqiowvs5afywnu4dznw2frdfahw6udopu6amlhhny"


@given(PIECES)
def test_file_root__any_pieces__are_read_back_in_order(pieces: list[Piece]) -> None:
    assert file_pieces(file_root(pieces).data) == pieces


@given(PIECES, st.data())
def test_file_pieces__a_byte_changed_or_cut__is_another_file_or_refused(
    pieces: list[Piece], data: st.DataObject
) -> None:
    body = bytearray(file_root(pieces).data)
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    for wrong in (bytes(body), bytes(body[:place])):
        try:
            found = file_pieces(wrong)
        except InputError:
            continue
        assert found != pieces
        assert file_root(found).data == wrong


@pytest.mark.parametrize("body", [b"", b"\x0a\x00", b"\x12\x02\x0a", b"\xff" * 20, bytes(30)])
def test_file_pieces__no_file__is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        file_pieces(body)


def test_file_root__as_many_pieces_as_may_be__fits_a_block_and_one_more_is_refused() -> None:
    piece = Piece(raw_cid(bytes(32)), PIECE)
    assert len(file_root([piece] * MOST_PIECES).data) <= 2 << 20
    with pytest.raises(InputError):
        file_root([piece] * (MOST_PIECES + 1))
