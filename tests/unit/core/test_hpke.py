from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core import hpke
from salus.core.errors import EnvelopeError, InputError
from tests.unit.core.strategies import bytes32
from tests.vectors.makers import rfc9180
from tests.vectors.samples import raw32

PRIVATE = raw32("private")
PUBLIC = hpke.public_key(PRIVATE)
GATEWAY = raw32("gateway")[:20]


def test_seal__rfc_9180_suite__opens_what_the_rfc_s_arithmetic_seals() -> None:
    sealed = rfc9180.seal(b"share", PUBLIC, raw32("ephemeral"), b"info")
    assert hpke.open_sealed(sealed, PRIVATE, b"info") == b"share"


@given(st.binary(max_size=200), bytes32, st.binary(max_size=60))
def test_seal__anything__opens_to_it(plaintext: bytes, private: bytes, info: bytes) -> None:
    sealed = hpke.seal(plaintext, hpke.public_key(private), info)
    assert hpke.open_sealed(sealed, private, info) == plaintext
    assert len(sealed) == 32 + len(plaintext) + 16


def test_seal__twice__other_bytes() -> None:
    assert hpke.seal(b"share", PUBLIC, b"") != hpke.seal(b"share", PUBLIC, b"")


def test_open__every_single_byte_changed_or_cut__caught() -> None:
    sealed = hpke.seal(b"share", PUBLIC, b"info")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x01
        for wrong in (bytes(changed), sealed[:at]):
            with pytest.raises(EnvelopeError):
                hpke.open_sealed(wrong, PRIVATE, b"info")
    with pytest.raises(EnvelopeError):
        hpke.open_sealed(sealed + b"\x00", PRIVATE, b"info")


@pytest.mark.parametrize("info", [b"", b"inf", b"info ", b"INFO", b"info\x00"])
def test_open__other_info__caught(info: bytes) -> None:
    with pytest.raises(EnvelopeError):
        hpke.open_sealed(hpke.seal(b"share", PUBLIC, b"info"), PRIVATE, info)


@given(bytes32)
def test_open__other_key__caught(private: bytes) -> None:
    if hpke.public_key(private) != PUBLIC:
        with pytest.raises(EnvelopeError):
            hpke.open_sealed(hpke.seal(b"share", PUBLIC, b""), private, b"")


# RFC 7748 section 6.1 and the points of small order of Curve25519.
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_seal__point_of_low_order__refused(point: bytes) -> None:
    with pytest.raises(InputError):
        hpke.seal(b"share", point, b"")
    with pytest.raises(EnvelopeError):
        hpke.open_sealed(point + hpke.seal(b"share", PUBLIC, b"")[32:], PRIVATE, b"")


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_keys__of_another_length__refused(size: int) -> None:
    with pytest.raises(InputError):
        hpke.seal(b"share", bytes(size), b"")
    with pytest.raises(EnvelopeError):
        hpke.open_sealed(hpke.seal(b"share", PUBLIC, b""), bytes(size), b"")


def test_infos__every_member_and_purpose__apart() -> None:
    """No two messages of other meaning share an info, so none opens as another."""
    ids = (raw32("a"), raw32("b"))
    chains = (1, 31337)
    infos = [
        *(hpke.deposit_info(c, r, s, m) for c, r, s, m in product(chains, ids, (1, 2), ids)),
        *(hpke.link_info(c, i, m) for c, i, m in product(chains, ids, ids)),
        *(
            hpke.release_info(c, g, a, leaf, m, inner=inner)
            for c, g, a, leaf, m, inner in product(chains, (GATEWAY, bytes(20)), ids, ids, ids, (False, True))
        ),
    ]
    assert len(set(infos)) == len(infos)
    for one, other in product(infos[:20] + infos[-20:], infos):
        assert one == other or not other.startswith(one)


def test_infos__layout__as_the_protocol_page() -> None:
    a, b, c = raw32("a"), raw32("b"), raw32("c")
    number = (7).to_bytes(32, "big")
    assert hpke.deposit_info(7, a, 2, b) == b"salus.deposit.v1" + number + a + (2).to_bytes(32, "big") + b
    assert hpke.link_info(7, a, b) == b"salus.link.v1" + number + a + b
    assert hpke.release_info(7, GATEWAY, a, b, c, inner=True) == (
        b"salus.release.v1" + number + GATEWAY + a + b + c + b"\x01"
    )


def test_release__outer_share_shown_as_inner_or_for_another_access__does_not_open() -> None:
    leaf, custodian = raw32("leaf"), raw32("custodian")
    sealed = hpke.seal(b"share", PUBLIC, hpke.release_info(1, GATEWAY, raw32("access"), leaf, custodian, inner=False))
    for access, inner in ((raw32("access"), True), (raw32("another access"), False)):
        with pytest.raises(EnvelopeError):
            hpke.open_sealed(sealed, PRIVATE, hpke.release_info(1, GATEWAY, access, leaf, custodian, inner=inner))
