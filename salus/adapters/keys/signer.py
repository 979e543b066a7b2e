"""The `Signer` port with a private key in memory."""

from __future__ import annotations

from coincurve import PrivateKey

from salus.core.errors import InputError
from salus.core.hashing import keccak
from salus.core.ids import Address, to_address


class LocalSigner:
    """One secp256k1 account; signs deterministically (RFC 6979) with low s (EIP-2).

    Raises:
        InputError: not 32 bytes, zero, or beyond the curve's order.
    """

    __slots__ = ("_key", "address")

    def __init__(self, private_key: bytes) -> None:
        if len(private_key) != 32:
            raise InputError("a private key has 32 bytes")
        try:
            self._key = PrivateKey(private_key)
        except ValueError as error:
            raise InputError("a private key is between 1 and the order of secp256k1 less 1") from error
        public = self._key.public_key.format(compressed=False)
        self.address: Address = to_address(keccak(public[1:])[12:])

    def sign(self, digest: bytes) -> bytes:
        """65-byte signature (r, s low, v 27 or 28) of a 32-byte digest.

        Raises:
            InputError: not 32 bytes.
        """
        if len(digest) != 32:
            raise InputError("a digest has 32 bytes")
        signature: bytes = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"
