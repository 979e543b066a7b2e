"""Release: no log, no key. The order of the checks is the order of the paragraphs below.

Everything is decided on the custodian's own node: permission at a final block, what takes it away at the head too. One
refused record does not hold the others back; a refused call releases nothing. The release is logged durably before it
is answered. Source: DESIGN section 4, Release; docs/protocol.md sections 5 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custodian.log import released
from custodian.retention import over
from custodian.rules import (
    Admitted,
    Custodian,
    View,
    admit,
    open_link,
    open_terms,
    operated_by,
    prefetch,
    require_consent,
    require_controller,
    require_open,
    require_participant,
    subject_at,
)
from custodian.schemas import ReleaseBody, read_release
from custodian.scope import Scope, access_scope, narrowed
from custodian.standing import chain_refusal, prefetch_states, settle, superseded
from custodian.wrap import unwrap
from salus.core import hpke
from salus.core.access import MAX_RECORDS, Access, AccessKind
from salus.core.codes import Code
from salus.core.consent import MAX_SESSION_MINUTES
from salus.core.custody import KeptRecord
from salus.core.eip712 import Domain
from salus.core.errors import IntegrityError, NotFoundError, RefusedError
from salus.core.ids import ZERO32, AccessId, ConsentId, LeafHash, ParticipantId, SubjectRef, address_bytes, hex32
from salus.core.merkle import records_root

VERB = "release"


@dataclass(frozen=True, slots=True)
class _Permit:
    """Whose records an access covers, and which."""

    subject: SubjectRef
    scope: Scope


def release(custodian: Custodian, value: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a signed release: `{accessId, shares: [{leaf, sealed, inner?}], refused: [{leaf, code}]}`.

    Raises:
        InputError: malformed, or the session key is none.
        RefusedError: the whole call is refused.
    """
    admitted = admit(custodian, VERB, value)
    body = read_release(admitted.body)

    gateways = custodian.chain.gateways(admitted.view.head)
    _prefetch(custodian, admitted, body, body.access.access_id(gateways[0]))
    gateway = _gateway_of(custodian, body.access, gateways, admitted.view)
    access_id = body.access.access_id(gateway)
    _require_access(custodian, access_id, admitted.view, retired=gateway != gateways[0])
    _require_caller(custodian, admitted, body.access)
    if body.session_key is not None and body.session_key != body.access.session_key:
        raise RefusedError(Code.SESSION_KEY_MISMATCH)
    _require_list(body.access, body.leaves)
    permit = _permit(custodian, admitted, body)

    records, refused = _judge(custodian, permit, body, admitted.view)
    shares, gone = _sealed(custodian, records, body.access, gateway)
    refused |= gone

    sent = [LeafHash(record.leaf_hash) for record in records if record.leaf_hash not in refused]
    entry = released(admitted.signer, access_id, permit.subject, sent, refused, body.user_opening)
    custodian.store.append(entry, custodian.clock.now())
    return {
        "accessId": hex32(access_id),
        "shares": shares,
        "refused": [{"leaf": hex32(leaf), "code": int(refused[leaf])} for leaf in body.leaves if leaf in refused],
    }


def _prefetch(custodian: Custodian, admitted: Admitted, body: ReleaseBody, access_id: AccessId) -> None:
    reads: list[tuple[str, tuple[Any, ...]]] = [("access", (access_id,)), ("operator_of", (admitted.signer,))]
    if body.access.participant != ZERO32:
        reads.append(("participant", (body.access.participant,)))
    if body.consent is not None:
        reads.append(("consent", (body.consent.holder, ConsentId(body.access.reference))))
    prefetch(custodian.chain, admitted.view, reads)


def _gateway_of(custodian: Custodian, access: Access, gateways: Sequence[Domain], view: View) -> Domain:
    """The gateway that recorded an access: the one in charge, or one before it. An id is known to one gateway only."""
    for gateway in gateways:
        if custodian.chain.access(access.access_id(gateway), view.head).code:
            return gateway
    return gateways[0]


def _require_access(custodian: Custodian, access_id: AccessId, view: View, *, retired: bool) -> None:
    final = custodian.chain.access(access_id, view.final)
    head = custodian.chain.access(access_id, view.head)
    if final.code == 0:
        raise RefusedError(Code.ACCESS_NOT_FINAL if head.code else Code.ACCESS_UNKNOWN)
    if final.code != Code.GRANTED or head.code != Code.GRANTED:
        raise RefusedError(Code.ACCESS_DENIED)
    expires_at = min(final.expires_at, head.expires_at)
    if retired:  # it may have been replaced because it was wrong: no session is longer than this, whatever it wrote
        expires_at = min(expires_at, final.recorded_at + MAX_SESSION_MINUTES * 60)
    if expires_at <= view.head.timestamp:
        raise RefusedError(Code.ACCESS_EXPIRED)
    if final.frozen or head.frozen:
        raise RefusedError(Code.ACCESS_FROZEN)


def _require_caller(custodian: Custodian, admitted: Admitted, access: Access) -> None:
    chain, view = custodian.chain, admitted.view
    if access.kind is AccessKind.OWN:
        if access.participant != ZERO32:
            raise RefusedError(Code.ACCESS_MISMATCH)
        require_controller(chain, SubjectRef(access.reference), admitted.signer, view)
    elif operated_by(chain, admitted.signer, view) != access.participant:
        raise RefusedError(Code.ACCESS_MISMATCH)


