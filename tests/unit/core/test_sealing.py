from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from secrets import token_bytes
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.core import envelope, shares
from salus.core.canonical import canonical
from salus.core.errors import CanonicalError, EnvelopeError, IntegrityError, ShareError
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, LeafHash, RecordId
from salus.core.labels import Category, Confidentiality, Labels, Topic
from salus.core.leaf import content_commitment, topics_commitment
from salus.core.sealing import RecordHead, SealedRecord, open_record, seal_record
from tests.unit.core.strategies import json_objects
from tests.vectors.samples import SUBJECT, Tape, raw32

CONTENT: dict[str, Any] = {"resourceType": "Observation", "value": Decimal("5.40"), "text": "血糖"}


def _head(level: int = 3) -> RecordHead:
    labels = Labels(Category.LAB, level, Confidentiality.N, Topic.HIV | Topic.MH)
    return RecordHead(RecordId(raw32("record")), 1, LeafHash(ZERO32), SUBJECT, labels, 0, 20_700, 20_701, 1)


def _seal(level: int = 3, content: dict[str, Any] | None = None) -> SealedRecord:
    return seal_record(_head(level), CONTENT if content is None else content, 2, 3, Tape("sealing"))


def _open(sealed: SealedRecord, outer: Any = None, inner: Any = None, raw: bytes | None = None) -> dict[str, Any]:
    leaf = sealed.leaf
    return open_record(
        sealed.envelope if raw is None else raw,
        leaf.envelope_digest if raw is None else sha256(raw),
        leaf.content_commitment,
        sealed.shares if outer is None else outer,
        sealed.inner_shares if inner is None else inner,
    ).content


@settings(max_examples=40)
@given(json_objects, st.integers(1, 5), st.integers(0, 2))
def test_seal__any_content_and_level__opens_to_it(content: dict[str, Any], level: int, left_out: int) -> None:
    sealed = _seal(level, content)
    outer = [share for position, share in enumerate(sealed.shares) if position != left_out]
    assert canonical(_open(sealed, outer)) == canonical(content)


def test_open__record__says_whose_and_which_version() -> None:
    sealed = _seal()
    opened = open_record(
        sealed.envelope, sealed.leaf.envelope_digest, sealed.leaf.content_commitment, sealed.shares[:2]
    )
    assert (opened.record_id, opened.version, opened.topics) == (raw32("record"), 1, Topic.HIV | Topic.MH)


def test_seal__leaf__commits_to_envelope_content_and_topics() -> None:
    sealed = _seal()
    salt = Tape("sealing")(16)
    assert sealed.leaf.envelope_digest == sha256(sealed.envelope)
    assert sealed.leaf.content_commitment == content_commitment(salt, canonical(CONTENT))
    assert sealed.leaf.topics_commitment == topics_commitment(sealed.topics_salt, sealed.topics)
    assert (sealed.leaf.level, sealed.leaf.categories, sealed.leaf.custodian_set) == (3, int(Category.LAB), 1)


@pytest.mark.parametrize("level", [3, 5])
def test_open__every_single_byte_of_the_envelope_changed__caught(level: int) -> None:
    sealed = _seal(level)
    for at in range(len(sealed.envelope)):
        changed = bytearray(sealed.envelope)
        changed[at] ^= 0x01
        with pytest.raises(IntegrityError):  # the anchored digest differs
            open_record(bytes(changed), sealed.leaf.envelope_digest, sealed.leaf.content_commitment, sealed.shares, ())
        with pytest.raises(IntegrityError):  # and so does the seal itself, had the digest been changed too
            _open(sealed, raw=bytes(changed))


@pytest.mark.parametrize("position", [0, 1, 2])
def test_open__wrong_share__names_its_position(position: int) -> None:
    sealed = _seal()
    lie = sealed.shares[position][:-1] + bytes([sealed.shares[position][-1] ^ 1])
    with pytest.raises(ShareError) as caught:
        _open(sealed, [*sealed.shares[:position], lie, *sealed.shares[position + 1 :]])
    assert caught.value.positions == (position + 1,)


def test_open__one_share__refused() -> None:
    sealed = _seal()
    for share in sealed.shares:
        with pytest.raises(ShareError):
            _open(sealed, [share])


