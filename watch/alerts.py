"""Alerts: what people must look at, kept until its cause is seen to be gone. Numbers and ids of things only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from salus.core.index_rows import MarkKind
from salus.core.ports_index import MAX_PAGE, Alert, AlertKind, IndexStore, Page
from salus.core.state import BlockStamp
from watch.gaps import Finding
from watch.index import Fork, Indexed

GRAVE = frozenset({AlertKind.HEAD_MISMATCH, AlertKind.ENTRY_GAP, AlertKind.UNKNOWN_WRITER, AlertKind.ENTRY_UNEXPLAINED})
"""While one of these is open, the index is not to be relied on."""


SETTLED_BY_CHECKS = frozenset({AlertKind.HEAD_MISMATCH, AlertKind.ENTRY_GAP, AlertKind.EMERGENCY_OPENED})
"""These close by themselves when their cause is gone; the others wait for a person."""


def of_fork(fork: Fork, at: int) -> Alert:
    """The chain lost or changed blocks that were final."""
    kind = AlertKind.CHAIN_SHORTENED if fork.shortened else AlertKind.CHAIN_CHANGED
    common = "no block" if fork.common is None else f"block {fork.common}"
    detail = (
        f"indexed up to block {fork.seen}, equal up to {common}, head is block {fork.head}; indexed again from there"
    )
    return Alert(kind, fork.seen.to_bytes(8, "big"), fork.seen, at, detail)


def of_range(done: Indexed) -> Iterator[Alert]:
    """What one range holds that somebody must see."""
    for contract, name in done.unknown:
        reference = f"{contract}.{name}".encode()
        detail = f"{contract} emitted {name}, which this version does not know; update the watch and rebuild the index"
        yield Alert(AlertKind.UNKNOWN_EVENT, reference, done.last.number, done.last.timestamp, detail)
    for mark in done.marks:
        if mark.mark == MarkKind.EMERGENCY:
            detail = f"an emergency access was opened and is to be reviewed until {mark.value}"
            yield Alert(AlertKind.EMERGENCY_OPENED, mark.access, mark.block, mark.at, detail)


def record(store: IndexStore, alerts: Iterable[Alert]) -> list[Alert]:
    """Keep alerts; returns those that are new."""
    return [alert for alert in alerts if store.raise_alert(alert)]


def settle(store: IndexStore, findings: Iterable[Finding], at: BlockStamp) -> list[Alert]:
    """Raise what was found, resolve what was looked at and is in order; returns the new alerts."""
    fresh: list[Alert] = []
    for finding in findings:
        if finding.found:
            alert = Alert(finding.kind, finding.reference, at.number, at.timestamp, finding.detail)
            fresh += record(store, [alert])
        else:
            store.resolve(finding.kind, finding.reference, at.timestamp)
    return fresh


def reviewed(store: IndexStore, done: Indexed) -> None:
    """Emergencies that were reviewed need no more looking at."""
    for mark in done.marks:
        if mark.mark == MarkKind.REVIEWED:
            store.resolve(AlertKind.EMERGENCY_OPENED, mark.access, mark.at)


def acknowledge(store: IndexStore, at: int) -> list[Alert]:
    """Close what a person has looked at: every open alert that no check closes. Returns those closed."""
    open_alerts = store.alerts(open_only=True, page=Page(limit=MAX_PAGE)).items
    waiting = [alert for alert in open_alerts if alert.kind not in SETTLED_BY_CHECKS]
    return [alert for alert in waiting if store.resolve(alert.kind, alert.reference, at)]
