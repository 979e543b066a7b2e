"""Repair of a share, written apart from the library: HKDF and X25519 masks, Lagrange factors, what is signed."""

from __future__ import annotations

import hashlib
import hmac
from itertools import combinations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tests.vectors.makers import shamir
from tests.vectors.samples import CHAIN_ID, Json, Tape, case, hexed, raw32

_TAG = b"salus.repair.v1"
_SET = 7


def make() -> list[Json]:
    """One case for each choice of helpers of a 2 of 3, a 3 of 5 and a 3 of 4, and one for a single leaf."""
    cases = [_case(2, 3, 0, (1, 2), single=False), _case(2, 3, 0, (1, 2), single=True)]
    cases += [_case(3, 5, 2, helpers, single=False) for helpers in list(combinations((0, 1, 3, 4), 3))[:2]]
    return [*cases, _case(3, 4, 3, (0, 1, 2), single=False)]


def _case(threshold: int, count: int, lost: int, helpers: tuple[int, ...], *, single: bool) -> Json:
    members = [raw32(f"custodian {place + 1}") for place in range(count)]
    source, root, leaf = raw32("source"), raw32("root"), raw32("leaf")
    tape = Tape(f"repair {threshold} of {count}")
    dealt = shamir.deal(raw32("repair key"), count, [(tape(16), tape(16)) for _ in range(threshold - 1)])
    fixed = CHAIN_ID.to_bytes(32, "big") + _SET.to_bytes(32, "big") + members[lost] + source + root
    session = _digest(
        _TAG + fixed + (b"\x01" + leaf if single else b"\x00") + b"".join(members[one] for one in helpers)
    )
    own = {one: raw32(f"encryption {one}") for one in helpers}
    private = {one: _hkdf(own[one], session, _TAG + b"|key") for one in helpers}
    keys = {one: _public(private[one]) for one in helpers}
    bonds = {
        f"{one} to {other}": hexed(
            _hmac(
                _hkdf(_exchange(own[one], _public(own[other])), session, _TAG + b"|bond"),
                members[one] + members[other] + keys[one],
            )
        )
        for one in helpers
        for other in helpers
        if one != other
    }
    parts = {}
    for one in helpers:
        value = _scaled(dealt[one][1:], _factor(lost + 1, one + 1, [other + 1 for other in helpers]))
        for other in helpers:
            if other != one:
                pair = _hkdf(_exchange(private[one], keys[other]), session, _TAG + b"|pair")
                value = _xor(value, _hmac(pair, _TAG + b"|mask" + leaf))
        parts[one] = value
    given: Json = {
        "chainId": CHAIN_ID,
        "custodianSet": _SET,
        "members": [hexed(member) for member in members],
        "lost": lost,
        "helpers": list(helpers),
        "sourceId": hexed(source),
        "root": hexed(root),
        "leaf": hexed(leaf),
        "single": single,
        "encryptionKeys": [hexed(own[one]) for one in helpers],
        "shares": [hexed(dealt[one]) for one in helpers],
    }
    expected = {
        "session": hexed(session),
        "keys": [hexed(keys[one]) for one in helpers],
        "bonds": bonds,
        "parts": [hexed(parts[one]) for one in helpers],
        "share": hexed(dealt[lost]),
    }
    what = "one leaf" if single else "a batch"
    return case(f"place {lost} of {threshold} of {count} by {helpers}, {what}", given, expected)


def _factor(at: int, point: int, points: list[int]) -> int:
    factor = 1
    for other in points:
        if other != point:
            factor = shamir.times(factor, shamir.times(at ^ other, shamir.inverse(point ^ other)))
    return factor


def _scaled(value: bytes, factor: int) -> bytes:
    halves = (int.from_bytes(value[:16], "big"), int.from_bytes(value[16:], "big"))
    return b"".join(shamir.times(half, factor).to_bytes(16, "big") for half in halves)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869, one block."""
    return _hmac(_hmac(salt, secret), info + b"\x01")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _digest(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def _public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _exchange(private: bytes, public: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
