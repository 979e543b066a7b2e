"""The index in SQLite or PostgreSQL: the `IndexStore` port over the tables of `index_tables`.

Every look-up walks one index in order and stops at the page's end, so its time does not grow with the table. Times are
turned into places in the chain first, by the blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, insert, or_, select, update

from salus.adapters.database.engine import reading, writing
from salus.adapters.database.index_tables import ALERTS, COUNTS, ENTRIES, TABLES
from salus.adapters.database.index_writing import newest_block, place_at, replace_from
from salus.core.audit import LogHead
from salus.core.days import day_at
from salus.core.ids import Address, ConsentId, ParticipantId, SubjectRef
from salus.core.index_rows import (
    ROWS,
    AccessRow,
    AnchorRow,
    AttestationRow,
    BlockRow,
    ConsentRow,
    CustodianSetRow,
    DenialRow,
    EntryRow,
    MarkRow,
    MemberRow,
    OperatorRow,
    ParticipantRow,
    ProposalRow,
    ProposedCallRow,
    RecordRow,
    Row,
    RuleRow,
    SubjectRow,
    TenureRow,
    Version,
    VoteRow,
    WriterRow,
    digest_rows,
)
from salus.core.ports_index import (
    AccessCount,
    AccessFilter,
    Alert,
    AlertKind,
    EntryFilter,
    IndexDigest,
    Page,
    Paged,
    RecordFilter,
)
from salus.core.state import BlockStamp

R = TypeVar("R", bound=Row)
V = TypeVar("V", bound=Version)
Where = ColumnElement[bool]
_STREAMED = 5000
"""Rows held at once while a digest is taken."""


class DatabaseIndex:
    """The index of one deployment. Safe to use from several threads; one process writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # chain

    def indexed(self) -> BlockStamp | None:
        """Last block the index has."""
        with reading(self._engine) as connection:
            last = newest_block(connection)
        return BlockStamp(last.number, last.hash, last.timestamp) if last else None

    def seen_block(self, at_most: int) -> BlockRow | None:
        """Newest seen block whose number is at most this."""
        with reading(self._engine) as connection:
            return newest_block(connection, at_most)

    def entries(self, which: EntryFilter, page: Page) -> Paged[EntryRow]:
        """Log entries."""
        equal = {"kind": which.kind, "code": which.code, "participant": which.participant, "reference": which.reference}
        return self._timed(EntryRow, which, equal, page)

    def head(self, key: bytes | None) -> LogHead:
        """Head of a chain as recomputed."""
        columns = (ENTRIES.c.head, ENTRIES.c.position) if key is None else (ENTRIES.c.key_head, ENTRIES.c.key_position)
        query = select(*columns).order_by(ENTRIES.c.seq.desc()).limit(1)
        if key is not None:
            query = query.where(ENTRIES.c.key == key)
        with reading(self._engine) as connection:
            found = connection.execute(query).first()
        return LogHead(int.from_bytes(found[0], "big"), found[1]) if found else LogHead()

    def anchors(self, participant: ParticipantId | None, page: Page) -> Paged[AnchorRow]:
        """Anchored roots."""
        return self._paged(AnchorRow, _equal(AnchorRow, {"participant": participant}), page)

    def anchor(self, participant: ParticipantId, root: bytes) -> AnchorRow | None:
        """One anchored root."""
        return self._first(AnchorRow, {"participant": participant, "root": root})

    # accesses

    def accesses(self, which: AccessFilter, page: Page) -> Paged[AccessRow]:
        """Accesses, granted and denied."""
        equal = {
            "purpose": which.purpose,
            "code": which.code,
            "participant": which.participant,
            "reference": which.reference,
        }
        return self._timed(AccessRow, which, equal, page)

    def access(self, access: bytes) -> AccessRow | None:
        """One access by its id."""
        return self._first(AccessRow, {"access": access})

    def marks(self, access: bytes) -> tuple[MarkRow, ...]:
        """What happened to an access after its entry."""
        return self._all(MarkRow, {"access": access})

    def counts(
        self, since: int | None = None, until: int | None = None, participant: ParticipantId | None = None
    ) -> tuple[AccessCount, ...]:
        """Accesses by participant, purpose and code."""
        by = (COUNTS.c.participant, COUNTS.c.purpose, COUNTS.c.code)
        query = select(*by, func.sum(COUNTS.c.count)).group_by(*by).order_by(*by)
        if since is not None:
            query = query.where(COUNTS.c.day >= day_at(since))
        if until is not None:
            query = query.where(COUNTS.c.day <= day_at(until - 1))
        if participant is not None:
            query = query.where(COUNTS.c.participant == participant)
        with reading(self._engine) as connection:
            return tuple(AccessCount(*row[:3], int(row[3])) for row in connection.execute(query))

    # holders, subjects, participants

    def consents(self, holder: Address) -> tuple[ConsentRow, ...]:
        """Present state of all consents of a holder."""
        return self._present(ConsentRow, {"holder": holder})

    def consent(self, holder: Address, consent: ConsentId) -> ConsentRow | None:
        """Present state of one consent."""
        return self.latest(ConsentRow, (holder, consent))

    def subject(self, subject: SubjectRef) -> SubjectRow | None:
        """Present state of a subject."""
        return self.latest(SubjectRow, (subject,))

    def subjects_of(self, account: Address) -> tuple[SubjectRow, ...]:
        """Subjects whose controller or guardian is this account."""
        table = TABLES[SubjectRow]
        return self._present(SubjectRow, {}, or_(table.c.controller == account, table.c.guardian == account))

    def denials(self, subject: SubjectRef) -> tuple[DenialRow, ...]:
        """Present denials of a subject."""
        return self._present(DenialRow, {"subject": subject}, TABLES[DenialRow].c.denial != 0)

    def participants(self) -> tuple[ParticipantRow, ...]:
        """All institutions that ever applied."""
        return self._present(ParticipantRow, {})

    def participant(self, participant: ParticipantId) -> ParticipantRow | None:
        """Present state of an institution."""
        return self.latest(ParticipantRow, (participant,))

    def operators(self, participant: ParticipantId) -> tuple[OperatorRow, ...]:
        """Accounts that act, or acted, for an institution."""
        return self._present(OperatorRow, {"participant": participant})

    def custodian_sets(self) -> tuple[CustodianSetRow, ...]:
        """All custodian sets."""
        return self._all(CustodianSetRow, {})

    # records

    def record(self, source: ParticipantId, record_or_leaf: bytes, subject: SubjectRef) -> RecordRow | None:
        """What was said of a subject's leaf or record."""
        return self.latest(RecordRow, (source, record_or_leaf, subject))

    def records(self, which: RecordFilter, page: Page) -> Paged[RecordRow]:
        """Leaves and records of which something was said."""
        equal = {name: getattr(which, name) for name in ("source", "record", "subject", "status")}
        return self._paged(RecordRow, [*_equal(RecordRow, equal), TABLES[RecordRow].c.until.is_(None)], page)

    def attestations(self, source: ParticipantId, record: bytes) -> tuple[AttestationRow, ...]:
        """Custodians' attestations."""
        return self._all(AttestationRow, {"source": source, "record": record})

    # council

    def proposals(self, page: Page) -> Paged[ProposalRow]:
        """Council proposals."""
        return self._paged(ProposalRow, [TABLES[ProposalRow].c.until.is_(None)], page)

    def proposal(self, proposal: bytes) -> ProposalRow | None:
        """One Council proposal."""
        return self.latest(ProposalRow, (proposal,))

    def proposed_calls(self, proposal: bytes) -> tuple[ProposedCallRow, ...]:
        """Calls of a proposal."""
        return self._all(ProposedCallRow, {"proposal": proposal})

    def votes(self, proposal: bytes) -> tuple[VoteRow, ...]:
        """Votes on a proposal."""
        return self._all(VoteRow, {"proposal": proposal})

    def council(self) -> tuple[tuple[MemberRow, ...], tuple[RuleRow, ...]]:
        """Members of the Council and the numbers it set."""
        return self._present(MemberRow, {}), self._present(RuleRow, {})

    def directory(self) -> tuple[TenureRow, ...]:
        """Contracts that ever took a directory role."""
        return self._all(TenureRow, {})

    def writers(self) -> tuple[WriterRow, ...]:
        """Contracts that may, or might once, append to the AuditLog."""
        return self._present(WriterRow, {})

    # alerts

    def alerts(self, *, open_only: bool, page: Page) -> Paged[Alert]:
        """Alerts by their id."""
        query = select(ALERTS)
        if open_only:
            query = query.where(ALERTS.c.resolved_at.is_(None))
        with reading(self._engine) as connection:
            found = connection.execute(_paging(query, ALERTS.c.id, page)).mappings().all()
        items = tuple(Alert(**{**row, "kind": AlertKind(row["kind"])}) for row in found[: page.limit])
        return Paged(items, items[-1].id if len(found) > page.limit else None)

    def raise_alert(self, alert: Alert) -> bool:
        """Keep an alert unless an equal one is open."""
        same = (
            ALERTS.c.kind == str(alert.kind),
            ALERTS.c.reference == alert.reference,
            ALERTS.c.resolved_at.is_(None),
        )
        values = {name: value for name, value in asdict(alert).items() if name != "id"}
        with writing(self._engine) as connection:
            if connection.execute(select(ALERTS.c.id).where(*same)).first():
                return False
            connection.execute(insert(ALERTS).values(**{**values, "kind": str(alert.kind)}))
        return True

    def resolve(self, kind: AlertKind, reference: bytes, at: int) -> bool:
        """Close an open alert."""
        same = (ALERTS.c.kind == str(kind), ALERTS.c.reference == reference, ALERTS.c.resolved_at.is_(None))
        with writing(self._engine) as connection:
            return connection.execute(update(ALERTS).where(*same).values(resolved_at=at)).rowcount > 0

    # writing

    def latest(self, kind: type[V], key: Sequence[object]) -> V | None:
        """Present version of what a key names."""
        found = self._present(kind, dict(zip(kind.KEY, key, strict=True)))
        return found[0] if found else None

    def write(self, first_block: int, rows: Iterable[Row]) -> None:
        """Replace everything from a block on, in one transaction."""
        with writing(self._engine) as connection:
            replace_from(connection, first_block, rows)

    def digest(self) -> IndexDigest:
        """Digest of all chain facts."""
        with reading(self._engine) as connection:
            last = newest_block(connection)
            return IndexDigest(last.number if last else 0, digest_rows(_every_row(connection)))

    # looking

    def _all(self, kind: type[R], equal: Mapping[str, object]) -> tuple[R, ...]:
        return self._rows(kind, _equal(kind, equal))

    def _present(self, kind: type[V], equal: Mapping[str, object], *more: Where) -> tuple[V, ...]:
        return self._rows(kind, [*_equal(kind, equal), TABLES[kind].c.until.is_(None), *more])

    def _first(self, kind: type[R], equal: Mapping[str, object]) -> R | None:
        found = self._rows(kind, _equal(kind, equal), limit=1)
        return found[0] if found else None

    def _rows(self, kind: type[R], where: Sequence[Where], limit: int | None = None) -> tuple[R, ...]:
        table = TABLES[kind]
        with reading(self._engine) as connection:
            query = select(table).where(*where).order_by(table.c.seq).limit(limit)
            return tuple(kind(**row) for row in connection.execute(query).mappings())

    def _paged(self, kind: type[R], where: Sequence[Where], page: Page) -> Paged[R]:
        with reading(self._engine) as connection:
            return _read_page(connection, kind, where, page)

    def _timed(
        self, kind: type[R], which: EntryFilter | AccessFilter, equal: Mapping[str, object], page: Page
    ) -> Paged[R]:
        table = TABLES[kind]
        where = _equal(kind, equal)
        if which.keys is not None:
            where.append(table.c.key == which.keys[0] if len(which.keys) == 1 else table.c.key.in_(which.keys))
        with reading(self._engine) as connection:
            for time, starts in ((which.since, True), (which.until, False)):
                if time is None:
                    continue
                place = place_at(connection, time)
                if place is not None:
                    where.append(table.c.seq >= place if starts else table.c.seq < place)
                elif starts:
                    return Paged((), None)
            return _read_page(connection, kind, where, page)


def _equal(kind: type[Row], wanted: Mapping[str, object]) -> list[Where]:
    return [TABLES[kind].c[name] == value for name, value in wanted.items() if value is not None]


def _paging(query: Select[Any], cursor: ColumnElement[int], page: Page) -> Select[Any]:
    if page.after is not None:
        query = query.where(cursor < page.after if page.newest_first else cursor > page.after)
    return query.order_by(cursor.desc() if page.newest_first else cursor).limit(page.limit + 1)


def _read_page(connection: Connection, kind: type[R], where: Sequence[Where], page: Page) -> Paged[R]:
    table = TABLES[kind]
    found = connection.execute(_paging(select(table).where(*where), table.c.seq, page)).mappings().all()
    items = tuple(kind(**row) for row in found[: page.limit])
    return Paged(items, items[-1].seq if len(found) > page.limit else None)


def _every_row(connection: Connection) -> Iterator[Row]:
    for kind in ROWS:
        table = TABLES[kind]
        order = [table.c[name] for name in ("seq", *kind.KEY)]
        query = select(table).order_by(*order).execution_options(yield_per=_STREAMED)
        for row in connection.execute(query).mappings():
            yield kind(**row)
