"""Identifiers and addresses as distinct types. All hashes are 32 bytes, all keys raw bytes."""

from __future__ import annotations

import hashlib
import hmac
from binascii import unhexlify
from typing import NewType

from salus.core.errors import InputError
from salus.core.hashing import Tag, keccak, words

ParticipantId = NewType("ParticipantId", bytes)
SubjectRef = NewType("SubjectRef", bytes)
RecordId = NewType("RecordId", bytes)
LeafHash = NewType("LeafHash", bytes)
ConsentId = NewType("ConsentId", bytes)
AccessId = NewType("AccessId", bytes)
Root = NewType("Root", bytes)
Address = NewType("Address", str)
"""An account in EIP-55 mixed case, `0x` and 40 hex digits."""

ZERO32 = bytes(32)
_ADDRESS_BYTES = 20
ZERO_ADDRESS = Address("0x" + "0" * 40)


def participant_id(chain_id: int, applicant: Address, salt: bytes) -> ParticipantId:
    """Id an applicant's institution gets (protocol section 2)."""
    return ParticipantId(keccak(words(Tag.PARTICIPANT, chain_id, address_bytes(applicant), salt)))


def subject_ref(chain_id: int, source: ParticipantId, seed: bytes) -> SubjectRef:
    """Reference of a patient at one source; `seed` is 32 random bytes (protocol section 2)."""
    return SubjectRef(keccak(words(Tag.SUBJECT, chain_id, source, seed)))


def record_id(site_secret: bytes, record_key: str) -> RecordId:
    """Keyed id of a record: nobody without the site secret can guess it from the source's key."""
    return RecordId(hmac.new(site_secret, b"record|" + record_key.encode(), hashlib.sha256).digest())


def order_id(record: RecordId, subject: SubjectRef) -> bytes:
    """Id of orders to destroy a subject's record, by which the registry keeps their state (protocol section 2)."""
    return keccak(words(Tag.ORDER, record, subject))


def chain_key(owner: Address | SubjectRef | ParticipantId) -> bytes:
    """Key of an owner's chain in the AuditLog: 32 bytes."""
    return address_bytes(Address(owner)).rjust(32, b"\0") if isinstance(owner, str) else bytes(owner)


def role_id(contract: str) -> bytes:
    """Directory role of a contract, for instance `role_id("AuditLog")`."""
    return keccak(f"salus.role.{contract}".encode())


def address_bytes(address: Address) -> bytes:
    """The 20 bytes of an address.

    Raises:
        InputError: not 40 hex digits after `0x`.
    """
    advice = "an address is 0x and 40 hex digits"
    raw = _unhex(address, advice)
    if len(raw) != _ADDRESS_BYTES:
        raise InputError(advice)
    return raw


def to_address(raw: bytes) -> Address:
    """Checksummed address of 20 bytes (EIP-55)."""
    if len(raw) != _ADDRESS_BYTES:
        raise InputError(f"an address has 20 bytes, got {len(raw)}")
    digits = raw.hex()
    marks = keccak(digits.encode()).hex()
    return Address("0x" + "".join(c.upper() if int(m, 16) > 7 else c for c, m in zip(digits, marks, strict=False)))


def read_address(text: str) -> Address:
    """Checksummed address of `0x` text in any case.

    Raises:
        InputError: not an address.
    """
    return to_address(address_bytes(Address(text)))


def hex32(value: bytes) -> str:
    """`0x` form of bytes as used in JSON."""
    return "0x" + value.hex()


def from_hex(text: str, length: int | None = 32) -> bytes:
    """Bytes of a `0x` string.

    Raises:
        InputError: not hex, or not `length` bytes.
    """
    raw = _unhex(text, "expected 0x and hex digits")
    if length is not None and len(raw) != length:
        raise InputError(f"expected {length} bytes of hex, got {len(raw)}")
    return raw


def _unhex(text: object, advice: str) -> bytes:
    # Deposits are hex of some 100 KB: a pattern takes 25 times as long, and `bytes.fromhex` takes white space.
    if not isinstance(text, str) or not text.startswith("0x"):
        raise InputError(advice)
    try:
        return unhexlify(text[2:])
    except ValueError as error:
        raise InputError(advice) from error
