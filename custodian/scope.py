"""Scope: which record versions a consent or an access covers, and the code of the first thing that is outside.

Source: docs/protocol.md section 5, codes 142 to 153. Day 0 is undated and in no window. A record is inside only if
all its categories are.
"""

from __future__ import annotations

from dataclasses import dataclass

from salus.core.access import Access
from salus.core.codes import Code
from salus.core.consent import Consent
from salus.core.custody import KeptRecord
from salus.core.ids import LeafHash


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits on labels; `days` are first and last day, None covers no day; `topics` None is not filtered."""

    categories: int
    level: int
    confidentiality: int
    form: int
    days: tuple[int, int] | None
    topics: int | None = None
    excluded: frozenset[LeafHash] = frozenset()

    def refusal(self, record: KeptRecord) -> Code | None:
        """Code of the first limit the record is outside of, None if it is inside all."""
        leaf = record.leaf
        within = self.days is not None and leaf.first_day > 0 and self.days[0] <= leaf.first_day
        checks = (
            (leaf.categories & ~self.categories == 0, Code.RECORD_OUTSIDE_CATEGORIES),
            (within and self.days is not None and leaf.last_day <= self.days[1], Code.RECORD_OUTSIDE_DAYS),
            (leaf.level <= self.level, Code.RECORD_ABOVE_LEVEL),
            (leaf.confidentiality <= self.confidentiality, Code.RECORD_ABOVE_CONFIDENTIALITY),
            (leaf.form >= self.form, Code.RECORD_TOO_IDENTIFIED),
            (self.topics is None or record.topics & ~self.topics == 0, Code.RECORD_TOPIC_NOT_ALLOWED),
            (record.leaf_hash not in self.excluded, Code.RECORD_EXCLUDED),
        )
        return next((code for holds, code in checks if not holds), None)


def consent_scope(consent: Consent, now: int, topics: int, excluded: frozenset[LeafHash]) -> Scope:
    """What a consent covers at a time (Unix seconds)."""
    return Scope(
        consent.categories,
        consent.max_level,
        consent.max_confidentiality,
        consent.min_form,
        consent.window(now),
        topics,
        excluded,
    )


def access_scope(access: Access) -> Scope:
    """What an access without a consent covers."""
    days = (access.from_day, access.to_day)
    return Scope(access.categories, access.level, access.confidentiality, access.form, days)


def narrowed(access: Access, consent: Consent, topics: int, excluded: frozenset[LeafHash]) -> Scope:
    """What an access under a consent covers: the narrower of both; days as the gateway resolved them at the request."""
    return Scope(
        access.categories & consent.categories,
        min(access.level, consent.max_level),
        min(access.confidentiality, consent.max_confidentiality),
        max(access.form, consent.min_form),
        (access.from_day, access.to_day),
        topics,
        excluded,
    )
