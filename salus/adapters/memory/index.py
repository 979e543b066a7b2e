"""The index in memory: the same answers as the database, by looking at every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any, TypeVar, cast

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
    seq_of,
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


class MemoryIndex:
    """The `IndexStore` port over lists. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._rows: dict[type[Row], list[Row]] = {kind: [] for kind in ROWS}
        self._alerts: list[Alert] = []

    # chain

    def indexed(self) -> BlockStamp | None:
        """Last block the index has."""
        blocks = self._all(BlockRow)
        return BlockStamp(blocks[-1].number, blocks[-1].hash, blocks[-1].timestamp) if blocks else None

    def seen_block(self, at_most: int) -> BlockRow | None:
        """Newest seen block whose number is at most this."""
        found = [block for block in self._all(BlockRow) if block.number <= at_most]
        return found[-1] if found else None

    def entries(self, which: EntryFilter, page: Page) -> Paged[EntryRow]:
        """Log entries."""
        checks = (("participant", which.participant), ("kind", which.kind), ("code", which.code))
        return self._timed(EntryRow, which.keys, (*checks, ("reference", which.reference)), which, page)

    def head(self, key: bytes | None) -> LogHead:
        """Head of a chain as recomputed."""
        rows = [row for row in self._all(EntryRow) if key is None or row.key == key]
        if not rows:
            return LogHead()
        last = rows[-1]
        if key is None:
            return LogHead(int.from_bytes(last.head, "big"), last.position)
        return LogHead(int.from_bytes(last.key_head, "big"), last.key_position)

    def anchors(self, participant: ParticipantId | None, page: Page) -> Paged[AnchorRow]:
        """Anchored roots."""
        return _page([r for r in self._all(AnchorRow) if participant in (None, r.participant)], page)

    def anchor(self, participant: ParticipantId, root: bytes) -> AnchorRow | None:
        """One anchored root."""
        return self._first(AnchorRow, lambda r: r.participant == participant and r.root == root)

    # accesses

    def accesses(self, which: AccessFilter, page: Page) -> Paged[AccessRow]:
        """Accesses, granted and denied."""
        checks = (("participant", which.participant), ("purpose", which.purpose), ("code", which.code))
        return self._timed(AccessRow, which.keys, (*checks, ("reference", which.reference)), which, page)

    def access(self, access: bytes) -> AccessRow | None:
        """One access by its id."""
        return self._first(AccessRow, lambda r: r.access == access)

    def marks(self, access: bytes) -> tuple[MarkRow, ...]:
        """What happened to an access after its entry."""
        return tuple(r for r in self._all(MarkRow) if r.access == access)

    def counts(
        self, since: int | None = None, until: int | None = None, participant: ParticipantId | None = None
    ) -> tuple[AccessCount, ...]:
        """Accesses by participant, purpose and code."""
        found = Counter(
            (r.participant, r.purpose, r.code)
            for r in self._all(AccessRow)
            if (since is None or day_at(r.at) >= day_at(since))
            and (until is None or day_at(r.at) <= day_at(until - 1))
            and participant in (None, r.participant)
        )
        return tuple(
            AccessCount(ParticipantId(who), what, code, found[who, what, code]) for who, what, code in sorted(found)
        )

    # holders, subjects, participants

    def consents(self, holder: Address) -> tuple[ConsentRow, ...]:
        """Present state of all consents of a holder."""
        return self._present(ConsentRow, lambda r: r.holder == holder)

    def consent(self, holder: Address, consent: ConsentId) -> ConsentRow | None:
        """Present state of one consent."""
        return self.latest(ConsentRow, (holder, consent))

    def subject(self, subject: SubjectRef) -> SubjectRow | None:
        """Present state of a subject."""
        return self.latest(SubjectRow, (subject,))

    def subjects_of(self, account: Address) -> tuple[SubjectRow, ...]:
        """Subjects whose controller or guardian is this account."""
        return self._present(SubjectRow, lambda r: account in (r.controller, r.guardian))

    def denials(self, subject: SubjectRef) -> tuple[DenialRow, ...]:
        """Present denials of a subject."""
        return self._present(DenialRow, lambda r: r.subject == subject and r.denial != 0)

    def participants(self) -> tuple[ParticipantRow, ...]:
        """All institutions that ever applied."""
        return self._present(ParticipantRow)

    def participant(self, participant: ParticipantId) -> ParticipantRow | None:
        """Present state of an institution."""
        return self.latest(ParticipantRow, (participant,))

    def operators(self, participant: ParticipantId) -> tuple[OperatorRow, ...]:
        """Accounts that act, or acted, for an institution."""
        return self._present(OperatorRow, lambda r: r.participant == participant)

    def custodian_sets(self) -> tuple[CustodianSetRow, ...]:
        """All custodian sets."""
        return tuple(self._all(CustodianSetRow))

    # records

    def record(self, source: ParticipantId, record_or_leaf: bytes, subject: SubjectRef) -> RecordRow | None:
        """What was said of a subject's leaf or record."""
        return self.latest(RecordRow, (source, record_or_leaf, subject))

    def records(self, which: RecordFilter, page: Page) -> Paged[RecordRow]:
        """Leaves and records of which something was said."""
        names = ("source", "record", "subject", "status")
        checks = tuple((name, getattr(which, name)) for name in names)
        return _page(self._present(RecordRow, lambda r: _holds(r, checks)), page)

    def attestations(self, source: ParticipantId, record: bytes) -> tuple[AttestationRow, ...]:
        """Custodians' attestations."""
        return tuple(r for r in self._all(AttestationRow) if (r.source, r.record) == (source, record))

    # council

    def proposals(self, page: Page) -> Paged[ProposalRow]:
        """Council proposals."""
        return _page(self._present(ProposalRow), page)

    def proposal(self, proposal: bytes) -> ProposalRow | None:
        """One Council proposal."""
        return self.latest(ProposalRow, (proposal,))

    def proposed_calls(self, proposal: bytes) -> tuple[ProposedCallRow, ...]:
        """Calls of a proposal."""
        return tuple(r for r in self._all(ProposedCallRow) if r.proposal == proposal)

    def votes(self, proposal: bytes) -> tuple[VoteRow, ...]:
        """Votes on a proposal."""
        return tuple(r for r in self._all(VoteRow) if r.proposal == proposal)

    def council(self) -> tuple[tuple[MemberRow, ...], tuple[RuleRow, ...]]:
        """Members of the Council and the numbers it set."""
        return self._present(MemberRow), self._present(RuleRow)

    def directory(self) -> tuple[TenureRow, ...]:
        """Contracts that ever took a directory role."""
        return tuple(self._all(TenureRow))

    def writers(self) -> tuple[WriterRow, ...]:
        """Contracts that may, or might once, append to the AuditLog."""
        return self._present(WriterRow)

    # alerts

    def alerts(self, *, open_only: bool, page: Page) -> Paged[Alert]:
        """Alerts by their id."""
        found = [a for a in self._alerts if a.resolved_at is None or not open_only]
        return _page(found, page, lambda alert: alert.id)

    def raise_alert(self, alert: Alert) -> bool:
        """Keep an alert unless an equal one is open."""
        with self._lock:
            if self._open(alert.kind, alert.reference) is not None:
                return False
            self._alerts.append(replace(alert, id=len(self._alerts) + 1))
            return True

    def resolve(self, kind: AlertKind, reference: bytes, at: int) -> bool:
        """Close an open alert."""
        with self._lock:
            found = self._open(kind, reference)
            if found is None:
                return False
            self._alerts[found] = replace(self._alerts[found], resolved_at=at)
            return True

    # writing

    def latest(self, kind: type[V], key: Sequence[object]) -> V | None:
        """Present version of what a key names."""
        return self._first(kind, lambda r: r.until is None and _key(r) == tuple(key))

    def write(self, first_block: int, rows: Iterable[Row]) -> None:
        """Replace everything from a block on."""
        start = seq_of(first_block)
        fresh = sorted(rows, key=lambda row: row.seq)
        with self._lock:
            for kind, kept in self._rows.items():
                self._rows[kind] = [_reopened(row, start) for row in kept if row.seq < start]
            for row in fresh:
                self._append(row)

    def digest(self) -> IndexDigest:
        """Digest of all chain facts."""
        with self._lock:
            last = self.indexed()
            rows = (row for kind in ROWS for row in sorted(self._rows[kind], key=_order))
            return IndexDigest(last.number if last else 0, digest_rows(rows))

    def _append(self, row: Row) -> None:
        kept = self._rows[type(row)]
        if isinstance(row, Version):
            for i, earlier in enumerate(kept):
                if isinstance(earlier, Version) and earlier.until is None and _key(earlier) == _key(row):
                    kept[i] = replace(earlier, until=row.seq)
        kept.append(row)

    # looking

    def _all(self, kind: type[R]) -> list[R]:
        with self._lock:
            return cast("list[R]", list(self._rows[kind]))

    def _first(self, kind: type[R], test: Callable[[R], bool]) -> R | None:
        return next((row for row in self._all(kind) if test(row)), None)

    def _present(self, kind: type[V], test: Callable[[V], bool] = lambda _: True) -> tuple[V, ...]:
        return tuple(row for row in self._all(kind) if row.until is None and test(row))

    def _open(self, kind: AlertKind, reference: bytes) -> int | None:
        for i, alert in enumerate(self._alerts):
            if (alert.kind, alert.reference, alert.resolved_at) == (kind, reference, None):
                return i
        return None

    def _timed(
        self,
        kind: type[R],
        keys: tuple[bytes, ...] | None,
        checks: tuple[tuple[str, object], ...],
        which: EntryFilter | AccessFilter,
        page: Page,
    ) -> Paged[R]:
        found = [
            row
            for row in self._all(kind)
            if (keys is None or getattr(row, "key") in keys)  # noqa: B009 - both kinds of row have it, their base has not
            and _holds(row, checks)
            and _within(row, which.since, which.until)
        ]
        return _page(found, page)


def _key(row: Version) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in row.KEY)


def _order(row: Row) -> tuple[Any, ...]:
    return (row.seq, *(getattr(row, name) for name in row.KEY))


def _reopened(row: Row, start: int) -> Row:
    if isinstance(row, Version) and row.until is not None and row.until >= start:
        return replace(row, until=None)
    return row


def _holds(row: Row, checks: tuple[tuple[str, object], ...]) -> bool:
    return all(wanted is None or getattr(row, name) == wanted for name, wanted in checks)


def _within(row: Any, since: int | None, until: int | None) -> bool:
    return (since is None or row.at >= since) and (until is None or row.at < until)


T = TypeVar("T")


def _page(rows: Sequence[T], page: Page, cursor: Callable[[T], int] = lambda row: cast("Row", row).seq) -> Paged[T]:
    ordered = sorted(rows, key=cursor, reverse=page.newest_first)
    if page.after is not None:
        after = page.after
        ordered = [r for r in ordered if (cursor(r) < after if page.newest_first else cursor(r) > after)]
    items = tuple(ordered[: page.limit])
    return Paged(items, cursor(items[-1]) if len(ordered) > page.limit else None)
