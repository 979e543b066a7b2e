"""Destroy: carry out a final order on chain: erase the shares, leave tombstones, log, and sign an attestation.

The order is the permission; who asks does not matter. Source: DESIGN section 4, Destruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from custodian.log import Kind, destroyed
from custodian.rules import Custodian, View, admit
from custodian.schemas import read_destroy
from custodian.wrap import nearby, number_of, unwrap
from salus.core.custody import WrappedShare, attestation_digest
from salus.core.errors import ConflictError, IntegrityError, NotFoundError
from salus.core.ids import LeafHash, ParticipantId, RecordId, SubjectRef, hex32, order_id
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
        ConflictError: the cooling-off has not ended, a legal hold keeps the record, or a key of it may be left.
    """
    admitted = admit(custodian, VERB, value)
    body = read_destroy(admitted.body)
    erased = erase_ordered(custodian, body.source, body.record, body.subject, admitted.view)
    _require_no_key_left(custodian, body.source, body.record, body.subject)
    domain = custodian.chain.domain("RecordRegistry")
    digest = attestation_digest(domain, body.source, body.record, body.subject, custodian.id, erased)
    return {"erased": erased, "attestation": hex32(custodian.signer.sign(digest))}


def erase_ordered(
    custodian: Custodian, source: ParticipantId, record: RecordId, subject: SubjectRef, view: View
) -> int:
    """Erase what a final order names: the record's versions of that subject; how many are erased, now and before.

    A row that is damaged goes too, and must not take another record's key along. Where which key it had can't be told,
    that key is left until an operator has all destroyed that no row names, and nothing is attested before.
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
    forgetting = _Forgetting(custodian, source)
    erased = store.erase(
        source,
        record,
        subject,
        custodian.clock.now(),
        lambda count: destroyed(source, record, subject, count, forgetting.left),
        forgetting,
    )
    store.drop_order(source, record, subject)
    return erased


class _Forgetting:
    """Destroys the keys of shares; `left` is of how many it could not be told."""

    def __init__(self, custodian: Custodian, source: ParticipantId) -> None:
        self._custodian = custodian
        self._source = source
        self.left = 0

    def __call__(self, shares: Iterable[tuple[LeafHash, WrappedShare]]) -> None:
        """Before the rows, which say which keys they are: killed in between, the next run does both again."""
        numbers: dict[str, list[int]] = {}
        for leaf, wrapped in shares:
            found = self._named(leaf, wrapped)
            if found is not None:
                numbers.setdefault(found.period, []).append(number_of(found))
        for period, of_period in numbers.items():
            try:
                self._custodian.keys.forget(period, of_period)
            except NotFoundError:  # no period has such a name
                self.left += len(of_period)

    def _named(self, leaf: LeafHash, wrapped: WrappedShare) -> WrappedShare | None:
        """A share as it names the key that it rests under, as far as can be told.

        One that does not open by it is tried with a bit of its number flipped, and in other periods. Where
        none opens it, the key it names is taken unless another row names it too, and its own may be left.
        """
        try:
            number = number_of(wrapped)
        except IntegrityError:
            self.left += 1
            return None
        is_destroyed = False
        try:
            unwrap(wrapped, self._source, leaf, self._custodian.keys)
            return wrapped
        except NotFoundError:
            is_destroyed = True
        except IntegrityError:
            pass
        for other in nearby(wrapped, self._custodian.keys.periods()):
            with suppress(NotFoundError, IntegrityError):
                unwrap(other, self._source, leaf, self._custodian.keys)
                return other
        if is_destroyed:
            return wrapped  # by a run that was killed
        self.left += 1
        rows = self._custodian.store.wrapped_in(wrapped.period)
        return wrapped if sum(_may_name(one, number) for one in rows) == 1 else None


def _may_name(wrapped: WrappedShare, number: int) -> bool:
    try:
        return number_of(wrapped) == number
    except IntegrityError:
        return False


def _require_no_key_left(custodian: Custodian, source: ParticipantId, record: RecordId, subject: SubjectRef) -> None:
    named = hex32(source), hex32(subject)
    for entry in custodian.store.log_about(hex32(record), Kind.DESTROY):
        if not entry.content.get("keysLeft") or (entry.content["sourceId"], entry.content["subjectRef"]) != named:
            continue
        if not any(later.index > entry.index for later in custodian.store.log_of(Kind.KEYS, entry.at)):
            raise ConflictError(
                "a damaged share of this record was erased here, and its key is left: `forget-unnamed` first"
            )
