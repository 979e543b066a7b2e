"""List: what a grantee may ask for, all of a subject to its controller, and what was left out to those who may know.

The reader of a consent never learns what was left out. Every list is logged durably before it is answered.
Source: DESIGN section 4, List; docs/protocol.md section 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from custodian.log import Kind, listed, reported
from custodian.retention import over
from custodian.rules import (
    Admitted,
    Custodian,
    View,
    admit,
    open_link,
    open_terms,
    operated_by,
    require_consent,
    require_controller,
    require_open,
    require_participant,
    require_usable,
    subject_at,
)
from custodian.schemas import Page, Second, read_list
from custodian.scope import Scope, consent_scope
from custodian.standing import chain_refusal, prefetch_states, settle, superseded
from salus.core import signatures
from salus.core.access import AccessKind
from salus.core.cid import cid_of
from salus.core.codes import Code
from salus.core.custody import KeptRecord
from salus.core.errors import InputError, RefusedError, SignatureError
from salus.core.ids import ConsentId, LeafHash, ParticipantId, SubjectRef, hex32
from salus.core.labels import Purpose
from salus.core.package import ConsentPackage
from salus.core.policy import ParticipantRole, qualified

VERB = "list"
_HISTORY = (Code.RECORD_INVALID, Code.RECORD_DESTROYED, Code.RECORD_RETENTION_OVER)
"""What a subject sees of its own records only when it asks for history."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """A subject's record versions, those inside and those left out with the code why; in order of deposit."""

    inside: list[KeptRecord]
    withheld: list[tuple[KeptRecord, Code]]

    def counts(self) -> dict[Code, int]:
        """How many were left out, per code."""
        return dict(Counter(code for _, code in self.withheld))


