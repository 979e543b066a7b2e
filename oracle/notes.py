"""Notes: what custodians keep of each record version for its source alone, lest its database forget.

A note is sealed under the site key and bound to the leaf hash. So it says of a leaf that this source made it, and no
custodian can read one or make one up. It goes when the version is erased. A note holds what only the oracle's database
knows: how the version was told (keyed hashes, never content), by which message, and the subject's sealed seed.
Source: docs/protocol.md section 8, docs/decisions/0028.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from oracle.sitekey import SiteKey
from salus.core.errors import IntegrityError
from salus.core.ids import LeafHash, RecordId, SubjectRef
from salus.core.journal import HeadStatus, InvalidationReason, KnownSubject, NewVersion, SealedMessage
from salus.core.leaf import Leaf
from salus.core.remembered import RememberedMessage, RememberedVersion

_MOST_NAMES = 12
"""Further names of a group that a note of `MAX_NOTE` bytes has room for."""
_PURPOSE = "note"


class _Note(msgspec.Struct, array_like=True, frozen=True):
    listener: str
    message_hash: bytes
    raw_hash: bytes
    message_content: bytes
    kind: str
    received_at: int
    content_hash: bytes
    status: int
    withdraws: int
    group: bytes
    said_at: int
    name_hash: bytes
    sealed_seed: bytes
    also: tuple[bytes, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Note)


def seal_note(
    site: SiteKey, version: NewVersion, message: SealedMessage, subjects: Mapping[SubjectRef, KnownSubject]
) -> bytes:
    """The note of a version that a message made; further names are left out where they don't fit."""
    own, known = version.leaf.record_id, subjects.get(version.leaf.subject)
    note = _Note(
        message.listener,
        message.message_hash,
        message.raw_hash,
        message.content_hash,
        message.kind,
        message.received_at,
        version.content_hash,
        int(version.status),
        int(version.withdraws or 0),
        b"" if version.group == own else version.group,
        version.said_at,
        b"" if known is None else known.name_hash,
        b"" if known is None else known.sealed_seed,
        version.also[:_MOST_NAMES],
    )
    return site.seal(_PURPOSE, version.leaf_hash, _encoder.encode(note))


def open_note(site: SiteKey, leaf_hash: LeafHash, leaf: Leaf, sealed: bytes) -> RememberedVersion:
    """What a note remembers of the version with that leaf.

    Raises:
        IntegrityError: it is not this source's note of that leaf.
    """
    try:
        note = _decoder.decode(site.open(_PURPOSE, leaf_hash, sealed))
    except msgspec.MsgspecError as error:
        raise IntegrityError("a note of a record version has an unknown form") from error
    message = RememberedMessage(
        note.listener, note.message_hash, note.raw_hash, note.message_content, note.kind, note.received_at
    )
    subject = KnownSubject(note.name_hash, leaf.subject, note.sealed_seed) if note.name_hash else None
    return RememberedVersion(
        leaf_hash,
        leaf,
        message,
        note.content_hash,
        HeadStatus(note.status),
        InvalidationReason(note.withdraws) if note.withdraws else None,
        RecordId(note.group) if note.group else leaf.record_id,
        note.said_at,
        note.also,
        subject,
    )
