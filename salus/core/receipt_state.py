"""What a receipt says, held against storage words of its block: the facts that make its issuer's word unnecessary.

Run over proven words it checks a receipt; run over words of a node it finds which ones a receipt must prove.
"""

from __future__ import annotations

from typing import TypeVar

from salus.core.access import AccessKind
from salus.core.audit import LogHead
from salus.core.errors import NotFoundError, ReceiptError
from salus.core.ids import AccessId, Address, ParticipantId, order_id
from salus.core.receipt_bodies import AccessBody, Context, RecordBody
from salus.core.receipt_destruction import DestructionBody
from salus.core.receipt_log import LogSegment
from salus.core.slots import Storage, accesses, council, log, participants, records
from salus.core.state import AnchorState, CustodianSet, RecordState, RecordStatus

_BATCH_TAG = 1
T = TypeVar("T")
Body = RecordBody | AccessBody | DestructionBody


def check_state(
    storage: Storage, at: Context, council_address: Address, issuer: ParticipantId, operator: Address, body: Body
) -> bool:
    """Check every fact of a receipt that the chain keeps; returns whether its log is whole up to its block.

    Raises:
        ReceiptError: names the member that the chain says otherwise.
    """
    registry = _directory(storage, at, council_address, "ParticipantRegistry")
    _same("issuer", participants.operator_of(storage, registry, operator), issuer)
    match body:
        case RecordBody():
            _record(storage, _directory(storage, at, council_address, "RecordRegistry"), body)
        case AccessBody():
            _access(storage, _directory(storage, at, council_address, "AccessGateway"), body)
        case DestructionBody():
            _destruction(storage, _directory(storage, at, council_address, "RecordRegistry"), registry, body)
    return _log(storage, _directory(storage, at, council_address, "AuditLog"), body.log)


def _directory(storage: Storage, at: Context, council_address: Address, name: str) -> Address:
    """The contract the receipt names, which must hold its role; a gateway may have held it before."""
    named = at.address_of(name)
    if council.contract_of(storage, council_address, name) == named:
        return named
    if name == "AccessGateway":
        tenures = council.tenures(storage, council_address, name)
        if any(tenure.account == named for tenure in tenures):
            return named
    raise ReceiptError(f"deployment.contracts.{name}", "is not what the Council's directory has at the receipt's block")


def _record(storage: Storage, registry: Address, body: RecordBody) -> None:
    anchored = AnchorState(body.anchored_at, body.count, body.leaf.custodian_set, _BATCH_TAG)
    _same("body.anchor", records.anchor(storage, registry, body.source, body.root), anchored)
    names = (body.leaf_hash, order_id(body.leaf.record_id, body.leaf.subject))
    states = [records.record(storage, registry, body.source, name) for name in names]
    worst = max(states, key=lambda state: state.status)
    _same("body.state", (worst.status, worst.reason), (body.status, body.reason))


def _access(storage: Storage, gateway: Address, body: AccessBody) -> None:
    found = accesses.access(storage, gateway, AccessId(body.access_id))
    said = (body.code, body.expires_at, body.recorded_at, AccessKind(body.access.kind))
    _same("body.code", (found.code, found.expires_at, found.recorded_at, found.kind), said)


def _destruction(storage: Storage, registry: Address, members: Address, body: DestructionBody) -> None:
    found: RecordState = records.record(storage, registry, body.source, order_id(body.record_id, body.subject))
    said = (RecordStatus.DESTROYED, body.ordered_at, body.erasable_from, body.custodian_set)
    _same("body.order", (found.status, found.ordered_at, found.erasable_from, found.custodian_set), said)
    try:
        custodians = participants.custodian_set(storage, members, body.custodian_set)
    except NotFoundError as error:
        raise ReceiptError("body.order.custodianSet", str(error)) from error
    _same("body.custodians", custodians, CustodianSet(body.members, body.threshold))
    for i, erasure in enumerate(body.erasures):
        bit = 1 << body.members.index(erasure.custodian)
        _same(f"body.attestations[{i}]", found.attestations & bit, bit)
        operated = participants.operator_of(storage, members, erasure.operator)
        _same(f"body.attestations[{i}].operator", operated, erasure.custodian)


def _log(storage: Storage, log_address: Address, segments: tuple[LogSegment, ...]) -> bool:
    """Whether there is a stretch, and each ends at the AuditLog's head; one that ends before it may be made up."""
    whole = bool(segments)
    for i, segment in enumerate(segments):
        kept = LogHead.from_slot(log.chain_word(storage, log_address, segment.key))
        if kept.count < segment.after.count or (kept.count == segment.after.count and kept != segment.after):
            raise ReceiptError(f"body.log[{i}].after", "is not the head the AuditLog keeps")
        whole &= kept == segment.after
    return whole


def _same(path: str, found: T, said: T) -> None:
    if found != said:
        raise ReceiptError(path, "is not what the chain keeps at the receipt's block")
