"""Is the log whole? Compares what the events add up to with what the AuditLog stores.

Heads are recomputed entry by entry (docs/protocol.md section 6), so a missing, extra, reordered or altered entry shows
as a head that differs from the contract's storage at the same block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from salus.core.audit import EntryKind, LogHead
from salus.core.errors import NotFoundError
from salus.core.index_rows import EntryRow
from salus.core.ports_index import MAX_PAGE, AlertKind, EntryFilter, IndexReader, Page
from salus.core.state import BlockStamp
from watch.index import Indexed
from watch.ports import Chain

KEYS_PER_STEP = 256
"""Chains compared in one step beside the global chain, which alone fixes every entry and their order."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not add up (`found`), or that was looked at and does."""

    kind: AlertKind
    reference: bytes
    found: bool
    detail: str = ""


def check_events(index: IndexReader, done: Indexed) -> Iterator[Finding]:
    """What the events of one range say of each other and of those before: numbering, writers, outcomes.

    `index` may be as it was before the range, or hold it already.
    """
    yield from _positions(index, done.entries)
    yield from _writers(index, done)
    yield from _explained(done)


def suspects(index: IndexReader) -> tuple[bytes, ...]:
    """Chain keys whose heads differed when last compared."""
    page = index.alerts(open_only=True, page=Page(limit=MAX_PAGE))
    return tuple(a.reference for a in page.items if a.kind is AlertKind.HEAD_MISMATCH and a.reference)


def check_heads(chain: Chain, index: IndexReader, at: BlockStamp, keys: Iterable[bytes] = ()) -> Iterator[Finding]:
    """Compare recomputed heads with the contract's storage; `at` is the last block of the index.

    Looked at are the global chain (its findings have an empty reference), those that differed before, and `keys`.
    """
    wanted = dict.fromkeys([*suspects(index), *islice(dict.fromkeys(keys), KEYS_PER_STEP)])
    for key in [None, *wanted]:
        try:
            stored = LogHead.from_slot(chain.log_slot(key, at))
        except NotFoundError:  # there is no AuditLog yet
            stored = LogHead()
        computed = index.head(key)
        differs = computed != stored
        detail = f"block {at.number}: {stored.count} entries in the contract, {computed.count} in the events"
        yield Finding(AlertKind.HEAD_MISMATCH, key or b"", differs, detail)
        if key is None and not differs:
            yield Finding(AlertKind.ENTRY_GAP, b"", found=False)


def _positions(index: IndexReader, entries: Sequence[EntryRow]) -> Iterator[Finding]:
    if not entries:
        return
    before = index.entries(EntryFilter(), Page(after=entries[0].seq, limit=1, newest_first=True)).items
    expected = before[0].position + 1 if before else 1
    for entry in entries:
        if entry.position != expected:
            detail = f"block {entry.block}: the event of entry {expected} is missing, entry {entry.position} came"
            yield Finding(AlertKind.ENTRY_GAP, b"", found=True, detail=detail)
        expected = entry.position + 1


def _writers(index: IndexReader, done: Indexed) -> Iterator[Finding]:
    emitters = {entry.emitter: entry.block for entry in done.entries}
    known = {row.writer for row in (*index.writers(), *done.writers)} if emitters else set()
    for emitter in sorted(emitters.keys() - known):
        detail = f"{emitter} wrote the log in block {emitters[emitter]} without having been admitted"
        yield Finding(AlertKind.UNKNOWN_WRITER, bytes.fromhex(emitter[2:]), found=True, detail=detail)


def _explained(done: Indexed) -> Iterator[Finding]:
    """Every granted or denied entry has its event from the gateway with the same outcome, and the other way round."""
    outcomes = (EntryKind.ACCESS_GRANTED, EntryKind.ACCESS_DENIED)
    logged = {(entry.reference, entry.code, entry.tx) for entry in done.entries if entry.kind in outcomes}
    told = {(access.access, access.code, access.tx) for access in done.accesses}
    for reference, code, _ in sorted(logged ^ told):
        detail = f"an access with code {code} is only in the {'log' if (reference, code, _) in logged else 'events'}"
        yield Finding(AlertKind.ENTRY_UNEXPLAINED, reference, found=True, detail=detail)
