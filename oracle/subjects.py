"""Subjects: how a patient of the source becomes a subjectRef that nobody else can guess or claim first.

The seed is 32 random bytes, made on first sight and sealed; `SubjectRegistry.bind` shows it once, when the patient
claims the subject (docs/protocol.md section 2).
"""

from __future__ import annotations

from oracle.sitekey import SiteKey
from salus.core.ids import ParticipantId, subject_ref
from salus.core.journal import KnownSubject
from salus.core.ports import Randomness

SEED_BYTES = 32


def subject_hash(site: SiteKey, subject_key: str) -> bytes:
    """Keyed hash of the source's own key for a patient, by which the subject is found."""
    return site.digest("subject", subject_key)


def new_subject(
    site: SiteKey, chain_id: int, source: ParticipantId, name_hash: bytes, random: Randomness
) -> KnownSubject:
    """A subject seen for the first time."""
    seed = random(SEED_BYTES)
    return KnownSubject(name_hash, subject_ref(chain_id, source, seed), site.seal("seed", name_hash, seed))


def seed_of(site: SiteKey, subject: KnownSubject) -> bytes:
    """The seed of a subject.

    Raises:
        IntegrityError: another site key, or damage.
    """
    return site.open("seed", subject.name_hash, subject.sealed_seed)
