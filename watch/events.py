"""The event table: what each event of the contracts writes into the index.

One line per event of `contracts/interfaces/`. A `Change` makes a new version of what `key` names, with `sets` on top of
the version before; an `Append` adds a row. Values are names of event arguments, `NOW` (the block's time), or `Const`.
What needs more than that is a function in `watch.project`, named by `CUSTOM`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from salus.core.ids import ZERO32, ZERO_ADDRESS
from salus.core.index_rows import (
    AnchorRow,
    AttestationRow,
    ConsentRow,
    CustodianSetRow,
    DenialRow,
    MarkKind,
    MarkRow,
    MemberRow,
    OperatorRow,
    ParticipantRow,
    ProposalRow,
    ProposalStatus,
    ProposedCallRow,
    RecordRow,
    Row,
    RuleRow,
    SubjectRow,
    TenureRow,
    Version,
    VoteRow,
    WriterRow,
)
from salus.core.policy import ConsentStatus, ParticipantStatus
from salus.core.state import RecordStatus


@dataclass(frozen=True, slots=True)
class Const:
    """A fixed value."""

    value: Any


NOW: Final = "@now"
"""The time of the event's block."""
Values = Mapping[str, "str | Const"]


@dataclass(frozen=True, slots=True)
class Change:
    """A new version; `counts` are fields that rise by one, `once` fields that are set only while they are 0."""

    kind: type[Version]
    key: Values
    sets: Values
    counts: tuple[str, ...] = ()
    once: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Append:
    """A new row."""

    kind: type[Row]
    values: Values


@dataclass(frozen=True, slots=True)
class Custom:
    """Written by a function of `watch.project`."""


CUSTOM: Final = Custom()
Effect = Change | Append | Custom

_PARTICIPANT = {"participant": "participantId"}
_SUBJECT = {"subject": "subjectRef"}
_CONSENT = {"holder": "holder", "consent": "consentId"}
_PROPOSAL = {"proposal": "proposalId"}
_RECORD = {"source": "sourceId", "record": "recordId", "subject": "subjectRef"}
_NO_PENDING = {"pending_account": Const(ZERO_ADDRESS), "pending_guardian": Const(False), "pending_until": Const(0)}  # noqa: FBT003 - a value
_TERMS = {"roles": "roles", "accredited_until": "accreditedUntil", "hourly_quota": "hourlyQuota"}


def _status(status: ParticipantStatus) -> Change:
    return Change(ParticipantRow, _PARTICIPANT, {"status": Const(int(status))})


def _subject(**sets: str | Const) -> Change:
    return Change(SubjectRow, _SUBJECT, sets)


def _operator(*, active: bool) -> Change:
    return Change(OperatorRow, {"operator": "operator"}, {"participant": "participantId", "active": Const(active)})


def _mark(mark: int, by: str, operator: str, value: str | Const) -> Append:
    return Append(
        MarkRow,
        {"access": "accessId", "mark": Const(mark), "participant": by, "operator": operator, "value": value, "at": NOW},
    )


def _anchor(by: str, tag: int, custodian_set: str | Const) -> Append:
    return Append(
        AnchorRow,
        {
            "participant": by,
            "root": "root",
            "count": "count",
            "custodian_set": custodian_set,
            "tag": Const(tag),
            "at": NOW,
        },
    )


def _vote(*, cancels: bool) -> Append:
    return Append(VoteRow, {**_PROPOSAL, "member": "member", "cancels": Const(cancels), "at": NOW})


_ON, _OFF = Const(True), Const(False)  # noqa: FBT003 - values of fields

