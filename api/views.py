"""Rows and opened records as they stand in JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from api.ports import Titles
from api.schemas.accesses import AccessFact, Labels, ListedItem, MarkFact, Notice
from api.schemas.common import Block
from api.tables import calendar_date, named
from salus.core.access import AccessKind
from salus.core.codes import EXPLANATIONS, Code
from salus.core.did import Did, DidKind
from salus.core.errors import SalusError
from salus.core.ids import LeafHash, ParticipantId, hex32
from salus.core.index_rows import AccessRow, MarkKind, MarkRow
from salus.core.labels import Action, Category, Confidentiality, Form, Purpose, Role, Topic, names
from salus.core.state import BlockStamp
from salus.flows.custody import ListedRecord
from salus.flows.open import Opened, OpenedItem

_MARKS = {
    MarkKind.EMERGENCY: "EMERGENCY",
    MarkKind.REVIEWED: "REVIEWED",
    MarkKind.FROZEN: "FROZEN",
    MarkKind.UNFROZEN: "UNFROZEN",
}


def block_fact(stamp: BlockStamp) -> Block:
    """A block."""
    return Block(number=stamp.number, hash=hex32(stamp.hash), timestamp=stamp.timestamp)


def code_name(code: int) -> str:
    """Name of a code; empty for 0, which no entry of a request has."""
    return named(Code, code) if code else ""


def labels_of(record: ListedRecord) -> Labels:
    """Labels of a listed record version."""
    return Labels(
        categories=names(Category(record.categories)),
        level=record.level,
        confidentiality=named(Confidentiality, record.confidentiality),
        form=named(Form, record.form),
        first_date=calendar_date(record.first_day),
        last_date=calendar_date(record.last_day),
    )


def listed_item(record: ListedRecord, chain_id: int) -> ListedItem:
    """A listed record version."""
    return ListedItem(
        did=str(Did(chain_id, DidKind.RECORD, record.record_id)),
        leaf=hex32(record.leaf),
        version=record.version,
        labels=labels_of(record),
        cid=record.cid,
        custodian_set=record.custodian_set,
    )


def opened_access(opened: Opened, chain_id: int) -> dict[str, Any]:
    """An `OpenedAccess` as a plain value: FHIR content keeps its decimals, which pydantic's models would not."""
    return {
        "accessId": hex32(opened.access_id),
        "expiresAt": opened.expires_at,
        "records": [_opened_record(item, chain_id) for item in opened.items],
        "refused": [_refused(leaf, code) for leaf, code in opened.refused.items()],
        "failed": [_failed(leaf, error) for leaf, error in opened.failed.items()],
        "liars": [hex32(custodian) for custodian in opened.liars],
        "milliseconds": {step: Decimal(str(took)) for step, took in opened.milliseconds.items()},
        "notice": Notice().model_dump(),
    }


def _opened_record(item: OpenedItem, chain_id: int) -> dict[str, Any]:
    return {
        "did": str(Did(chain_id, DidKind.RECORD, item.record.record_id)),
        "leaf": hex32(item.listed.leaf),
        "version": item.record.version,
        "labels": labels_of(item.listed).model_dump(mode="json", by_alias=True),
        "topics": names(Topic(item.record.topics)),
        "content": item.record.content,
    }


def _refused(leaf: LeafHash, code: Code) -> dict[str, Any]:
    return {"leaf": hex32(leaf), "code": int(code), "name": code.name, "advice": EXPLANATIONS[code]}


def _failed(leaf: LeafHash, error: SalusError) -> dict[str, Any]:
    return {"leaf": hex32(leaf), "reason": str(error), "advice": error.advice}


def access_fact(row: AccessRow, marks: tuple[MarkRow, ...] = ()) -> AccessFact:
    """An access as the index has it."""
    return AccessFact(
        seq=row.seq,
        access_id=hex32(row.access),
        participant_id=hex32(row.participant),
        operator=row.operator,
        kind=named(AccessKind, row.kind),
        reference=hex32(row.reference),
        purpose=" ".join(names(Purpose(row.purpose))),
        categories=names(Category(row.categories)),
        actions=names(Action(row.actions)),
        level=row.level,
        confidentiality=named(Confidentiality, row.confidentiality),
        form=named(Form, row.form),
        from_date=calendar_date(row.from_day),
        to_date=calendar_date(row.to_day),
        role=named(Role, row.role),
        record_count=row.record_count,
        code=row.code,
        name=code_name(row.code),
        expires_at=row.expiry,
        at=row.at,
        block=row.block,
        marks=[_mark(mark) for mark in marks],
    )


def _mark(row: MarkRow) -> MarkFact:
    return MarkFact(
        mark=_MARKS.get(row.mark, str(row.mark)), participant_id=hex32(row.participant), value=row.value, at=row.at
    )


def title_of(participant: bytes | None, titles: Titles) -> str:
    """Name of an institution for people; empty where there is none."""
    return titles.of(ParticipantId(participant)).en if participant and any(participant) else ""
