"""Repair, as a helper: give another member of a set its own share back, without showing ours.

A member that lost its disk asks t others. Each answers parts that say nothing alone (`salus/core/repair.py`), sealed to
the encryption key that the registry has for who asks. Only what is anchored for that set, kept here and not ordered to
be destroyed is helped with; what one asker was told in the last hour is bounded, and logged before it is told. All of
this only while an operator here has allowed it for who asks: a member's two keys are in backups, and whoever finds one
must not be able to have its shares made anew.

`open` finds out who lied. When the parts of all helpers, each signed, do not make the share whose digest stands in the
envelope, a helper shows its private key of the session for that one leaf, so that who asked can see which share it
used. That is done in sets with a threshold of two only: there, who lied and who asked are as many as can join the key
anyway. Source: docs/decisions/0026, docs/protocol.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from custodian.log import Kind, helped
from custodian.rules import Custodian, View, admit, operated_by, prefetch
from custodian.standing import BATCH_TAG
from custodian.wrap import fingerprint, unwrap
from salus.core import hpke, signatures
from salus.core.codes import Code
from salus.core.custody import KeptRecord
from salus.core.envelope import parse
from salus.core.errors import (
    ConflictError,
    EnvelopeError,
    InputError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    SignatureError,
    UnavailableError,
)
from salus.core.hashing import sha256
from salus.core.ids import Address, LeafHash, ParticipantId, hex32, order_id
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.repair import Helping, Session, joined
from salus.core.repair_wire import (
    GONE_PAGE,
    MAX_LEAVES,
    HeldRecord,
    RepairBody,
    Step,
    encode_pairs,
    encode_records,
)
from salus.core.state import RecordStatus

VERB = "repair"
OPENING_THRESHOLD = 2
LEAST_COST = 50
"""A call counts as this many record versions at least."""
_HOUR = 3600
_ENDED = (RecordStatus.ORDERED, RecordStatus.DESTROYED)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call that may be answered: the session, who is in its set, and the key to seal answers to."""

    body: RepairBody
    session: Session
    members: tuple[ParticipantId, ...]
    threshold: int
    asker_key: bytes
    view: View
    signer: Address

    def sealed(self, custodian: Custodian, what: str, payload: bytes) -> str:
        """A payload only the asker can read."""
        info = self.session.sealed_info(custodian.id, what)
        return "0x" + hpke.seal(payload, self.asker_key, info).hex()


