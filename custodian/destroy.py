"""Destroy: carry out a final order on chain: erase the shares, leave tombstones, log, and sign an attestation.

The order is the permission; who asks does not matter. Source: DESIGN section 4, Destruction.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from custodian.log import destroyed
from custodian.rules import Custodian, View, admit
from custodian.schemas import read_destroy
from custodian.wrap import number_of
from salus.core.custody import attestation_digest
from salus.core.errors import ConflictError, NotFoundError
from salus.core.ids import ParticipantId, RecordId, SubjectRef, hex32, order_id
from salus.core.state import RecordStatus

VERB = "destroy"


def destroy(custodian: Custodian, value: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a signed destruction: `{erased, attestation}`. The same again gets the same answer.

    Raises:
        InputError: malformed.
        RefusedError: codes of every call.
        NotFoundError: there is no final order.
        ConflictError: the cooling-off has not ended, or a legal hold keeps the record.
    """
    admitted = admit(custodian, VERB, value)
    body = read_destroy(admitted.body)
    erased = erase_ordered(custodian, body.source, body.record, body.subject, admitted.view)
    domain = custodian.chain.domain("RecordRegistry")
    digest = attestation_digest(domain, body.source, body.record, body.subject, custodian.id, erased)
    return {"erased": erased, "attestation": hex32(custodian.signer.sign(digest))}


def erase_ordered(
    custodian: Custodian, source: ParticipantId, record: RecordId, subject: SubjectRef, view: View
) -> int:
    """Erase what a final order names: the record's versions of that subject; how many are erased, now and before.

    Raises:
        NotFoundError: there is no final order.
        ConflictError: the cooling-off has not ended, or a legal hold keeps the record.
    """
    chain, store = custodian.chain, custodian.store
    order = chain.record_state(source, order_id(record, subject), view.final)
    if order.status not in (RecordStatus.ORDERED, RecordStatus.DESTROYED):
        raise NotFoundError("there is no final destruction order for this record")
    if order.erasable_from > view.head.timestamp:
        raise ConflictError("the cooling-off of this order has not ended")
    if any(chain.subject(subject, at).hold for at in view.stamps):
        raise ConflictError("a legal hold keeps this record")
    _forget_keys(custodian, source, record, subject)
    entry = partial(destroyed, source, record, subject)
    erased = store.erase(source, record, subject, custodian.clock.now(), entry)
    store.drop_order(source, record, subject)
    return erased


def _forget_keys(custodian: Custodian, source: ParticipantId, record: RecordId, subject: SubjectRef) -> None:
    """Before the rows, which say which keys they are: killed in between, the next run does both again."""
    kept = [one.key for one in custodian.store.versions_of(source, record) if one.leaf.subject == subject]
    numbers: dict[str, list[int]] = {}
    for wrapped in custodian.store.shares(kept).values():
        numbers.setdefault(wrapped.period, []).append(number_of(wrapped))
    for period, of_period in numbers.items():
        custodian.keys.forget(period, of_period)
