"""Folds events into rows of the index. Pure: the same events after the same index give the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from salus.core.access import access_from_words
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.ids import ZERO_ADDRESS, Address
from salus.core.index_rows import (
    AccessRow,
    BlockRow,
    ConsentRow,
    EntryRow,
    HolderRow,
    Row,
    SubjectRow,
    Version,
    seq_of,
)
from salus.core.policy import ConsentStatus
from salus.core.ports import ChainEvent
from salus.core.state import BlockStamp
from watch.events import CUSTOM, EVENTS, NOW, Append, Change, Const, Values

V = TypeVar("V", bound=Version)
_ABOUT_ACCESS = (
    EntryKind.ACCESS_GRANTED,
    EntryKind.ACCESS_DENIED,
    EntryKind.ACCESS_REVIEWED,
    EntryKind.ACCESS_FROZEN,
    EntryKind.ACCESS_UNFROZEN,
)
_ABOUT_REFERENCE = (
    EntryKind.SUBJECT_REGISTERED,
    EntryKind.SUBJECT_BOUND,
    EntryKind.DENIAL_SET,
    EntryKind.HOLD_SET,
)
_ABOUT_KEY = (EntryKind.BATCH_ANCHORED, EntryKind.LOG_ANCHORED)
_ABOUT_RECORD = (EntryKind.RECORD_INVALIDATED, EntryKind.DESTRUCTION_ORDERED, EntryKind.DESTRUCTION_ATTESTED)


class Before(Protocol):
    """The index as it is before the events folded now."""

    def latest(self, kind: type[V], key: Sequence[object]) -> V | None:
        """Present version of what a key names."""
        ...

    def consents(self, holder: Address) -> tuple[ConsentRow, ...]:
        """Present state of all consents of a holder."""
        ...

    def access(self, access: bytes) -> AccessRow | None:
        """One access."""
        ...

    def head(self, key: bytes | None) -> LogHead:
        """Head of a chain of the AuditLog (None: the global chain)."""
        ...


class Projection:
    """Rows of a run of events, on top of an index that is not written to.

    `unknown` are events the table does not list, as contract and name.
    """

    def __init__(self, chain_id: int, before: Before) -> None:
        self._chain_id = chain_id
        self._before = before
        self._versions: dict[tuple[type[Version], tuple[object, ...]], Version] = {}
        self._heads: dict[bytes | None, LogHead] = {}
        self._accesses: dict[bytes, AccessRow] = {}
        self._sources: dict[bytes, dict[bytes, bytes]] = {}
        self.rows: list[Row] = []
        self.unknown: set[tuple[str, str]] = set()

    def add_block(self, block: BlockStamp, events: Sequence[ChainEvent]) -> None:
        """Fold one block; blocks come in order, with their events in order."""
        self.rows.append(
            BlockRow(
                seq=seq_of(block.number),
                number=block.number,
                hash=block.hash,
                timestamp=block.timestamp,
                events=len(events),
            )
        )
        for event in events:
            effects = EVENTS.get(event.contract, {}).get(event.name)
            if effects is None:
                self.unknown.add((event.contract, event.name))
                continue
            if "recordId" in event.args or event.name == "RecordInvalidated":
                record: bytes = event.args["recordId" if "recordId" in event.args else "leaf"]
                self._sources.setdefault(event.tx_hash, {})[record] = event.args["sourceId"]
            for effect in effects:
                if isinstance(effect, Change):
                    self._change(effect, event, block)
                elif isinstance(effect, Append):
                    self._append(effect, event, block)
                else:
                    _CUSTOM[event.name](self, event, block)

    def head(self, key: bytes | None) -> LogHead:
        """Head of a chain after the events folded so far."""
        return self._heads.get(key) or self._before.head(key)

    # declared effects

    def _change(self, effect: Change, event: ChainEvent, block: BlockStamp) -> None:
        key = _values(effect.key, event, block)
        earlier = self.latest(effect.kind, tuple(key[name] for name in effect.kind.KEY))
        sets = _values(effect.sets, event, block)
        once = _values(effect.once, event, block)
        if earlier is not None:
            once = {name: value for name, value in once.items() if getattr(earlier, name) == 0}
        risen = {name: (getattr(earlier, name) if earlier else 0) + 1 for name in effect.counts}
        self.put(effect.kind, key, event, block, {**sets, **once, **risen})

    def _append(self, effect: Append, event: ChainEvent, block: BlockStamp) -> None:
        self.rows.append(effect.kind(seq=_seq(event), **_values(effect.values, event, block)))

    # versions

    def latest(self, kind: type[V], key: tuple[object, ...]) -> V | None:
        """Present version of what a key names, the events folded so far included."""
        return cast("V | None", self._versions.get((kind, key)) or self._before.latest(kind, key))

    def put(
        self,
        kind: type[Version],
        key: Mapping[str, Any],
        event: ChainEvent,
        block: BlockStamp,
        sets: Mapping[str, Any],
    ) -> None:
        """A new version of what a key names."""
        identity = (kind, tuple(key[name] for name in kind.KEY))
        earlier = self.latest(kind, identity[1])
        fresh: Version
        if earlier is None:
            fresh = kind(seq=_seq(event), at=block.timestamp, **key, **sets)
        else:
            fresh = replace(earlier, seq=_seq(event), until=None, at=block.timestamp, **sets)
        self._versions[identity] = fresh
        self.rows.append(fresh)

    # effects by function

    def appended(self, event: ChainEvent, _block: BlockStamp) -> None:
        """AuditLog.Appended: the entry, and both heads as they must be after it."""
        args = event.args
        entry = Entry(args["emitter"], args["key"], args["kind"], args["code"], args["referenceId"], args["time"])
        digest = entry.digest(self._chain_id)
        whole, own = self.head(None).after(digest), self.head(entry.key).after(digest)
        self._heads[None], self._heads[entry.key] = whole, own
        self.rows.append(
            EntryRow(
                seq=_seq(event),
                position=args["globalCount"],
                key=entry.key,
                key_position=args["keyCount"],
                kind=entry.kind,
                code=entry.code,
                reference=entry.reference,
                emitter=entry.emitter,
                at=entry.at,
                participant=self._participant_of(entry, event),
                head=whole.head.to_bytes(26, "big"),
                key_head=own.head.to_bytes(26, "big"),
                tx=event.tx_hash,
            )
        )

    def access(self, event: ChainEvent, block: BlockStamp) -> None:
        """AccessGateway.AccessGranted and AccessDenied."""
        args = event.args
        unpacked = access_from_words(
            (args["participantId"], args["referenceId"], args["scope"], args["recordsRoot"], b"", b"", 0, b"")
        )
        row = AccessRow(
            seq=_seq(event),
            access=args["accessId"],
            participant=args["participantId"],
            operator=args["operator"],
            kind=int(unpacked.kind),
            reference=args["referenceId"],
            key=args["key"],
            purpose=unpacked.purpose,
            categories=unpacked.categories,
            actions=unpacked.actions,
            level=unpacked.level,
            confidentiality=unpacked.confidentiality,
            form=unpacked.form,
            from_day=unpacked.from_day,
            to_day=unpacked.to_day,
            role=unpacked.role,
            record_count=unpacked.record_count,
            records_root=args["recordsRoot"],
            user_digest=args["userDigest"],
            code=args.get("code", 1),
            expiry=args.get("expiry", 0),
            at=block.timestamp,
            tx=event.tx_hash,
        )
        self._accesses[row.access] = row
        self.rows.append(row)

    def consents_revoked(self, event: ChainEvent, block: BlockStamp) -> None:
        """ConsentRegistry.ConsentsRevoked: the holder's epoch, and every live consent of earlier ones."""
        holder, epoch = event.args["holder"], event.args["epoch"]
        self.put(HolderRow, {"holder": holder}, event, block, {"epoch": epoch})
        present = {row.consent: row for row in self._before.consents(holder)}
        present |= {
            row.consent: row for row in self._versions.values() if isinstance(row, ConsentRow) and row.holder == holder
        }
        for consent, row in sorted(present.items()):
            if row.status == ConsentStatus.LIVE and row.epoch < epoch and not row.voided_at:
                self.put(
                    ConsentRow, {"holder": holder, "consent": consent}, event, block, {"voided_at": block.timestamp}
                )

    def guardian_appointed(self, event: ChainEvent, block: BlockStamp) -> None:
        """SubjectRegistry.GuardianAppointed: ends a waiting appointment only when it is the one that waited."""
        subject, guardian = event.args["subjectRef"], event.args["guardian"]
        earlier = self.latest(SubjectRow, (subject,))
        sets: dict[str, Any] = {"guardian": guardian}
        waited = earlier is not None and earlier.pending_guardian and earlier.pending_account == guardian
        if earlier is not None and waited and block.timestamp >= earlier.pending_until:
            sets |= {"pending_account": ZERO_ADDRESS, "pending_guardian": False, "pending_until": 0}
        self.put(SubjectRow, {"subject": subject}, event, block, sets)

    def _participant_of(self, entry: Entry, event: ChainEvent) -> bytes | None:
        if entry.kind in _ABOUT_ACCESS:
            row = self._accesses.get(entry.reference) or self._before.access(entry.reference)
            return row.participant if row else None
        if entry.kind in _ABOUT_REFERENCE:
            return entry.reference
        if entry.kind in _ABOUT_KEY:
            return entry.key
        if entry.kind in _ABOUT_RECORD:
            return self._sources.get(event.tx_hash, {}).get(entry.reference)
        return None


_CUSTOM: Mapping[str, Callable[[Projection, ChainEvent, BlockStamp], None]] = {
    "Appended": Projection.appended,
    "AccessGranted": Projection.access,
    "AccessDenied": Projection.access,
    "ConsentsRevoked": Projection.consents_revoked,
    "GuardianAppointed": Projection.guardian_appointed,
}


def _seq(event: ChainEvent) -> int:
    return seq_of(event.block_number, event.log_index)


def _values(wanted: Values, event: ChainEvent, block: BlockStamp) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, source in wanted.items():
        if isinstance(source, Const):
            found[name] = source.value
        elif source == NOW:
            found[name] = block.timestamp
        else:
            value = event.args[source]
            found[name] = b"".join(value) if isinstance(value, (list, tuple)) else value
    return found


def custom_events() -> Iterable[str]:
    """Names of the events written by functions."""
    return (name for events in EVENTS.values() for name, effects in events.items() if CUSTOM in effects)
