"""Destroy: carry out a final order on chain: erase the shares, leave tombstones, log, and sign an attestation.

The order is the permission; who asks does not matter. Source: DESIGN section 4, Destruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from custodian.log import destroyed
from custodian.rules import Custodian, View, admit
from custodian.schemas import read_destroy
from custodian.wrap import number_of
from salus.core.custody import WrappedShare, attestation_digest
from salus.core.erasable_keys import ErasableKeys
from salus.core.errors import ConflictError, NotFoundError
from salus.core.ids import ParticipantId, RecordId, SubjectRef, hex32, order_id
from salus.core.state import RecordStatus

VERB = "destroy"


class NoOrderError(NotFoundError):
    """The final block's state has no order; what else is not found says nothing of that."""


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

    The time is the final block's: one sealer alone can give a block that is not final a time far ahead.

    Raises:
        NoOrderError: there is no final order.
        ConflictError: the cooling-off has not ended, or a legal hold keeps the record.
    """
    chain, store = custodian.chain, custodian.store
    order = chain.record_state(source, order_id(record, subject), view.final)
    if order.status not in (RecordStatus.ORDERED, RecordStatus.DESTROYED):
        raise NoOrderError("there is no final destruction order for this record")
    if order.erasable_from > view.final.timestamp:
        raise ConflictError("the cooling-off of this order has not ended")
    if any(chain.subject(subject, at).hold for at in view.stamps):
        raise ConflictError("a legal hold keeps this record")
    entry = partial(destroyed, source, record, subject)
    erased = store.erase(source, record, subject, custodian.clock.now(), entry, partial(_forget, custodian.keys))
    store.drop_order(source, record, subject)
    return erased


def _forget(keys: ErasableKeys, shares: Iterable[WrappedShare]) -> None:
    """Before the rows, which say which keys they are: killed in between, the next run does both again."""
    numbers: dict[str, list[int]] = {}
    for wrapped in shares:
        numbers.setdefault(wrapped.period, []).append(number_of(wrapped))
    for period, of_period in numbers.items():
        keys.forget(period, of_period)
