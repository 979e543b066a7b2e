"""Recall: a source asks a custodian which record versions of a batch it deposited there, and for its notes of them.

An oracle restored from an older backup learns so what it had anchored since. The answer has leaves and notes, sealed to
a key of the call's own; no shares, and topics only as the leaf has them, committed. Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from salus.core.canonical import integer
from salus.core.errors import InputError
from salus.core.ids import ZERO32, LeafHash, ParticipantId, Root, from_hex, hex32
from salus.core.leaf import Leaf
from salus.core.leaf_row import Hash, Int32, LeafFields, Note

PAGE = 250
MAX_PAGE = 500
"""With notes of full length a page is 0.7 MB, and 1.4 MB as the hex of an answer."""
RECALLS_AN_HOUR = 400_000
"""Record versions a custodian tells a source of in an hour. Three custodians tell of a day with a million in less; who
found an operator's key gets no more, and no more entries into their logs, while the source has not removed it yet."""


@dataclass(frozen=True, slots=True)
class RecallBody:
    """Body of the call: which batch, the X25519 public key (32 bytes) to seal to, after which leaf, how many versions.

    Raises:
        InputError: a page of 0, or of more than `MAX_PAGE`.
    """

    source: ParticipantId
    root: Root
    session_key: bytes
    after: LeafHash = LeafHash(ZERO32)
    limit: int = PAGE

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise InputError(f"a page has 1 to {MAX_PAGE} record versions")

    def to_json(self) -> dict[str, Any]:
        """JSON form, without what is as usual."""
        value: dict[str, Any] = {
            "sourceId": hex32(self.source),
            "root": hex32(self.root),
            "sessionKey": hex32(self.session_key),
        }
        if self.after != ZERO32:
            value["after"] = hex32(self.after)
        if self.limit != PAGE:
            value["limit"] = self.limit
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RecallBody:
        """Read the JSON form.

        Raises:
            InputError: malformed.
        """
        try:
            return cls(
                ParticipantId(from_hex(value["sourceId"])),
                Root(from_hex(value["root"])),
                from_hex(value["sessionKey"]),
                LeafHash(from_hex(value["after"])) if "after" in value else LeafHash(ZERO32),
                integer(value.get("limit", PAGE), 16),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("the body of the call is malformed") from error


@dataclass(frozen=True, slots=True)
class RecallAnswer:
    """A page of a batch: its set and count as deposited, the sealed versions, and whether more come after them.

    Of `count`, versions that were erased are not told.
    """

    custodian_set: int
    count: int
    sealed: bytes
    more: bool

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        sealed = "0x" + self.sealed.hex()
        return {"custodianSet": self.custodian_set, "count": self.count, "sealed": sealed, "more": self.more}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RecallAnswer:
        """Read the JSON form.

        Raises:
            InputError: malformed.
        """
        try:
            more = value["more"]
            if not isinstance(more, bool):
                raise InputError("more is true or false")
            numbers = integer(value["custodianSet"], 32), integer(value["count"], 32)
            return cls(*numbers, from_hex(value["sealed"], None), more)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("the answer to a recall is malformed") from error


@dataclass(frozen=True, slots=True)
class RecalledVersion:
    """A record version that a custodian keeps, and the source's note of it (empty if it gave none)."""

    leaf: Leaf
    note: bytes


class _Version(LeafFields, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """A leaf's fields, in order, and the note."""

    topics_commitment: Hash
    custodian_set: Int32
    note: Note


_of_leaf = attrgetter(*_Version.__struct_fields__[:-1])
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Version])


def encode_versions(versions: Sequence[RecalledVersion]) -> bytes:
    """Msgpack payload, before sealing."""
    return _encoder.encode([_Version(*(*_of_leaf(one.leaf), one.note)) for one in versions])


def decode_versions(payload: bytes) -> list[RecalledVersion]:
    """Versions of a payload; the caller compares the leaves' hashes with the batch's root.

    Raises:
        InputError: malformed.
    """
    try:
        rows = _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise InputError("malformed payload of a recall") from error
    return [RecalledVersion(row.leaf_with(row.topics_commitment, row.custodian_set), row.note) for row in rows]
