"""The in-memory signer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import InputError
from salus.core.signatures import recover

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@given(st.integers(1, _ORDER - 1), st.binary(min_size=32, max_size=32))
@settings(max_examples=50)
def test_sign__any_key_and_digest__recovers_the_account_with_low_s(key: int, digest: bytes) -> None:
    signer = LocalSigner(key.to_bytes(32, "big"))
    signature = signer.sign(digest)
    assert recover(digest, signature) == signer.address
    assert int.from_bytes(signature[32:64], "big") <= _ORDER // 2
    assert signature[64] in (27, 28)
    assert signer.sign(digest) == signature


@pytest.mark.parametrize("key", [b"", bytes(32), b"\xff" * 32, b"\x01" * 31, b"\x01" * 33])
def test_signer__of_no_private_key__is_refused(key: bytes) -> None:
    with pytest.raises(InputError):
        LocalSigner(key)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_sign__no_digest__is_refused(size: int) -> None:
    with pytest.raises(InputError):
        LocalSigner(b"\x01" * 32).sign(bytes(size))


def test_signer__shown__names_the_account_and_not_the_key() -> None:
    signer = LocalSigner(b"\x11" * 32)
    assert repr(signer) == f"LocalSigner({signer.address})"