def repair(custodian: Custodian, value: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a signed repair; what, depends on its step (`salus/core/repair_wire.py`).

    Raises:
        InputError: malformed.
        RefusedError: codes of every call; NOT_OPERATOR, PARTICIPANT_INACTIVE; NOT_QUALIFIED of who is no member of the
            set; DEPOSIT_NOT_MEMBER if this custodian is none; RECORD_UNANCHORED; SIGNATURE_INVALID for another helper's
            key or part.
        NotFoundError: the batch was never deposited here.
        ConflictError: there is nothing to open.
        UnavailableError: not allowed by an operator here, or enough for this hour.
    """
    admitted = admit(custodian, VERB, value)
    body = RepairBody.from_json(admitted.body)
    asker = operated_by(custodian.chain, admitted.signer, admitted.view)
    members, threshold = _require_members(custodian, asker, body, admitted.view)
    _require_allowed(custodian, asker)
    key = custodian.chain.participant(asker, admitted.view.final).encryption_key
    session = body.session(custodian.chain.chain_id, asker)
    asked = _Asked(body, session, members, threshold, key, admitted.view, admitted.signer)
    return _STEPS[body.step](custodian, asked)


def _require_members(
    custodian: Custodian, asker: ParticipantId, body: RepairBody, view: View
) -> tuple[tuple[ParticipantId, ...], int]:
    chain = custodian.chain
    for at in view.stamps:
        state = chain.participant(asker, at)
        if state.status is not ParticipantStatus.ACTIVE:
            raise RefusedError(Code.PARTICIPANT_INACTIVE)
        if not state.roles & ParticipantRole.CUSTODY:
            raise RefusedError(Code.NOT_QUALIFIED, "only a custodian has shares")
    try:
        found = chain.custodian_set(body.custodian_set, view.final)
    except NotFoundError as error:
        raise RefusedError(Code.DEPOSIT_NOT_MEMBER) from error
    if custodian.id not in found.members:
        raise RefusedError(Code.DEPOSIT_NOT_MEMBER)
    if asker not in found.members:
        raise RefusedError(Code.NOT_QUALIFIED, "only members of the set have shares of it")
    in_order = tuple(one for one in found.members if one in body.helpers)
    if body.helpers != in_order or len(in_order) != found.threshold or asker in in_order:
        raise InputError("the helpers are as many other members as the threshold says, in order of the set")
    if custodian.id not in in_order:
        raise InputError("this custodian is not among the helpers named")
    return found.members, found.threshold


def _require_allowed(custodian: Custodian, asker: ParticipantId) -> None:
    entries = custodian.store.log_about(hex32(asker), Kind.ALLOWED)
    if not entries or int(entries[-1].content["until"]) <= custodian.clock.now():
        raise UnavailableError("no operator here has allowed this repair: `allow-repair`")


def _meet(custodian: Custodian, asked: _Asked) -> dict[str, Any]:
    session, helping = asked.session, _helping(custodian, asked)
    records = [] if session.leaf is not None else _told(custodian, list(_kept(custodian, asked).values()))
    _note(custodian, asked, len(records))
    digest = session.key_digest(custodian.salus, custodian.id, helping.key)
    others = [one for one in session.helpers if one != custodian.id]
    return {
        "key": hex32(helping.key),
        "signature": hex32(custodian.signer.sign(digest)),
        "bonds": {hex32(one): hex32(helping.bond(one, _encryption_key(custodian, one, asked))) for one in others},
        "sealed": asked.sealed(custodian, "records", encode_records(records)),
    }


def _share(custodian: Custodian, asked: _Asked) -> dict[str, Any]:
    leaves = asked.body.leaves
    if not 1 <= len(leaves) <= MAX_LEAVES or len(set(leaves)) != len(leaves):
        raise InputError(f"a repair names 1 to {MAX_LEAVES} distinct leaves")
    if asked.session.leaf is not None and leaves != (asked.session.leaf,):
        raise InputError("a session for one leaf is for that leaf")
    helping, keys = _helping(custodian, asked), _keys(custodian, asked)
    shares, refused = _shares(custodian, asked, leaves)
    parts = helping.parts(shares, keys)
    _note(custodian, asked, len(parts))
    digest = asked.session.answer_digest(custodian.salus, custodian.id, keys, parts)
    return {
        "sealed": asked.sealed(custodian, "parts", encode_pairs(parts)),
        "signature": hex32(custodian.signer.sign(digest)),
        "refused": [{"leaf": hex32(leaf), "code": int(code)} for leaf, code in refused.items()],
    }


def _open(custodian: Custodian, asked: _Asked) -> dict[str, Any]:
    session, body = asked.session, asked.body
    if session.leaf is None or body.answers is None or set(body.answers) != set(session.helpers):
        raise InputError("to open names one leaf and the answers of all helpers")
    if asked.threshold != OPENING_THRESHOLD:
        raise ConflictError(f"a session is opened in sets with a threshold of {OPENING_THRESHOLD} only")
    helping, keys = _helping(custodian, asked), _keys(custodian, asked)
    shares, _ = _shares(custodian, asked, (session.leaf,))
    own = helping.parts(shares, keys).get(session.leaf)
    parts = {one: answer.part for one, answer in body.answers.items()}
    if own is None or parts[custodian.id] != own:
        raise ConflictError("this custodian's own part of the leaf is another one")
    for helper, answer in body.answers.items():
        if helper != custodian.id:
            digest = session.answer_digest(custodian.salus, helper, keys, {session.leaf: answer.part})
            _require_signed(custodian, helper, digest, answer.signature, asked.view)
    place = asked.members.index(session.custodian)
    dealt = _dealt(body.envelope, _kept(custodian, asked)[session.leaf], place)
    if sha256(joined(place, (parts[one] for one in session.helpers))) == dealt:
        raise ConflictError("the parts make the share that was dealt: nobody lied")
    _note(custodian, asked, 1)
    return {"sealed": asked.sealed(custodian, "key", helping.private_key)}


def _gone(custodian: Custodian, asked: _Asked) -> dict[str, Any]:
    found = dict(custodian.store.tombstones_after(asked.body.source, asked.body.after, GONE_PAGE))
    _note(custodian, asked, 0)
    more = len(found) == GONE_PAGE
    return {"sealed": asked.sealed(custodian, "gone", encode_pairs(found)), "more": more}


_STEPS = {Step.MEET: _meet, Step.SHARE: _share, Step.OPEN: _open, Step.GONE: _gone}


def _helping(custodian: Custodian, asked: _Asked) -> Helping:
    return Helping(asked.session, custodian.id, custodian.encryption_key, asked.members)


def _encryption_key(custodian: Custodian, helper: ParticipantId, asked: _Asked) -> bytes:
    return custodian.chain.participant(helper, asked.view.final).encryption_key


def _keys(custodian: Custodian, asked: _Asked) -> dict[ParticipantId, bytes]:
    """Public keys of all helpers in the session: each signed by its operator, and bound to its encryption key."""
    session, told = asked.session, asked.body.keys
    if told is None or set(told) != set(session.helpers):
        raise InputError("a part is masked by the keys of all helpers")
    helping = _helping(custodian, asked)
    for helper, shown in told.items():
        if helper == custodian.id:
            if shown.key != helping.key:
                raise InputError("this custodian's own key in the session is another one")
            continue
        _require_signed(
            custodian, helper, session.key_digest(custodian.salus, helper, shown.key), shown.signature, asked.view
        )
        if not helping.is_bond(helper, _encryption_key(custodian, helper, asked), shown.key, shown.bond):
            raise RefusedError(Code.SIGNATURE_INVALID, f"the key of helper 0x{helper.hex()} is not bound to it")
    return {helper: shown.key for helper, shown in told.items()}


def _require_signed(custodian: Custodian, helper: ParticipantId, digest: bytes, signature: bytes, view: View) -> None:
    if not is_signed(custodian, helper, digest, signature, view):
        raise RefusedError(Code.SIGNATURE_INVALID, f"what helper 0x{helper.hex()} said is not signed by it")


def is_signed(custodian: Custodian, helper: ParticipantId, digest: bytes, signature: bytes, view: View) -> bool:
    """Whether an operator of a helper signed."""
    try:
        signer = signatures.recover(digest, signature)
    except SignatureError:
        return False
    return all(custodian.chain.operator_of(signer, at) == helper for at in view.stamps)


def _kept(custodian: Custodian, asked: _Asked) -> dict[LeafHash, KeptRecord]:
    """What is kept here of the batch, which must be anchored for the set."""
    body = asked.body
    kept = custodian.store.kept_in(body.source, body.root)
    if kept is None:
        raise NotFoundError("this batch was never deposited here")
    anchor = custodian.chain.anchor(body.source, body.root, asked.view.final)
    if anchor.anchored_at == 0 or (anchor.custodian_set, anchor.tag) != (body.custodian_set, BATCH_TAG):
        raise RefusedError(Code.RECORD_UNANCHORED)
    return {one.leaf_hash: one for one in kept if one.leaf.custodian_set == body.custodian_set}


def _told(custodian: Custodian, kept: Sequence[KeptRecord]) -> list[HeldRecord]:
    salts = custodian.store.topics_salts(one.key for one in kept)
    notes = custodian.store.notes(one.key for one in kept)
    return [
        HeldRecord(one.leaf, one.topics, salts[one.key], notes.get(one.key, b"")) for one in kept if one.key in salts
    ]


def _shares(
    custodian: Custodian, asked: _Asked, leaves: Sequence[LeafHash]
) -> tuple[dict[LeafHash, bytes], dict[LeafHash, Code]]:
    """Own shares of leaves, and why others are held back."""
    kept = _kept(custodian, asked)
    found = [kept[leaf] for leaf in leaves if leaf in kept]
    ended = ended_by_order(custodian, asked.body.source, {one.leaf_hash: order_of(one) for one in found}, asked.view)
    wrapped = custodian.store.shares(one.key for one in found)
    marks = custodian.store.fingerprints(one.key for one in found)
    shares: dict[LeafHash, bytes] = {}
    for one in found:
        if one.leaf_hash in ended or one.key not in wrapped:
            continue
        try:
            share, inner = unwrap(wrapped[one.key], one.source, one.leaf_hash, custodian.keys)
        except (NotFoundError, IntegrityError):
            continue  # `custodian audit` says so here; who asks tries others
        if fingerprint(share, inner) == marks[one.key]:
            shares[one.leaf_hash] = share
    erased = custodian.store.erased([leaf for leaf in leaves if leaf not in shares]) | ended
    refused = {
        leaf: Code.RECORD_DESTROYED if leaf in erased else Code.RECORD_UNKNOWN for leaf in leaves if leaf not in shares
    }
    return shares, refused


def order_of(record: KeptRecord) -> bytes:
    """Id of an order to destroy the record."""
    return order_id(record.leaf.record_id, record.leaf.subject)


def ended_by_order(
    custodian: Custodian, source: ParticipantId, orders: Mapping[LeafHash, bytes], view: View
) -> set[LeafHash]:
    """Leaves whose order, by id, stands on chain at either block."""
    prefetch(custodian.chain, view, [("record_state", (source, order)) for order in orders.values()])
    return {
        leaf
        for leaf, order in orders.items()
        if any(custodian.chain.record_state(source, order, at).status in _ENDED for at in view.stamps)
    }


def _dealt(raw: bytes, record: KeptRecord, place: int) -> bytes:
    """Digest of the share that was dealt to a place, out of the envelope."""
    if sha256(raw) != record.leaf.envelope_digest:
        raise InputError("these bytes are not the envelope of the leaf")
    try:
        return parse(raw).header.share_digests[place]
    except (EnvelopeError, IndexError) as error:
        raise ConflictError("the source made an envelope that names no such share") from error


def _note(custodian: Custodian, asked: _Asked, count: int) -> None:
    """Log before it is told, unless this asker had enough in the last hour."""
    now, session = custodian.clock.now(), asked.session
    who = hex32(session.custodian)
    before = [entry.content for entry in custodian.store.log_of(Kind.REPAIR, now - _HOUR)]
    told = sum(max(LEAST_COST, int(one["count"])) for one in before if one["participantId"] == who)
    if told + max(LEAST_COST, count) > custodian.repairs_an_hour:
        raise UnavailableError("this custodian has helped with as much as it does in an hour; go on later")
    leaf = session.leaf if asked.body.step is Step.OPEN else None
    entry = helped(asked.signer, session.custodian, session.source, leaf or session.root, asked.body.step, count)
    custodian.store.append(entry, now)
