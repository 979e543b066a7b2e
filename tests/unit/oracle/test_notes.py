"""Notes of record versions: what they remember, and that only their source makes and reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oracle.notes import open_note, seal_note
from oracle.sitekey import SiteKey
from oracle.subjects import new_subject, seed_of
from salus.adapters.memory import SeededRandomness
from salus.core.errors import IntegrityError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, ParticipantId, RecordId
from salus.core.journal import HeadStatus, InvalidationReason, NewVersion, SealedMessage
from salus.core.leaf import Leaf
from salus.core.leaf_row import MAX_NOTE

RANDOM = SeededRandomness("notes")
SITE = SiteKey(sha256(b"site"), RANDOM)
KNOWN = new_subject(SITE, 1, ParticipantId(sha256(b"source")), sha256(b"name"), RANDOM)
LEAF = Leaf(
    RecordId(sha256(b"record")),
    2,
    LeafHash(sha256(b"before")),
    KNOWN.subject,
    *(sha256(b"envelope"), sha256(b"content")),
    *(4, 3, 1, 2, 20_000, 20_001),
    sha256(b"topics"),
    1,
)
HASH = LEAF.hash(1)
VERSION = NewVersion(
    7,
    HASH,
    LEAF,
    sha256(b"said"),
    HeadStatus.CORRECTED,
    InvalidationReason.OTHER_PATIENT,
    b"secret",
    RecordId(sha256(b"group")),
    1_798_761_600_000_000,
    (sha256(b"visit"), sha256(b"account")),
)
MESSAGE = SealedMessage(
    7,
    "lis",
    *(sha256(b"message"), sha256(b"raw"), b"sealed", 1_798_761_600),
    content_hash=sha256(b"content of the message"),
    kind="ORU^R01",
)
NOTE = seal_note(SITE, VERSION, MESSAGE, {KNOWN.subject: KNOWN})


def test_note__opened__remembers_version_message_and_subject() -> None:
    found = open_note(SITE, HASH, LEAF, NOTE)
    version = ("content_hash", "status", "withdraws", "group", "said_at", "also")
    assert [getattr(found, name) for name in version] == [getattr(VERSION, name) for name in version]
    message = ("listener", "message_hash", "raw_hash", "content_hash", "kind", "received_at")
    assert [getattr(found.message, name) for name in message] == [getattr(MESSAGE, name) for name in message]
    assert found.subject == KNOWN
    assert seed_of(SITE, KNOWN) not in NOTE


def test_note__of_a_record_by_itself_and_an_unknown_subject__says_so() -> None:
    alone = replace(VERSION, group=LEAF.record_id, withdraws=None, also=())
    found = open_note(SITE, HASH, LEAF, seal_note(SITE, alone, MESSAGE, {}))
    assert (found.group, found.withdraws, found.also, found.subject) == (LEAF.record_id, None, (), None)


def test_note__of_another_leaf_site_or_with_a_changed_byte__does_not_open() -> None:
    changed = NOTE[:-1] + bytes([NOTE[-1] ^ 1])
    other = SiteKey(sha256(b"another site"), RANDOM)
    for site, leaf_hash, note in ((SITE, LeafHash(sha256(b"x")), NOTE), (other, HASH, NOTE), (SITE, HASH, changed)):
        with pytest.raises(IntegrityError):
            open_note(site, leaf_hash, LEAF, note)


@pytest.mark.parametrize("made_up", [b"", b"\x01", b"made up", bytes(400)])
def test_note__made_up__does_not_open(made_up: bytes) -> None:
    with pytest.raises(IntegrityError):
        open_note(SITE, HASH, LEAF, made_up)


def test_note__the_longest_there_is__fits_what_custodians_take() -> None:
    names = tuple(sha256(b"name %d" % number) for number in range(100))
    message = replace(MESSAGE, listener="源" * 64, kind="ORU^R01^ORU_R01"[:16])
    note = seal_note(SITE, replace(VERSION, also=names), message, {KNOWN.subject: KNOWN})
    assert len(note) <= MAX_NOTE
    assert open_note(SITE, HASH, LEAF, note).also == names[:12]
