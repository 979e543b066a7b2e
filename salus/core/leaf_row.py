"""A record version as a row of a msgpack payload: its leaf, with the topics in clear in place of their commitment.

Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Any

import msgspec

from salus.core.ids import LeafHash, RecordId, SubjectRef
from salus.core.leaf import SALT_BYTES, Leaf, topics_commitment

Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Salt = Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
_Int8 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 8)]
_Int32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Int64 = Annotated[int, msgspec.Meta(ge=0)]  # msgpack has no longer ones


class LeafRow(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """The row; what a payload adds to it comes behind."""

    record_id: Hash
    version: _Int32
    previous: Hash
    subject: Hash
    envelope_digest: Hash
    content_commitment: Hash
    categories: _Int64
    level: _Int8
    confidentiality: _Int8
    form: _Int8
    first_day: _Int32
    last_day: _Int32
    topics: _Int32
    topics_salt: _Salt

    def leaf(self, custodian_set: int) -> Leaf:
        """The leaf, its topics commitment computed, not believed."""
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
            topics_commitment(self.topics_salt, self.topics),
            custodian_set,
        )


_of_leaf = attrgetter(*LeafRow.__struct_fields__[:-2])


def row_fields(leaf: Leaf, topics: int, topics_salt: bytes, *more: Any) -> tuple[Any, ...]:
    """Fields of a row, in order, and what a payload adds."""
    return (*_of_leaf(leaf), topics, topics_salt, *more)
