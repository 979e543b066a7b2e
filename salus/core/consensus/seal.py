"""Who made a seal: 65 bytes r, s and v of 0 or 1 over a digest, as go-ethereum and Besu write them.

Both forms of s are taken. The nodes take both, so refusing one would let a single peer, by turning a seal's s, write a
block that every node follows and no follower does. It does no harm: seals count by the account they recover, and
equivocation compares what was sealed, not the hash over the seal.
"""

from __future__ import annotations

from coincurve import PublicKey

from salus.core.errors import IntegrityError
from salus.core.hashing import keccak

SEAL = 65
"""Bytes of a seal."""


def sealer_of(digest: bytes, seal: bytes) -> bytes:
    """Account (20 bytes) that sealed a 32-byte digest.

    Raises:
        IntegrityError: not 65 bytes, v other than 0 or 1, or a seal nobody can have made.
    """
    if len(seal) != SEAL or seal[64] > 1:
        raise IntegrityError("a seal is 65 bytes with v of 0 or 1")
    try:
        key = PublicKey.from_signature_and_message(seal, digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception for an impossible signature
        raise IntegrityError("a seal is no signature") from error
    return keccak(key.format(compressed=False)[1:])[12:]
