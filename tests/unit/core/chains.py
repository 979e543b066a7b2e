"""Chains for tests of consensus: the recorded QBFT headers, and ones signed here with keys of our own.

Signing here goes by pyrlp, so that the project's own encoding is checked by another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import rlp as pyrlp
from coincurve import PrivateKey

from salus.core.hashing import keccak
from salus.core.header import Header

VECTORS = Path(__file__).parents[2] / "vectors" / "chain" / "qbft_headers.json"
NO_UNCLES = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
QBFT_MIX = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded chain: headers, their hashes and the validators after each, as the node said."""

    headers: tuple[Header, ...]
    hashes: tuple[bytes, ...]
    validators: tuple[tuple[bytes, ...], ...]
    proof: dict[str, Any]


@cache
def recorded() -> Recorded:
    """tests/vectors/chain/qbft_headers.json."""
    file = json.loads(VECTORS.read_text())
    blocks = [{**file["common"], **block} for block in file["blocks"]]
    validators, present = [], ()
    for number in range(len(blocks)):
        listed = file["validatorsAfter"].get(str(number))
        present = tuple(sorted(bytes.fromhex(each[2:]) for each in listed)) if listed else present
        validators.append(present)
    return Recorded(
        tuple(Header.from_json(block) for block in blocks),
        tuple(bytes.fromhex(block["hash"][2:]) for block in blocks),
        tuple(validators),
        file["storageProof"]["proof"],
    )


@dataclass(frozen=True, slots=True)
class Key:
    """A validator's key."""

    secret: bytes

    @property
    def account(self) -> bytes:
        """20 bytes."""
        return keccak(PrivateKey(self.secret).public_key.format(compressed=False)[1:])[12:]

    def seal(self, digest: bytes) -> bytes:
        """65 bytes r, s, v of 0 or 1."""
        return PrivateKey(self.secret).sign_recoverable(digest, hasher=None)


def keys(count: int, first: int = 1) -> list[Key]:
    """Keys in the order of their accounts."""
    return sorted((Key(bytes([first + i]) * 32) for i in range(count)), key=lambda key: key.account)


def turned(seal: bytes) -> bytes:
    """The other form of a seal: s of the other half, v of the other parity; it recovers the same account."""
    other = ORDER - int.from_bytes(seal[32:64], "big")
    return seal[:32] + other.to_bytes(32, "big") + bytes([seal[64] ^ 1])


def plain(number: int = 0, /, **changed: Any) -> Header:
    """A header with no seal, of the given fields."""
    return replace(
        Header(
            parent_hash=bytes(32),
            uncles_hash=NO_UNCLES,
            miner=bytes(20),
            state_root=keccak(b"state %d" % number),
            transactions_root=keccak(b"transactions %d" % number),
            receipts_root=keccak(b"receipts %d" % number),
            logs_bloom=bytes(256),
            difficulty=1,
            number=number,
            gas_limit=30_000_000,
            gas_used=21_000,
            timestamp=1_800_000_000 + number,
            extra_data=b"",
            mix_hash=bytes(32),
            nonce=bytes(8),
        ),
        **changed,
    )


def encoded(header: Header, extra: bytes) -> bytes:
    """RLP of a header by pyrlp."""
    integers = (header.difficulty, header.number, header.gas_limit, header.gas_used, header.timestamp)
    listed: list[Any] = [
        header.parent_hash,
        header.uncles_hash,
        header.miner,
        header.state_root,
        header.transactions_root,
        header.receipts_root,
        header.logs_bloom,
        *integers,
        extra,
        header.mix_hash,
        header.nonce,
    ]
    if header.base_fee is not None:
        listed.append(header.base_fee)
    return bytes(pyrlp.encode(listed))


def clique_genesis(signers: Sequence[Key]) -> Header:
    """Block 0 that lists signers."""
    return plain(extra_data=bytes(32) + b"".join(key.account for key in signers) + bytes(65))


def clique_hash(header: Header) -> bytes:
    """Hash of a Clique block."""
    return keccak(encoded(header, header.extra_data))


def clique_sealed(header: Header, key: Key, listed: Sequence[bytes] = ()) -> Header:
    """The header sealed by a key."""
    front = bytes(32) + b"".join(listed)
    return replace(header, extra_data=front + key.seal(keccak(encoded(header, front))))


def qbft_extra(
    validators: Sequence[bytes], vote: list[bytes] | None = None, number: int = 0, seals: Sequence[bytes] = ()
) -> bytes:
    """extraData of QBFT."""
    return bytes(pyrlp.encode([bytes(32), list(validators), vote or [], number, list(seals)]))


def qbft_hash(header: Header, validators: Sequence[bytes], vote: list[bytes] | None = None) -> bytes:
    """Hash of a QBFT block."""
    return keccak(encoded(header, qbft_extra(validators, vote)))


def qbft_sealed(
    header: Header,
    committers: Sequence[Key],
    validators: Sequence[bytes],
    vote: list[bytes] | None = None,
    number: int = 0,
) -> Header:
    """The header committed to by keys in a round."""
    digest = keccak(encoded(header, qbft_extra(validators, vote, number)))
    return replace(header, extra_data=qbft_extra(validators, vote, number, [key.seal(digest) for key in committers]))
