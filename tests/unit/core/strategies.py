"""Hypothesis strategies for values of the meaning layer: everything a field's width allows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from salus.core.access import Access, AccessKind
from salus.core.consent import Consent
from salus.core.ids import LeafHash, ParticipantId, RecordId, Root, SubjectRef, to_address
from salus.core.leaf import Leaf

bytes32 = st.binary(min_size=32, max_size=32)
bytes16 = st.binary(min_size=16, max_size=16)
addresses = st.binary(min_size=20, max_size=20).map(to_address)


def uint(bits: int) -> st.SearchStrategy[int]:
    """Integers of a width, its limits included."""
    return st.integers(0, 2**bits - 1)


accesses = st.builds(
    Access,
    kind=st.sampled_from(AccessKind),
    participant=bytes32.map(ParticipantId),
    reference=bytes32,
    purpose=uint(32),
    categories=uint(64),
    actions=uint(16),
    level=uint(8),
    confidentiality=uint(8),
    form=uint(8),
    from_day=uint(32),
    to_day=uint(32),
    role=uint(16),
    record_count=uint(16),
    records_root=bytes32.map(Root),
    session_key=bytes32,
    user_digest=bytes32,
    deadline=uint(64),
    salt=bytes32,
)

consents = st.builds(
    Consent,
    holder=addresses,
    epoch=uint(64),
    max_uses=uint(32),
    deadline=uint(64),
    replaces=bytes32,
    grantee=bytes32.map(ParticipantId),
    purposes=uint(32),
    categories=uint(64),
    actions=uint(16),
    max_level=uint(8),
    max_confidentiality=uint(8),
    min_form=uint(8),
    window_months=uint(8),
    from_day=uint(32),
    to_day=uint(32),
    valid_from=uint(64),
    valid_until=uint(64),
    session_minutes=uint(32),
    obligations=uint(32),
    flags=uint(32),
    ruleset=uint(16),
    terms=bytes32,
    salt=bytes32,
)

leaves = st.builds(
    Leaf,
    record_id=bytes32.map(RecordId),
    version=uint(32),
    previous=bytes32.map(LeafHash),
    subject=bytes32.map(SubjectRef),
    envelope_digest=bytes32,
    content_commitment=bytes32,
    categories=uint(64),
    level=uint(8),
    confidentiality=uint(8),
    form=uint(8),
    first_day=uint(32),
    last_day=uint(32),
    topics_commitment=bytes32,
    custodian_set=uint(32),
)

names = st.text(st.characters(max_codepoint=0xD7FF), max_size=8)
decimals = st.from_regex(r"-?(0|[1-9][0-9]{0,30})\.[0-9]{1,30}", fullmatch=True).map(Decimal)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | decimals
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)
json_objects = st.dictionaries(names, json_values, max_size=5)