EVENTS: Mapping[str, Mapping[str, tuple[Effect, ...]]] = {
    "AuditLog": {
        "Appended": (CUSTOM,),
        "WriterAdmitted": (Change(WriterRow, {"writer": "writer"}, {"admitted": _ON}),),
        "WriterRetired": (Change(WriterRow, {"writer": "writer"}, {"admitted": _OFF}),),
    },
    "AccessGateway": {
        "AccessGranted": (CUSTOM,),
        "AccessDenied": (CUSTOM,),
        "EmergencyOpened": (_mark(MarkKind.EMERGENCY, "participantId", "second", "reviewBy"),),
        "AccessReviewed": (_mark(MarkKind.REVIEWED, "reviewerId", "operator", "verdict"),),
        "AccessFrozen": (_mark(MarkKind.FROZEN, "supervisorId", "operator", Const(0)),),
        "AccessUnfrozen": (_mark(MarkKind.UNFROZEN, "supervisorId", "operator", Const(0)),),
        "RequestSkipped": (),
    },
    "ConsentRegistry": {
        "ConsentGranted": (
            Change(
                ConsentRow,
                _CONSENT,
                {
                    "status": Const(int(ConsentStatus.LIVE)),
                    "epoch": "epoch",
                    "max_uses": "maxUses",
                    "granted_at": NOW,
                },
            ),
        ),
        "ConsentReplaced": (
            Change(
                ConsentRow,
                {"holder": "holder", "consent": "replaced"},
                {"status": Const(int(ConsentStatus.REPLACED)), "revoked_at": NOW, "replaced_by": "consentId"},
            ),
            Change(ConsentRow, _CONSENT, {"replaces": "replaced"}),
        ),
        "ConsentRevoked": (
            Change(ConsentRow, _CONSENT, {"status": Const(int(ConsentStatus.REVOKED)), "revoked_at": NOW}),
        ),
        "ConsentsRevoked": (CUSTOM,),
        "GatewayAdmitted": (),
    },
    "SubjectRegistry": {
        "SubjectRegistered": (_subject(source="sourceId"),),
        "SubjectBound": (_subject(source="sourceId", controller="controller", bound_at=NOW),),
        "ControllerRotated": (
            Change(SubjectRow, _SUBJECT, {"controller": "controller", "epoch": "epoch", **_NO_PENDING}),
        ),
        "GuardianAppointed": (CUSTOM,),
        "RecoveryStarted": (
            _subject(pending_account="account", pending_guardian="isGuardian", pending_until="readyAt"),
        ),
        "ControllerRecovered": (
            Change(SubjectRow, _SUBJECT, {"controller": "controller", "epoch": "epoch", **_NO_PENDING}),
        ),
        "RecoveryVetoed": (Change(SubjectRow, _SUBJECT, _NO_PENDING),),
        "SubjectFrozen": (_subject(frozen=_ON),),
        "SubjectUnfrozen": (_subject(frozen=_OFF),),
        "DenialSet": (
            Change(DenialRow, {"subject": "subjectRef", "participant": "participantId"}, {"denial": "denial"}),
        ),
        "SubjectLinked": (_subject(survivor="survivor"),),
        "SubjectUnlinked": (_subject(survivor=Const(ZERO32)),),
        "RetentionSet": (_subject(retention_years="retentionYears"),),
        "HoldSet": (_subject(held="held"),),
    },
    "ParticipantRegistry": {
        "ParticipantApplied": (
            Change(
                ParticipantRow,
                _PARTICIPANT,
                {
                    "status": Const(int(ParticipantStatus.APPLIED)),
                    "principal": "principal",
                    "kind": "kind",
                    "accreditation": "accreditation",
                    "applied_at": NOW,
                },
            ),
        ),
        "ParticipantAdmitted": (
            Change(
                ParticipantRow,
                _PARTICIPANT,
                {"status": Const(int(ParticipantStatus.ACTIVE)), **_TERMS},
                once={"since": NOW},
            ),
        ),
        "ParticipantRenewed": (Change(ParticipantRow, _PARTICIPANT, {**_TERMS, "accreditation": "accreditation"}),),
        "ParticipantKeysSet": (
            Change(ParticipantRow, _PARTICIPANT, {"encryption_key": "encryptionKey", "validator": "validator"}),
        ),
        "ParticipantSuspended": (_status(ParticipantStatus.SUSPENDED),),
        "ParticipantReinstated": (_status(ParticipantStatus.ACTIVE),),
        "ParticipantExpelled": (_status(ParticipantStatus.EXPELLED),),
        "PrincipalAppointed": (Change(ParticipantRow, _PARTICIPANT, {"principal": "principal"}),),
        "OperatorAdded": (_operator(active=True),),
        "OperatorRemoved": (_operator(active=False),),
        "CustodianSetFormed": (
            Append(CustodianSetRow, {"number": "setId", "threshold": "threshold", "members": "members", "at": NOW}),
        ),
    },
    "RecordRegistry": {
        "BatchAnchored": (_anchor("sourceId", 1, "custodianSet"),),
        "LogAnchored": (_anchor("custodianId", 2, Const(0)),),
        "RecordInvalidated": (
            Change(
                RecordRow,
                {"source": "sourceId", "record": "leaf", "subject": "subjectRef"},
                {
                    "status": Const(int(RecordStatus.INVALID)),
                    "reason": "reason",
                    "invalidated_at": NOW,
                },
            ),
        ),
        "DestructionOrdered": (
            Change(
                RecordRow,
                _RECORD,
                {
                    "status": Const(int(RecordStatus.ORDERED)),
                    "custodian_set": "custodianSet",
                    "ordered_at": NOW,
                    "erasable_from": "erasableFrom",
                },
            ),
        ),
        "DestructionAttested": (
            Append(AttestationRow, {**_RECORD, "custodian": "custodianId", "erased": "erased", "at": NOW}),
            Change(RecordRow, _RECORD, {}, counts=("attestations",)),
        ),
        "RecordDestroyed": (
            Change(RecordRow, _RECORD, {"status": Const(int(RecordStatus.DESTROYED)), "destroyed_at": NOW}),
        ),
    },
    "Council": {
        "Proposed": (
            Change(
                ProposalRow,
                _PROPOSAL,
                {
                    "status": Const(ProposalStatus.OPEN),
                    "proposer": "proposer",
                    "calls": "callCount",
                    "proposed_at": NOW,
                },
            ),
        ),
        "CallProposed": (
            Append(
                ProposedCallRow,
                {**_PROPOSAL, "position": "index", "target": "target", "call_data": "callData"},
            ),
        ),
        "Approved": (_vote(cancels=False), Change(ProposalRow, _PROPOSAL, {}, counts=("approvals",))),
        "ThresholdReached": (Change(ProposalRow, _PROPOSAL, {"reached_at": NOW}),),
        "Executed": (
            Change(
                ProposalRow,
                _PROPOSAL,
                {"status": Const(ProposalStatus.EXECUTED), "executor": "executor", "closed_at": NOW},
            ),
        ),
        "CancellationVoted": (_vote(cancels=True),),
        "Cancelled": (Change(ProposalRow, _PROPOSAL, {"status": Const(ProposalStatus.CANCELLED), "closed_at": NOW}),),
        "ContractInstalled": (
            Append(TenureRow, {"role": "role", "account": "account", "previous": "previous", "at": NOW}),
        ),
        "MemberAdded": (Change(MemberRow, {"member": "member"}, {"active": _ON}),),
        "MemberRemoved": (Change(MemberRow, {"member": "member"}, {"active": _OFF}),),
        "ThresholdChanged": (Change(RuleRow, {"name": Const("threshold")}, {"value": "threshold"}),),
        "DelayChanged": (Change(RuleRow, {"name": Const("delaySeconds")}, {"value": "delaySeconds"}),),
    },
}
"""Contract → event → what it writes; an empty tuple: nothing, on purpose."""
