"""Legacy zero-price transactions (EIP-155), the one kind that every supported engine takes.

web3 and eth-account sign with a private key in memory; here any `Signer` signs the digest, so an account may live in a
token that never shows its key.
"""

from __future__ import annotations

from dataclasses import dataclass

import rlp

from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, Address, address_bytes
from salus.core.ports import Signer


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction before its signature; `to` is the zero address for a creation, value and price are zero."""

    nonce: int
    gas: int
    to: Address
    data: bytes

    def signed(self, signer: Signer, chain_id: int) -> RawTransaction:
        """Signed bytes and their hash."""
        to = b"" if self.to == ZERO_ADDRESS else address_bytes(self.to)
        fields = [_number(self.nonce), b"", _number(self.gas), to, b"", self.data]
        signature = signer.sign(keccak(rlp.encode([*fields, _number(chain_id), b"", b""])))
        v = chain_id * 2 + 8 + signature[64]  # 35 + 2·chainId + parity, and the port's v is 27 + parity
        r, s = signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0")
        raw = rlp.encode([*fields, _number(v), r, s])
        return RawTransaction(self.nonce, raw, keccak(raw))


@dataclass(frozen=True, slots=True)
class RawTransaction:
    """Signed bytes of a transaction, with its nonce and hash."""

    nonce: int
    raw: bytes
    hash: bytes


def nothing(nonce: int) -> Transaction:
    """A transaction that does nothing but use up a nonce (a call to the identity precompile)."""
    return Transaction(nonce, 50_000, Address("0x0000000000000000000000000000000000000004"), b"")


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
