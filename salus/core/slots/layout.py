"""Places of state variables in storage, and where members of mappings and arrays are.

Source: Solidity documentation, "Layout of State Variables in Storage"; the table is that of `snapshots/storage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from salus.core.hashing import keccak
from salus.core.ids import Address, address_bytes, to_address

WORD = 32


class Storage(Protocol):
    """Words of storage at one block."""

    def word(self, contract: Address, slot: int) -> int:
        """The 256-bit word of a slot; 0 where nothing was ever written."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A variable: its slot, its lowest byte in the slot counted from the right, its length in bytes.

    Members of a struct have slots counted from the start of the struct.
    """

    slot: int
    offset: int = 0
    size: int = WORD

    def read(self, word: int) -> int:
        """The variable's bits of its slot's word."""
        return word >> (8 * self.offset) & ((1 << (8 * self.size)) - 1)


def _flag(slot: int, offset: int) -> Place:
    return Place(slot, offset, 1)


def _account(slot: int, offset: int = 0) -> Place:
    return Place(slot, offset, 20)


LAYOUT: Mapping[str, Mapping[str, Place]] = {
    "Council": {"_current": Place(0), "_past": Place(1)},
    "Tenure": {"account": _account(0), "fromBlock": Place(0, 20, 6), "untilBlock": Place(0, 26, 6)},
    "ParticipantRegistry": {
        "_participants": Place(0),
        "_operators": Place(1),
        "_sets": Place(2),
        "custodianSetCount": Place(3, 0, 4),
    },
    "Participant": {
        "status": _flag(0, 0),
        "kind": _flag(0, 1),
        "roles": Place(0, 2, 2),
        "accreditedUntil": Place(0, 4, 8),
        "hourlyQuota": Place(0, 12, 4),
        "keys": Place(3, 0, 128),
    },
    "ParticipantKeys": {"encryptionKey": Place(0)},
    "ParticipantRegistry.CustodianSet": {"threshold": _flag(0, 0), "members": Place(1)},
    "SubjectRegistry": {"_subjects": Place(0), "_denials": Place(1), "_merged": Place(3)},
    "Subject": {
        "sourceId": Place(0),
        "controller": _account(1),
        "epoch": Place(1, 20, 8),
        "retentionYears": _flag(1, 28),
        "frozen": _flag(1, 29),
        "held": _flag(1, 30),
        "guardian": _account(2),
        "nonce": Place(2, 20, 8),
        "survivor": Place(3),
    },
    "ConsentRegistry": {"slotOf": Place(0), "epochOf": Place(1)},
    "AccessGateway": {"slotOf": Place(0)},
    "RecordRegistry": {"anchorOf": Place(0), "stateOf": Place(1)},
    "AuditLog": {"_global": Place(0), "_chains": Place(1)},
}
"""Variables that are read, by contract or struct."""


def member(mapping: int, key: bytes | int | Address) -> int:
    """Slot of a mapping's value: keccak of the key in 32 bytes and the mapping's slot."""
    if isinstance(key, str):
        key = address_bytes(key)
    padded = key.to_bytes(WORD, "big") if isinstance(key, int) else key.rjust(WORD, b"\0")
    return int.from_bytes(keccak(padded + mapping.to_bytes(WORD, "big")), "big")


def element(array: int, index: int, size: int = 1) -> int:
    """Slot where an element of a dynamic array begins; `size` is how many slots an element fills."""
    return int.from_bytes(keccak(array.to_bytes(WORD, "big")), "big") + index * size


def raw(word: int) -> bytes:
    """A word as 32 bytes."""
    return word.to_bytes(WORD, "big")


def account(value: int) -> Address:
    """An address of its number."""
    return to_address(value.to_bytes(20, "big"))
