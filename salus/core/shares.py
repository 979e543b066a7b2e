"""Key shares: Shamir over GF(2^128), both halves of a 32-byte key at the same index.

Dealing is ours: evaluating at 1, 2, 3 … takes a few shifts, where pycryptodome multiplies in the whole field. Joining
is pycryptodome's, which joins wrong shares without an error, so every share is checked against its SHA-256 in the
envelope's header first; that check also names the custodian who gave a wrong one.
Source: docs/protocol.md section 7; A. Shamir, How to share a secret, 1979; field polynomial x^128 + x^7 + x^2 + x + 1
(NIST SP 800-38D section 6.3, most significant bit first).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from Crypto.Protocol.SecretSharing import Shamir

from salus.core.errors import ShareError
from salus.core.field import ELEMENT_BYTES, times
from salus.core.hashing import sha256
from salus.core.ports import Randomness

KEY_BYTES = 32
SHARE_BYTES = 33


def split(key: bytes, threshold: int, count: int, random: Randomness) -> tuple[bytes, ...]:
    """Deal a key: `count` shares of 33 bytes, in order of index 1 to count; any `threshold` of them join.

    `random` gives that many bytes no one can foresee.

    Raises:
        ValueError: not a 32-byte key, or not 1 <= threshold <= count <= 255.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes")
    if not 1 <= threshold <= count <= 255:
        raise ValueError("threshold and count must hold 1 <= t <= n <= 255")
    if threshold == 1:
        return tuple(bytes([index]) + key for index in range(1, count + 1))
    first, second = (_deal(half, threshold, count, random) for half in (key[:ELEMENT_BYTES], key[ELEMENT_BYTES:]))
    return tuple(bytes([index]) + a + b for index, (a, b) in enumerate(zip(first, second, strict=True), 1))


def join(shares: Iterable[bytes], threshold: int, digests: Sequence[bytes]) -> bytes:
    """The key of at least `threshold` shares.

    `digests` are the SHA-256 of the shares in order of index, as the envelope's header has them.

    Raises:
        ShareError: too few shares, a malformed one, or one that does not match its digest (positions are named).
    """
    distinct: dict[int, bytes] = {}
    wrong: list[int] = []
    for share in shares:
        index = share[0] if share else 0
        if len(share) != SHARE_BYTES or not 1 <= index <= len(digests) or sha256(share) != digests[index - 1]:
            wrong.append(index)
        else:
            distinct[index] = share
    if wrong:
        raise ShareError("a share is not the one that was dealt", tuple(sorted(wrong)))
    if len(distinct) < threshold:
        raise ShareError(f"{threshold} shares are needed, {len(distinct)} are here")
    used = [distinct[index] for index in sorted(distinct)][:threshold]
    if threshold == 1:
        return used[0][1:]
    first = Shamir.combine([(share[0], share[1:17]) for share in used], ssss=False)
    second = Shamir.combine([(share[0], share[17:]) for share in used], ssss=False)
    return bytes(first) + bytes(second)


def _deal(secret: bytes, threshold: int, count: int, random: Randomness) -> list[bytes]:
    """Values at 1 to `count` of a random polynomial of degree `threshold - 1` whose constant is the secret."""
    drawn = random(ELEMENT_BYTES * (threshold - 1))
    highest_first = [int.from_bytes(drawn[i : i + ELEMENT_BYTES], "big") for i in range(0, len(drawn), ELEMENT_BYTES)]
    constant = int.from_bytes(secret, "big")
    dealt = []
    for index in range(1, count + 1):
        value = 0
        for coefficient in highest_first:
            value = times(value ^ coefficient, index)
        dealt.append((value ^ constant).to_bytes(ELEMENT_BYTES, "big"))
    return dealt