def _require_list(access: Access, leaves: Sequence[LeafHash]) -> None:
    if not 1 <= len(leaves) <= MAX_RECORDS:
        raise RefusedError(Code.TOO_MANY_RECORDS)
    if len(set(leaves)) != len(leaves):
        raise RefusedError(Code.RECORDS_NOT_DISTINCT)
    if len(leaves) != access.record_count:
        raise RefusedError(Code.RECORD_COUNT_MISMATCH)
    if records_root(leaves) != access.records_root:
        raise RefusedError(Code.RECORDS_ROOT_MISMATCH)


def _permit(custodian: Custodian, admitted: Admitted, body: ReleaseBody) -> _Permit:
    access, chain, view = body.access, custodian.chain, admitted.view
    if access.kind is AccessKind.CONSENT:
        return _permit_of_consent(custodian, admitted, body)
    subject = SubjectRef(access.reference)
    participant: ParticipantId | None = None
    if access.kind is AccessKind.EMERGENCY:
        participant = access.participant
        require_participant(chain, participant, view)
    require_open(chain, subject, participant, view, emergency=access.kind is AccessKind.EMERGENCY)
    return _Permit(subject, access_scope(access))


def _permit_of_consent(custodian: Custodian, admitted: Admitted, body: ReleaseBody) -> _Permit:
    access, chain, view = body.access, custodian.chain, admitted.view
    consent_id = ConsentId(access.reference)
    if body.consent is None or body.consent.consent_id(chain.domain("ConsentRegistry")) != consent_id:
        raise RefusedError(Code.ACCESS_MISMATCH, "the consent shown is not the one the access names")
    require_consent(chain, body.consent, consent_id, view)
    if body.consent.grantee != access.participant:
        raise RefusedError(Code.GRANTEE_MISMATCH)
    link = open_link(custodian, body.link, consent_id, view)
    topics, excluded = open_terms(body.consent.terms, body.openings, body.excluded)
    require_participant(chain, access.participant, view)
    require_open(chain, link.subject, access.participant, view)
    return _Permit(link.subject, narrowed(access, body.consent, topics, excluded))


def _judge(
    custodian: Custodian, permit: _Permit, body: ReleaseBody, view: View
) -> tuple[list[KeptRecord], dict[LeafHash, Code]]:
    store = custodian.store
    sources = {state.source for state in subject_at(custodian.chain, permit.subject, view)}
    found = store.find(body.leaves)
    erased = store.erased(body.leaves)
    refused: dict[LeafHash, Code] = {}
    own: list[KeptRecord] = []
    for leaf in body.leaves:
        versions = found.get(leaf, [])
        mine = [record for record in versions if {record.source} == sources]
        if mine and mine[0].leaf.subject == permit.subject:
            own.append(mine[0])
        elif leaf in erased:
            refused[leaf] = Code.RECORD_DESTROYED
        elif not versions:
            refused[leaf] = Code.RECORD_UNKNOWN
        elif versions[0].leaf.subject != permit.subject:
            refused[leaf] = Code.RECORD_OTHER_SUBJECT
        else:
            refused[leaf] = Code.RECORD_OTHER_SOURCE

    own = settle(custodian, own, view)
    older = set() if body.history else superseded(custodian, own, view)
    prefetch_states(custodian, own, view)
    ended = over(custodian, permit.subject, own, view)
    allowed: list[KeptRecord] = []
    for record in own:
        code = _refusal(custodian, record, permit.scope, older, view)
        if code is None and record.key in ended:
            code = Code.RECORD_RETENTION_OVER
        if code is None:
            allowed.append(record)
        else:
            refused[record.leaf_hash] = code
    return allowed, refused


def _refusal(custodian: Custodian, record: KeptRecord, scope: Scope, older: set[int], view: View) -> Code | None:
    if not record.anchored:
        return Code.RECORD_UNANCHORED
    code = scope.refusal(record) or chain_refusal(custodian.chain, record, view)
    if code is not None:
        return code
    return Code.RECORD_SUPERSEDED if record.key in older else None


def _sealed(
    custodian: Custodian, records: Sequence[KeptRecord], access: Access, gateway: Domain
) -> tuple[list[dict[str, Any]], dict[LeafHash, Code]]:
    """Shares sealed to the session key, and why others can't be: erased meanwhile, or they don't open (any more)."""
    access_id = access.access_id(gateway)
    emitter = address_bytes(gateway.verifying_contract)
    wrapped = custodian.store.shares(record.key for record in records)
    shares: list[dict[str, Any]] = []
    gone: dict[LeafHash, Code] = {}
    for record in records:
        leaf = record.leaf_hash
        if record.key not in wrapped:
            gone[leaf] = Code.RECORD_DESTROYED
            continue
        item: dict[str, Any] = {"leaf": hex32(leaf)}
        try:
            parts = unwrap(wrapped[record.key], record.source, leaf, custodian.keys)
        except (NotFoundError, IntegrityError):
            gone[leaf] = Code.RECORD_UNKNOWN  # one that can't be had holds no other back; `custodian audit` tells of it
            continue
        for name, part, inner in (("sealed", parts[0], False), ("inner", parts[1], True)):
            if part is not None:
                info = hpke.release_info(gateway.chain_id, emitter, access_id, leaf, custodian.id, inner=inner)
                item[name] = hex32(hpke.seal(part, access.session_key, info))
        shares.append(item)
    return shares, gone
