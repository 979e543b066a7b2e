"""secp256k1 signatures over digests: 65 bytes r, s, v with low s and v 27 or 28."""

from __future__ import annotations

from coincurve import PublicKey

from salus.core.errors import SignatureError
from salus.core.hashing import keccak
from salus.core.ids import Address, to_address

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def recover(digest: bytes, signature: bytes) -> Address:
    """Address that signed a 32-byte digest.

    Raises:
        SignatureError: not 65 bytes, s in the upper half (EIP-2), v other than 27 or 28, or no point on the curve.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise SignatureError("a signature is 65 bytes: r, s, and v of 27 or 28")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise SignatureError("a signature has its s in the lower half")
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception for an impossible signature
        raise SignatureError("the signature recovers no account") from error
    return to_address(keccak(key.format(compressed=False)[1:])[12:])


def check(digest: bytes, signature: bytes, signer: Address) -> None:
    """Check that `signer` made the signature.

    Raises:
        SignatureError: malformed, or by somebody else.
    """
    if recover(digest, signature) != signer:
        raise SignatureError("the signature is by another account")


def compact(signature: bytes) -> tuple[bytes, bytes]:
    """EIP-2098 form (r, vs) of a 65-byte signature."""
    odd = signature[64] - 27
    s = int.from_bytes(signature[32:64], "big") | (odd << 255)
    return signature[:32], s.to_bytes(32, "big")
