"""A record version as a row of a msgpack payload: its leaf, in most with the topics in clear, not their commitment.

Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Any

import msgspec

from salus.core.ids import LeafHash, RecordId, SubjectRef
from salus.core.leaf import SALT_BYTES, Leaf, topics_commitment

MAX_NOTE = 1024
"""Bytes of a note at most: what a source keeps with a record version at its custodians, sealed to itself."""

Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Note = Annotated[bytes, msgspec.Meta(max_length=MAX_NOTE)]
_Salt = Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
Int8 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 8)]
Int32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
Int64 = Annotated[int, msgspec.Meta(ge=0)]  # msgpack has no longer ones


class LeafFields(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """What all rows begin with: the leaf's fields in order, but the last two."""

    record_id: Hash
    version: Int32
    previous: Hash
    subject: Hash
    envelope_digest: Hash
    content_commitment: Hash
    categories: Int64
    level: Int8
    confidentiality: Int8
    form: Int8
    first_day: Int32
    last_day: Int32

    def leaf_with(self, commitment: bytes, custodian_set: int) -> Leaf:
        """The leaf; `commitment` is that of its topics."""
        return Leaf(
            RecordId(self.record_id),
            self.version,
            LeafHash(self.previous),
            SubjectRef(self.subject),
            self.envelope_digest,
            self.content_commitment,
            self.categories,
            self.level,
            self.confidentiality,
            self.form,
            self.first_day,
            self.last_day,
            commitment,
            custodian_set,
        )


class LeafRow(LeafFields, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """The row with topics; what a payload adds to it comes behind."""

    topics: Int32
    topics_salt: _Salt

    def leaf(self, custodian_set: int) -> Leaf:
        """The leaf, its topics commitment computed, not believed."""
        return self.leaf_with(topics_commitment(self.topics_salt, self.topics), custodian_set)


_of_leaf = attrgetter(*LeafFields.__struct_fields__)


def row_fields(leaf: Leaf, topics: int, topics_salt: bytes, *more: Any) -> tuple[Any, ...]:
    """Fields of a row, in order, and what a payload adds."""
    return (*_of_leaf(leaf), topics, topics_salt, *more)
