"""Counting of what the chain says: outcomes that are missing or there twice, and a log that does not recompute."""

from __future__ import annotations

from typing import Any

from cli.consortium.drill.counts import Counts
from cli.consortium.drill.ledger import count_log, count_outcomes, heads_of
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, AccessId
from salus.core.ports import ChainEvent

CHAIN = 2027
KEY = keccak(b"a holder")
GRANTED, DENIED = AccessId(keccak(b"one")), AccessId(keccak(b"two"))


def event(name: str, **args: Any) -> ChainEvent:
    return ChainEvent("", ZERO_ADDRESS, name, args, 1, bytes(32), bytes(32), 0)


def appended(kind: EntryKind, reference: bytes, at: int = 1) -> ChainEvent:
    args = {"emitter": ZERO_ADDRESS, "key": KEY, "kind": int(kind), "code": 1, "referenceId": reference, "time": at}
    return event("Appended", **args)


EVENTS = [
    event("AccessGranted", accessId=bytes(GRANTED)),
    appended(EntryKind.ACCESS_GRANTED, GRANTED),
    event("AccessDenied", accessId=bytes(DENIED)),
    appended(EntryKind.ACCESS_DENIED, DENIED),
    event("BatchAnchored", sourceId=bytes(32), root=keccak(b"root"), count=1),
]


def outcomes(events: list[ChainEvent]) -> Counts:
    counts = Counts()
    count_outcomes(events, [GRANTED], [DENIED], counts)
    return counts


def test_count_outcomes__each_once__nothing_is_wrong() -> None:
    counts = outcomes(EVENTS)
    assert (counts.accesses, counts.anchors, counts.all_right) == (2, 1, True)


def test_count_outcomes__answered_without_an_entry__is_lost() -> None:
    assert outcomes(EVENTS[2:]).lost == 1
    assert outcomes(EVENTS[:2]).lost == 1


def test_count_outcomes__entry_twice__is_doubled() -> None:
    assert outcomes([*EVENTS, EVENTS[1]]).doubled == 1


def test_count_outcomes__anchored_twice__is_doubled() -> None:
    assert outcomes([*EVENTS, EVENTS[-1]]).doubled == 1


def test_heads_of__entries__are_the_chains_of_the_log() -> None:
    entry = Entry(ZERO_ADDRESS, KEY, int(EntryKind.ACCESS_GRANTED), 1, GRANTED, 1).digest(CHAIN)
    assert heads_of(EVENTS[:2], CHAIN) == {None: LogHead().after(entry), KEY: LogHead().after(entry)}


def test_count_log__entry_missing_or_changed__is_broken() -> None:
    stored = {key: head.slot() for key, head in heads_of(EVENTS, CHAIN).items()}
    whole, short, changed = Counts(), Counts(), Counts()
    count_log(heads_of(EVENTS, CHAIN), stored, whole)
    count_log(heads_of(EVENTS[:3], CHAIN), stored, short)
    count_log(heads_of([EVENTS[1], appended(EntryKind.ACCESS_DENIED, DENIED, at=2)], CHAIN), stored, changed)
    assert (whole.broken, short.broken, changed.broken) == (0, 2, 2)
    assert whole.entries == 2
