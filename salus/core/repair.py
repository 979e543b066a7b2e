"""Share repair: t custodians of a set give one of its members its own share back, and none of them shows its share.

A share is a point of a polynomial, so any t points give any other: s_c = λ_1·s_1 ⊕ … ⊕ λ_t·s_t, by the Lagrange factors
for the place that was lost. Each of the t custodians, here called helpers, answers a *part*

    part_i = λ_i·s_i ⊕ m_ij ⊕ …        a mask for each other helper j, m_ij = m_ji

The masks cancel in the sum of all parts. Whoever lacks one part sees random bytes in the others. Masks come from keys
that each helper makes for one session and signs, and could show later for that session alone (docs/decisions/0026).

A session is one batch, or one leaf of it. All is a function of the session, so the same question has the same answer.
Source: Stinson, Wei, "Combinatorial repairability for threshold schemes" (2016), section 1, enrollment protocol;
RFC 5869, RFC 7748, docs/protocol.md section 8.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from salus.core.eip712 import Domain, StructType
from salus.core.errors import InputError
from salus.core.field import Scaling, coefficients, inverse
from salus.core.hashing import sha256
from salus.core.hpke import public_key
from salus.core.ids import LeafHash, ParticipantId, Root
from salus.core.shares import SHARE_BYTES

PART_BYTES = SHARE_BYTES - 1
KEY_BYTES = 32
_HALF = PART_BYTES // 2
_TAG = b"salus.repair.v1"
_SESSION_KEY, _PAIR_KEY, _BOND, _MASK = (_TAG + word for word in (b"|key", b"|pair", b"|bond", b"|mask"))
_SEALED = _TAG + b"|sealed|"

KEY_TYPE = StructType("RepairKey", ("bytes32", "session"), ("bytes32", "helperId"), ("bytes32", "key"))
ANSWER_TYPE = StructType(
    "RepairAnswer",
    ("bytes32", "session"),
    ("bytes32", "helperId"),
    ("bytes32", "keysHash"),
    ("bytes32", "partsHash"),
)


@dataclass(frozen=True)
class Session:
    """What one repair is about; `leaf` is None when it is for a whole batch.

    `helpers` are t members of the set in order of their places, without the custodian that lost its shares.
    """

    chain_id: int
    custodian_set: int
    custodian: ParticipantId
    source: ParticipantId
    root: Root
    helpers: tuple[ParticipantId, ...]
    leaf: LeafHash | None = None

    @cached_property
    def id(self) -> bytes:
        """Digest of all of it, 32 bytes."""
        numbers = self.chain_id.to_bytes(32, "big") + self.custodian_set.to_bytes(32, "big")
        what = b"\x00" if self.leaf is None else b"\x01" + self.leaf
        fixed = numbers + self.custodian + self.source + self.root + what
        return sha256(_TAG + fixed + b"".join(self.helpers))

    def sealed_info(self, helper: ParticipantId, what: str) -> bytes:
        """HPKE info of what a helper seals to the custodian: `records`, `gone`, `parts` or `key`."""
        return _SEALED + what.encode() + b"|" + self.id + helper

    def key_digest(self, domain: Domain, helper: ParticipantId, key: bytes) -> bytes:
        """What a helper signs of its session's public key."""
        return KEY_TYPE.digest(domain, {"session": self.id, "helperId": helper, "key": key})

    def answer_digest(
        self,
        domain: Domain,
        helper: ParticipantId,
        keys: Mapping[ParticipantId, bytes],
        parts: Mapping[LeafHash, bytes],
    ) -> bytes:
        """What a helper signs of its parts, and of the public keys of all helpers that it masked them by."""
        values = {
            "session": self.id,
            "helperId": helper,
            "keysHash": sha256(b"".join(keys[one] for one in self.helpers)),
            "partsHash": sha256(b"".join(leaf + parts[leaf] for leaf in sorted(parts))),
        }
        return ANSWER_TYPE.digest(domain, values)


