import pytest
from coincurve import PrivateKey
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from salus.core.errors import SignatureError
from salus.core.hashing import keccak
from salus.core.ids import to_address
from salus.core.signatures import check, compact, recover
from tests.unit.core.strategies import bytes32

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
keys = st.integers(1, ORDER - 1).map(lambda n: PrivateKey(n.to_bytes(32, "big")))


def _sign(key: PrivateKey, digest: bytes) -> bytes:
    raw: bytes = key.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def _account(key: PrivateKey) -> str:
    return to_address(keccak(key.public_key.format(compressed=False)[1:])[12:])


@given(keys, bytes32)
def test_recover__signature_of_a_key__its_account(key: PrivateKey, digest: bytes) -> None:
    assert recover(digest, _sign(key, digest)) == _account(key)
    check(digest, _sign(key, digest), to_address(bytes.fromhex(_account(key)[2:])))


@given(keys, bytes32)
def test_recover__signature_by_eth_account__its_account(key: PrivateKey, digest: bytes) -> None:
    account = Account.from_key(key.secret)
    assert recover(digest, bytes(account.unsafe_sign_hash(digest).signature)) == account.address


@given(keys, bytes32)
def test_recover__upper_half_s__refused(key: PrivateKey, digest: bytes) -> None:
    signature = _sign(key, digest)
    s = ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])
    with pytest.raises(SignatureError):
        recover(digest, twin)


@given(keys, bytes32, st.integers(0, 64), st.integers(1, 255))
def test_check__any_byte_changed__refused(key: PrivateKey, digest: bytes, at: int, mask: int) -> None:
    changed = bytearray(_sign(key, digest))
    changed[at] ^= mask
    with pytest.raises(SignatureError):
        check(digest, bytes(changed), to_address(bytes.fromhex(_account(key)[2:])))


@given(keys, keys, bytes32)
def test_check__by_another_account__refused(key: PrivateKey, other: PrivateKey, digest: bytes) -> None:
    if key != other:
        with pytest.raises(SignatureError):
            check(digest, _sign(key, digest), to_address(bytes.fromhex(_account(other)[2:])))


@given(keys, bytes32, bytes32)
def test_check__over_another_digest__refused(key: PrivateKey, digest: bytes, other: bytes) -> None:
    if digest != other:
        with pytest.raises(SignatureError):
            check(other, _sign(key, digest), to_address(bytes.fromhex(_account(key)[2:])))


GOOD = _sign(PrivateKey(b"\x01" * 32), b"\x02" * 32)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        GOOD[:64],
        GOOD + b"\x00",
        GOOD[:64] + b"\x00",
        GOOD[:64] + b"\x01",
        GOOD[:64] + b"\x1d",
        bytes(64) + b"\x1b",
        bytes(32) + GOOD[32:],
        GOOD[:32] + bytes(32) + GOOD[64:],
        ORDER.to_bytes(32, "big") + GOOD[32:],
        b"\xff" * 32 + GOOD[32:],
    ],
    ids=lambda signature: signature.hex()[:12] + f"-{len(signature)}",
)
def test_recover__malformed_signature__refused(signature: bytes) -> None:
    with pytest.raises(SignatureError):
        recover(b"\x02" * 32, signature)


@pytest.mark.parametrize("digest", [b"", b"\x02" * 31, b"\x02" * 33])
def test_recover__digest_of_another_length__refused(digest: bytes) -> None:
    with pytest.raises(SignatureError):
        recover(digest, GOOD)


@given(keys, bytes32)
def test_compact__any_signature__eip_2098(key: PrivateKey, digest: bytes) -> None:
    signature = _sign(key, digest)
    r, vs = compact(signature)
    assert r == signature[:32]
    assert 27 + (vs[0] >> 7) == signature[64]
    assert bytes([vs[0] & 0x7F]) + vs[1:] == signature[32:64]