def list_records(custodian: Custodian, value: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a signed list: `{items, more}`, or `{withheld}` or `{lists}` to those who may know what was left out.

    Raises:
        InputError: malformed.
        RefusedError: codes of every call, of participant, consent, link, terms and subject.
    """
    admitted = admit(custodian, VERB, value)
    body = read_list(admitted.body, custodian.chain.domain("ConsentRegistry"))
    if body.package is not None:
        return _for_grantee(custodian, admitted, body.package, body.page)
    if isinstance(body.withheld_for, ConsentPackage):
        if body.subject is None:
            raise InputError("only a subject asks what a package would leave out")
        return _withheld_now(custodian, admitted, body.subject, body.withheld_for, body.page)
    if body.withheld_for is not None:
        return _withheld_then(custodian, admitted, body.subject, body.withheld_for)
    if body.subject is None:
        raise InputError("a list names a package or a subject")
    if body.second is not None:
        return _for_emergency(custodian, admitted, body.subject, body.second, body.page)
    return _for_subject(custodian, admitted, body.subject, body.page)


def _for_grantee(custodian: Custodian, admitted: Admitted, package: ConsentPackage, page: Page) -> dict[str, Any]:
    chain, view, consent = custodian.chain, admitted.view, package.consent
    participant = operated_by(chain, admitted.signer, view)
    participants = require_participant(chain, participant, view)
    if participant != consent.grantee:
        raise RefusedError(Code.GRANTEE_MISMATCH)
    consents = require_consent(chain, consent, package.consent_id, view)
    require_usable(consent, participants, consents, view)
    subject, scope = _opened(custodian, package, view)
    require_open(chain, subject, participant, view)
    result = sort_records(custodian, subject, scope, view, history=page.history)
    items, more = _cut(result.inside, page)
    leaves = [record.leaf_hash for record in items]
    entry = listed(admitted.signer, participant, package.consent_id, subject, leaves, result.counts())
    custodian.store.append(entry, custodian.clock.now())
    return {"items": [shown_to_grantee(record) for record in items], "more": more}


def _for_subject(custodian: Custodian, admitted: Admitted, subject: SubjectRef, page: Page) -> dict[str, Any]:
    require_controller(custodian.chain, subject, admitted.signer, admitted.view)
    result = sort_records(custodian, subject, None, admitted.view, history=page.history)
    codes = {record.key: code for record, code in result.withheld if page.history and code in _HISTORY}
    past = [record for record, _ in result.withheld if record.key in codes]
    items, more = _cut(sorted(result.inside + past, key=lambda record: record.key), page)
    leaves = [record.leaf_hash for record in items]
    entry = listed(admitted.signer, None, subject, subject, leaves, result.counts())
    custodian.store.append(entry, custodian.clock.now())
    return {"items": [shown_to_subject(record, codes.get(record.key)) for record in items], "more": more}


def _for_emergency(
    custodian: Custodian, admitted: Admitted, subject: SubjectRef, second: Second, page: Page
) -> dict[str, Any]:
    chain, view, call = custodian.chain, admitted.view, admitted.call.call
    unseconded = replace(call, body={name: value for name, value in call.body.items() if name != "second"})
    try:
        signatures.check(unseconded.digest(custodian.salus), second.signature, second.signer)
    except SignatureError as error:
        raise RefusedError(Code.SIGNATURE_INVALID, "the second operator signed another call") from error
    participant = operated_by(chain, admitted.signer, view)
    if second.signer == admitted.signer or operated_by(chain, second.signer, view) != participant:
        raise RefusedError(Code.NOT_OPERATOR, "an emergency takes two operators of one participant")
    states = require_participant(chain, participant, view)
    if not all(qualified(state.roles, AccessKind.EMERGENCY, Purpose.BTG) for state in states):
        raise RefusedError(Code.NOT_QUALIFIED)
    require_open(chain, subject, participant, view, emergency=True)
    result = sort_records(custodian, subject, None, view, history=page.history)
    items, more = _cut(result.inside, page)
    leaves = [record.leaf_hash for record in items]
    entry = listed(admitted.signer, participant, subject, subject, leaves, result.counts())
    custodian.store.append(entry | {"second": second.signer}, custodian.clock.now())
    return {"items": [shown_to_grantee(record) for record in items], "more": more}


def _withheld_now(
    custodian: Custodian, admitted: Admitted, subject: SubjectRef, package: ConsentPackage, page: Page
) -> dict[str, Any]:
    require_controller(custodian.chain, subject, admitted.signer, admitted.view)
    linked, scope = _opened(custodian, package, admitted.view)
    if linked != subject:
        raise RefusedError(Code.LINK_INVALID)
    result = sort_records(custodian, subject, scope, admitted.view, history=page.history)
    custodian.store.append(reported(admitted.signer, None, package.consent_id), custodian.clock.now())
    by_code: dict[Code, list[LeafHash]] = {}
    for record, code in result.withheld:
        by_code.setdefault(code, []).append(record.leaf_hash)
    return {
        "withheld": [
            {
                "code": int(code),
                "name": code.name,
                "count": len(leaves),
                "leaves": [hex32(leaf) for leaf in leaves],
            }
            for code, leaves in sorted(by_code.items())
        ]
    }


def _withheld_then(
    custodian: Custodian, admitted: Admitted, subject: SubjectRef | None, consent: ConsentId
) -> dict[str, Any]:
    supervisor: ParticipantId | None = None
    if subject is None:
        supervisor = operated_by(custodian.chain, admitted.signer, admitted.view)
        states = require_participant(custodian.chain, supervisor, admitted.view)
        if not all(state.roles & ParticipantRole.SUPERVISE for state in states):
            raise RefusedError(Code.NOT_QUALIFIED)
    else:
        require_controller(custodian.chain, subject, admitted.signer, admitted.view)
    entries = custodian.store.log_about(hex32(consent), Kind.LIST.value)
    custodian.store.append(reported(admitted.signer, supervisor, consent), custodian.clock.now())
    return {
        "lists": [
            {
                "at": entry.at,
                "entry": entry.index,
                "participantId": entry.content["participantId"],
                "listed": entry.content["count"],
                "withheld": [
                    {"code": int(code), "name": Code(int(code)).name, "count": count}
                    for code, count in sorted(entry.content["withheld"].items())
                ],
            }
            for entry in entries
            if subject is None or entry.content["subjectRef"] == hex32(subject)
        ]
    }


def _opened(custodian: Custodian, package: ConsentPackage, view: View) -> tuple[SubjectRef, Scope]:
    link = open_link(custodian, package.links.get(custodian.id), package.consent_id, view)
    topics, excluded = open_terms(package.consent.terms, package.openings, package.excluded)
    return link.subject, consent_scope(package.consent, view.head.timestamp, topics, excluded)


def sort_records(
    custodian: Custodian, subject: SubjectRef, scope: Scope | None, view: View, *, history: bool
) -> Sorted:
    """A subject's records inside a scope (None: all), and the rest with the code of what keeps each back."""
    sources = {state.source for state in subject_at(custodian.chain, subject, view)}
    records = settle(custodian, custodian.store.of_subject(subject), view)
    older = set() if history else superseded(custodian, records, view)
    ended = over(custodian, subject, records, view)
    inside: list[KeptRecord] = []
    withheld: list[tuple[KeptRecord, Code]] = []
    prefetch_states(custodian, [r for r in records if r.anchored and not (scope and scope.refusal(r))], view)
    for record in records:
        code = _refusal(custodian, record, sources, scope, older, view)
        if code is None and record.key in ended:
            code = Code.RECORD_RETENTION_OVER
        if code is None:
            inside.append(record)
        else:
            withheld.append((record, code))
    return Sorted(inside, withheld)


def _refusal(
    custodian: Custodian,
    record: KeptRecord,
    sources: set[ParticipantId],
    scope: Scope | None,
    older: set[int],
    view: View,
) -> Code | None:
    if sources != {record.source}:
        return Code.RECORD_OTHER_SOURCE
    if not record.anchored:
        return Code.RECORD_UNANCHORED
    code = None if scope is None else scope.refusal(record)
    if code is not None:
        return code
    if record.key in older:
        return Code.RECORD_SUPERSEDED
    return chain_refusal(custodian.chain, record, view)


def _cut(inside: Sequence[KeptRecord], page: Page) -> tuple[list[KeptRecord], bool]:
    start = 0
    if page.after is not None:
        # Among what is listed only: else a grantee learns of any leaf it has seen whether it is this patient's.
        known = [record.key for record in inside if record.leaf_hash == page.after]
        if not known:
            raise InputError("`after` names no listed leaf; start from the first page")
        start = max(known)
    rest = [record for record in inside if record.key > start]
    return rest[: page.limit], len(rest) > page.limit


def shown_to_grantee(record: KeptRecord) -> dict[str, Any]:
    """A listed item without the subject and without the leaf before it."""
    item = {name: value for name, value in record.leaf.to_json().items() if name not in ("subjectRef", "previousLeaf")}
    return {
        **item,
        "leaf": hex32(record.leaf_hash),
        "cid": cid_of(record.leaf.envelope_digest),
        "sourceId": hex32(record.source),
    }


def shown_to_subject(record: KeptRecord, code: Code | None) -> dict[str, Any]:
    """A listed item in full; `code` is why it would not be released, 0 if it would."""
    return {**shown_to_grantee(record), **record.leaf.to_json(), "topics": record.topics, "code": int(code or 0)}