class Helping:
    """One helper's side of a session: its keys in it, and its parts.

    `encryption_key` is the helper's own X25519 private key, `members` all members of the set in order of their places.
    """

    def __init__(
        self, session: Session, helper: ParticipantId, encryption_key: bytes, members: Sequence[ParticipantId]
    ) -> None:
        self._session = session
        self._helper = helper
        self._encryption_key = encryption_key
        self._factor = _factor(session, helper, members)
        # HPKE never derives from the private key itself, so this shares no input with it.
        self.private_key = _derived(encryption_key, session.id, _SESSION_KEY)

    @property
    def key(self) -> bytes:
        """The session's public key of this helper."""
        return public_key(self.private_key)

    def bond(self, other: ParticipantId, other_encryption_key: bytes) -> bytes:
        """Shows another helper that this session's key is of who holds this helper's encryption key, not just of who
        signs for it; 32 bytes.
        """
        return _bond(self._encryption_key, other_encryption_key, self._session, self._helper, other, self.key)

    def is_bond(self, other: ParticipantId, other_encryption_key: bytes, other_key: bytes, bond: bytes) -> bool:
        """Whether another helper made this bond for its session's key."""
        made = _bond(self._encryption_key, other_encryption_key, self._session, other, self._helper, other_key)
        return hmac.compare_digest(made, bond)

    def parts(self, shares: Mapping[LeafHash, bytes], keys: Mapping[ParticipantId, bytes]) -> dict[LeafHash, bytes]:
        """Parts of shares (33 bytes each), 32 bytes each. `keys` are the public keys of all helpers in the session.

        Raises:
            InputError: a public key is of low order.
        """
        masks = _Masks(self._session, self._helper, self.private_key, keys)
        scaling = Scaling(self._factor)
        return {leaf: _sum([_scaled(scaling, share[1:]), *masks.of(leaf)]) for leaf, share in shares.items()}


def joined(place: int, parts: Iterable[bytes]) -> bytes:
    """The share at a place of the set (from 0), out of the parts of all helpers of a session."""
    return bytes([place + 1]) + _sum(parts)


def unmasked(
    session: Session,
    helper: ParticipantId,
    private_key: bytes,
    keys: Mapping[ParticipantId, bytes],
    part: bytes,
    members: Sequence[ParticipantId],
) -> bytes:
    """The share a helper must have used for its part of a session for one leaf, if it showed its private key.

    Raises:
        InputError: the private key is not of the public key that the helper had signed.
    """
    if session.leaf is None:
        raise InputError("a helper shows its key of a session for one leaf only")
    if len(private_key) != KEY_BYTES or public_key(private_key) != keys[helper]:
        raise InputError("the key shown is not the one that was signed")
    masks = _Masks(session, helper, private_key, keys).of(session.leaf)
    back = Scaling(inverse(_factor(session, helper, members)))
    return bytes([members.index(helper) + 1]) + _scaled(back, _sum([part, *masks]))


def _factor(session: Session, helper: ParticipantId, members: Sequence[ParticipantId]) -> int:
    """λ of a helper for the place of the custodian that lost its shares; places count from 1."""
    places = tuple(members.index(one) + 1 for one in session.helpers)
    return coefficients(members.index(session.custodian) + 1, places)[session.helpers.index(helper)]


class _Masks:
    """A helper's masks of a leaf, one for each other helper."""

    def __init__(
        self, session: Session, helper: ParticipantId, private_key: bytes, keys: Mapping[ParticipantId, bytes]
    ) -> None:
        others = [keys[one] for one in session.helpers if one != helper]
        self._keys = [_derived(_shared(private_key, other), session.id, _PAIR_KEY) for other in others]

    def of(self, leaf: LeafHash) -> list[bytes]:
        """32 bytes for each."""
        return [hmac.digest(key, _MASK + leaf, "sha256") for key in self._keys]


def _bond(
    private_key: bytes, other_key: bytes, session: Session, by: ParticipantId, to: ParticipantId, key: bytes
) -> bytes:
    secret = _derived(_shared(private_key, other_key), session.id, _BOND)
    return hmac.digest(secret, by + to + key, "sha256")


def _shared(private_key: bytes, public: bytes) -> bytes:
    try:
        return X25519PrivateKey.from_private_bytes(private_key).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:  # not 32 bytes, or of low order: the secret would be known to all
        raise InputError("a public key of a repair is malformed") from error


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, info).derive(secret)


def _scaled(scaling: Scaling, value: bytes) -> bytes:
    return scaling.of(value[:_HALF]) + scaling.of(value[_HALF:])


def _sum(values: Iterable[bytes]) -> bytes:
    total = 0
    for value in values:
        total ^= int.from_bytes(value, "big")
    return total.to_bytes(PART_BYTES, "big")
