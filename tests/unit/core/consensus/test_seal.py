import pytest
from hypothesis import given

from salus.core.consensus.seal import sealer_of
from salus.core.errors import IntegrityError
from salus.core.hashing import keccak
from tests.unit.core.chains import ORDER, Key, turned
from tests.unit.core.strategies import bytes32

KEY = Key(b"\7" * 32)
DIGEST = keccak(b"a block")


@given(bytes32)
def test_sealer_of__any_digest__the_account_in_either_form(digest: bytes) -> None:
    seal = KEY.seal(digest)
    assert sealer_of(digest, seal) == KEY.account
    assert sealer_of(digest, turned(seal)) == KEY.account


def test_sealer_of__another_digest__another_account() -> None:
    assert sealer_of(keccak(b"another"), KEY.seal(DIGEST)) != KEY.account


@pytest.mark.parametrize("v", [2, 3, 27, 28, 255])
def test_sealer_of__v_other_than_0_or_1__refused(v: int) -> None:
    with pytest.raises(IntegrityError, match="v of 0 or 1"):
        sealer_of(DIGEST, KEY.seal(DIGEST)[:64] + bytes([v]))


@pytest.mark.parametrize("length", [0, 1, 64, 66])
def test_sealer_of__another_length__refused(length: int) -> None:
    with pytest.raises(IntegrityError, match="65 bytes"):
        sealer_of(DIGEST, (KEY.seal(DIGEST) * 2)[:length])


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (0, 0), (ORDER, 1), (1, ORDER), (2**256 - 1, 1), (5, 1)])
def test_sealer_of__numbers_no_key_makes__refused(r: int, s: int) -> None:
    with pytest.raises(IntegrityError, match="no signature"):
        sealer_of(DIGEST, r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\0")
