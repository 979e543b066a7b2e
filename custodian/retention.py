"""Retention: what is past its years by more than the grace is neither listed nor released, until its patient keeps it
longer or its destruction is ordered.

The time is the final block's, never this machine's clock: a clock that runs ahead must not hide records, one that runs
behind must not show them. What takes a permission away counts at the final block and at the head, so either is enough.
Source: docs/retention.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from custodian.rules import Custodian, View, subject_at
from custodian.standing import settle
from salus.core.custody import KeptRecord
from salus.core.ids import ParticipantId, RecordId, SubjectRef, order_id
from salus.core.retention import Retention, Standing


def standing_of(
    custodian: Custodian, source: ParticipantId, record: RecordId, subject: SubjectRef, view: View
) -> Standing | None:
    """How a record stands by this custodian's own deposits and node; None where it holds no anchored version of it.

    What a member of the Council asks before it votes for an order. The grace is this custodian's.
    """
    kept = [one for one in custodian.store.versions_of(source, record) if one.leaf.subject == subject]
    settle(custodian, kept, view)
    anchored_at = custodian.store.newest_anchored(source, [record]).get(record) if kept else None
    if anchored_at is None:
        return None
    state = custodian.chain.subject(subject, view.final)
    order = custodian.chain.record_state(source, order_id(record, subject), view.head)
    kept_for = Retention(anchored_at, state.retention_years, held=state.hold, status=order.status)
    return kept_for.standing(view.final.timestamp, custodian.grace_days)


def over(custodian: Custodian, subject: SubjectRef, records: Sequence[KeptRecord], view: View) -> set[int]:
    """Keys of those of a subject's records whose retention is over."""
    states = subject_at(custodian.chain, subject, view)
    by_source: dict[ParticipantId, set[RecordId]] = {}
    for record in records:
        by_source.setdefault(record.source, set()).add(record.leaf.record_id)
    for source, wanted in by_source.items():
        settle(custodian, custodian.store.unanchored_of(source, wanted), view)
    ended = {
        (source, record_id)
        for source, wanted in by_source.items()
        for record_id, anchored_at in custodian.store.newest_anchored(source, wanted).items()
        if any(
            Retention(anchored_at, state.retention_years, held=state.hold).standing(
                view.final.timestamp, custodian.grace_days
            )
            is Standing.OVER
            for state in states
        )
    }
    return {record.key for record in records if (record.source, record.leaf.record_id) in ended}
