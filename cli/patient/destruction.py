"""The patient's part of a destruction before the years are over: a signature that the institution orders it with.

Source: docs/protocol.md section 4, `Destruction`; docs/retention.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cli.patient.session import PatientSession, SystemClock
from salus.core.errors import InputError
from salus.core.ids import ParticipantId, RecordId, from_hex, hex32
from salus.core.retention import AGREEMENT_SECONDS
from salus.flows.bind import sign_destruction
from salus.flows.custody import ListedRecord


def named(listed: Sequence[ListedRecord], names: Sequence[str]) -> list[ListedRecord]:
    """Newest listed version of each record that was named, by its id or by the leaf of one of its versions.

    Raises:
        InputError: one is not listed.
    """
    newest: dict[RecordId, ListedRecord] = {}
    known: dict[bytes, RecordId] = {}
    for one in sorted(listed, key=lambda each: each.version):
        newest[one.record_id] = one
        known |= {one.leaf: one.record_id, one.record_id: one.record_id}
    chosen: dict[RecordId, ListedRecord] = {}
    for name in names:
        record = known.get(from_hex(name))
        if record is None:
            raise InputError(f"{name} is none of your records there: `salus patient records` lists them")
        chosen[record] = newest[record]
    return list(chosen.values())


def agreement(
    session: PatientSession, source: ParticipantId, record: ListedRecord, seconds: int = AGREEMENT_SECONDS
) -> dict[str, Any]:
    """The controller's signed agreement that a record is destroyed, for its source; it may be used so many seconds."""
    own, deadline = session.wallet.subject_at(source), SystemClock().now() + seconds
    signature = sign_destruction(
        session.controller_of(source),
        source,
        record.record_id,
        own.subject,
        record.custodian_set,
        deadline,
        session.api.domain("RecordRegistry"),
    )
    return {
        "recordId": hex32(record.record_id),
        "subjectRef": hex32(own.subject),
        "deadline": deadline,
        "custodianSet": record.custodian_set,
        "signature": hex32(signature),
    }
