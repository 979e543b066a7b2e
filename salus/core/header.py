"""A block's header, as the chain hashes it: the fifteen fields of before London, and the base fee where there is one.

How a header is hashed is its engine's business (`salus.core.consensus`): QBFT leaves the seals out. Headers of Shanghai
and later carry fields this form does not know and are refused. Source: Ethereum yellow paper, section 4.3; EIP-1559.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from salus.core import rlp
from salus.core.errors import InputError, IntegrityError
from salus.core.hashing import keccak
from salus.core.ids import from_hex, hex32

NO_UNCLES = keccak(rlp.encode([]))
"""Uncles' hash of every block of an engine that has no uncles."""

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_EXTRA_BYTES = 128 * 1024
"""Of extraData: a thousand QBFT validators that all sealed take 88 KB. It is decoded before any seal can be looked at,
so what nobody sealed could cost gigabytes and minutes: an empty list is one byte in RLP and 64 in memory."""
_LATER = ("withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash")

# Name in JSON, and length: bytes of a fixed length, extraData (None), or an integer of at most so many bytes.
_BYTES: dict[str, tuple[str, int | None]] = {
    "parent_hash": ("parentHash", 32),
    "uncles_hash": ("sha3Uncles", 32),
    "miner": ("miner", 20),
    "state_root": ("stateRoot", 32),
    "transactions_root": ("transactionsRoot", 32),
    "receipts_root": ("receiptsRoot", 32),
    "logs_bloom": ("logsBloom", 256),
    "extra_data": ("extraData", None),
    "mix_hash": ("mixHash", 32),
    "nonce": ("nonce", 8),
}
_INTEGERS: dict[str, tuple[str, int]] = {
    "difficulty": ("difficulty", 32),
    "number": ("number", 8),
    "gas_limit": ("gasLimit", 8),
    "gas_used": ("gasUsed", 8),
    "timestamp": ("timestamp", 8),
    "base_fee": ("baseFeePerGas", 32),
}


@dataclass(frozen=True, slots=True)
class Header:
    """One header; `base_fee` in wei, None before London. Fields stand in the order of their RLP."""

    parent_hash: bytes
    uncles_hash: bytes
    miner: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    logs_bloom: bytes
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    mix_hash: bytes
    nonce: bytes
    base_fee: int | None = None

    @classmethod
    def from_json(cls, answer: Mapping[str, object]) -> Header:
        """Header in an `eth_getBlockByNumber` answer; members that are no part of a header are passed over.

        Raises:
            IntegrityError: a field is missing, malformed or too long, or the header is of Shanghai or later.
        """
        later = [name for name in _LATER if answer.get(name) is not None]
        if later:
            raise IntegrityError(f"a header with {later[0]} is of a fork this form does not know")
        read: dict[str, bytes | int | None] = {}
        for name, (member, length) in _BYTES.items():
            try:
                read[name] = from_hex(answer.get(member), length)  # type: ignore[arg-type]  # what is no text is refused
            except InputError as error:
                raise IntegrityError(f"header's {member}: {error}") from error
        _require_short(read["extra_data"])
        for name, (member, most) in _INTEGERS.items():
            given = answer.get(member)
            if name == "base_fee" and given is None:
                continue
            read[name] = _quantity(member, given, most)
        return cls(**read)  # type: ignore[arg-type]  # the tables above name every field with its kind

    @classmethod
    def from_rlp(cls, data: bytes) -> Header:
        """Header of its canonical bytes.

        Raises:
            IntegrityError: not canonical RLP of 15 or 16 fields of the right lengths, or extraData is too long.
        """
        read: dict[str, bytes | int] = {}
        for name, item in zip(_ORDER, rlp.items(rlp.decode(data), 15, 16), strict=False):
            if name in _INTEGERS:
                read[name] = rlp.number(item, _INTEGERS[name][1])
                continue
            length = _BYTES[name][1]
            if isinstance(item, list):
                raise IntegrityError(f"header's {name} is a list")
            read[name] = item if length is None else rlp.text(item, length)
        _require_short(read["extra_data"])
        return cls(**read)  # type: ignore[arg-type]  # the tables above name every field with its kind

    def to_json(self) -> dict[str, str]:
        """The header's own members as `eth_getBlockByNumber` writes them, and no others."""
        told = {member: hex32(getattr(self, name)) for name, (member, _) in _BYTES.items()}
        for name, (member, _) in _INTEGERS.items():
            value = getattr(self, name)
            if value is not None:
                told[member] = hex(value)
        return told

    def fields(self, extra: bytes | None = None) -> list[bytes]:
        """The fields in the order of their RLP, integers in their shortest bytes; `extra` in place of `extra_data`."""
        listed = [
            self.parent_hash,
            self.uncles_hash,
            self.miner,
            self.state_root,
            self.transactions_root,
            self.receipts_root,
            self.logs_bloom,
            rlp.whole(self.difficulty),
            rlp.whole(self.number),
            rlp.whole(self.gas_limit),
            rlp.whole(self.gas_used),
            rlp.whole(self.timestamp),
            self.extra_data if extra is None else extra,
            self.mix_hash,
            self.nonce,
        ]
        if self.base_fee is not None:
            listed.append(rlp.whole(self.base_fee))
        return listed

    def rlp(self, extra: bytes | None = None) -> bytes:
        """Canonical bytes; `extra` in place of `extra_data`."""
        return rlp.encode(self.fields(extra))


_ORDER = tuple(field.name for field in fields(Header))


def _require_short(extra: object) -> None:
    if not isinstance(extra, bytes) or len(extra) > _EXTRA_BYTES:
        raise IntegrityError(f"header's extraData has more than {_EXTRA_BYTES} bytes")


def _quantity(member: str, given: object, most: int) -> int:
    if not isinstance(given, str) or _QUANTITY.fullmatch(given) is None:
        raise IntegrityError(f"header's {member} is no hex quantity")
    value = int(given, 16)
    if value.bit_length() > 8 * most:
        raise IntegrityError(f"header's {member} has more than {most} bytes")
    return value