def test_open__level_5__needs_every_custodian() -> None:
    sealed = _seal(level=5)
    assert len(sealed.inner_shares) == 3
    assert _open(sealed) == CONTENT
    for inner in [*combinations(sealed.inner_shares, 2), *combinations(sealed.inner_shares, 1), ()]:
        with pytest.raises(ShareError):
            _open(sealed, inner=inner)


def test_open__level_5_inner_share_wrong__names_its_position() -> None:
    sealed = _seal(level=5)
    lie = sealed.inner_shares[1][:5] + bytes(28)
    with pytest.raises(ShareError) as caught:
        _open(sealed, inner=[sealed.inner_shares[0], lie, sealed.inner_shares[2]])
    assert caught.value.positions == (2,)


def test_open__outer_shares_given_as_inner__refused() -> None:
    sealed = _seal(level=5)
    with pytest.raises(ShareError):
        _open(sealed, inner=sealed.shares)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_seal__below_level_5__no_inner_shares(level: int) -> None:
    assert _seal(level).inner_shares == ()


def test_open__content_of_another_commitment__refused() -> None:
    sealed = _seal()
    with pytest.raises(IntegrityError):
        open_record(sealed.envelope, sealed.leaf.envelope_digest, raw32("another"), sealed.shares)


def test_open__envelope_of_another_record__refused() -> None:
    one, other = _seal(), _seal(content={"resourceType": "Patient"})
    with pytest.raises(IntegrityError):
        open_record(other.envelope, one.leaf.envelope_digest, one.leaf.content_commitment, one.shares)


def test_seal__twice__nothing_in_common() -> None:
    one, other = (seal_record(_head(), CONTENT, 2, 3, Tape(name)) for name in ("one", "other"))
    assert one.envelope != other.envelope
    assert one.leaf.content_commitment != other.leaf.content_commitment
    assert one.leaf.topics_commitment != other.leaf.topics_commitment
    assert not set(one.shares) & set(other.shares)


def test_seal__content_with_a_float__refused() -> None:
    with pytest.raises(CanonicalError):
        _seal(content={"value": 5.4})


def _sealed_bytes(plaintext: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    key = raw32("key")
    dealt = shares.split(key, 2, 3, token_bytes)
    return envelope.seal(plaintext, key, raw32("nonce")[:12], envelope.header_for(2, dealt)), dealt


SALT = "0x" + "00" * 16
LEAF = {"recordId": "0x" + "00" * 32, "version": 1}


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        canonical({"content": {}, "contentSalt": SALT, "leaf": LEAF, "topicsSalt": SALT}),
        canonical({"content": {}, "contentSalt": SALT, "leaf": LEAF, "topics": "1"}),
        canonical({"content": {}, "contentSalt": SALT, "leaf": LEAF, "topics": 2**32}),
        canonical({"content": {}, "contentSalt": "0x00", "leaf": LEAF, "topics": 0}),
        canonical({"content": {}, "contentSalt": SALT, "leaf": [], "topics": 0}),
        canonical({"content": {}, "contentSalt": SALT, "leaf": {"recordId": SALT, "version": 1}, "topics": 0}),
        b'{"content":{"a":1e5},"contentSalt":"' + SALT.encode() + b'"}',
        b'{"content":{"\xf0\x9f\x98\x80":1},"contentSalt":"'
        + SALT.encode()
        + b'","leaf":'
        + canonical(LEAF)
        + b',"topics":0}',
    ],
    ids=range(13),
)
def test_open__envelope_that_holds_no_record__refused(plaintext: bytes) -> None:
    raw, dealt = _sealed_bytes(plaintext)
    with pytest.raises(EnvelopeError):
        open_record(raw, sha256(raw), bytes(32), dealt)


def test_open__nested_suite_without_inner_envelope__refused() -> None:
    key = raw32("key")
    dealt = shares.split(key, 2, 3, token_bytes)
    raw = envelope.seal(b"{}", key, raw32("n")[:12], envelope.header_for(2, dealt), envelope.SUITE_NESTED)
    with pytest.raises(EnvelopeError):
        open_record(raw, sha256(raw), bytes(32), dealt, dealt)


def test_head__of_the_next_version__links_the_leaf_before() -> None:
    first = _seal().leaf
    head = replace(_head(), version=2, previous=first.hash(1))
    assert seal_record(head, CONTENT, 2, 3, Tape("2")).leaf.previous == first.hash(1)
