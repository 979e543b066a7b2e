"""A month put through the real write path in one process, and what came of it held against the truth.

Journal, reading, folding, sealing, batches and deposits are the oracle's own, over a real SQLite file; chain, content
store and custodians are the complete fakes of the unit tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from bench.month import SOURCES, Month
from bench.month_read import Read, read_record
from bench.month_story import CHECKUP, Kind
from bench.month_truth import Name
from oracle.intake.ports import Peer
from oracle.intake.receive import receive
from oracle.normalise import SourceProfile
from oracle.sources.model import Source
from oracle.sources.numbers import number_of
from oracle.subjects import subject_hash
from salus.adapters.database.oracle_quality import DatabaseQuality
from salus.adapters.database.oracle_tables import message, version
from salus.core.deposit import DepositItem
from salus.core.ids import RecordId, SubjectRef
from salus.core.journal import MessageState
from salus.core.quality import Figure
from salus.core.sealing import open_record
from salus.core.state import RecordStatus
from tests.unit.oracle.oracle_world import CUSTODIANS, SOURCE, Oracle, Outside

TITLE, AUTHORITY = "Hospital B", "HB"
PROFILES = {name: SourceProfile(TITLE, AUTHORITY, is_checkup_centre=name == CHECKUP) for name in SOURCES}
_COUNTED = {name: Source(name, TITLE, AUTHORITY, sequence_numbers=True) for name in SOURCES}
_AT_ONCE = 200


@dataclass(slots=True)
class Share:
    """How many of how many; the first of the others by name."""

    right: int = 0
    whole: int = 0
    others: list[str] = field(default_factory=list)

    def add(self, what: str, *, is_right: bool) -> None:
        """Count one."""
        self.whole += 1
        self.right += is_right
        if not is_right and len(self.others) < 10:
            self.others.append(what)

    def __str__(self) -> str:
        return f"{self.right / self.whole if self.whole else 1:.2%} ({self.right:,} of {self.whole:,})"


@dataclass(slots=True)
class Outcome:
    """What a month came to.

    `records` are as the truth says, `owners` filed under the right person, `removed` resends that made no version,
    `kept` messages that change something and were not taken for a resend, `held` malformed ones that wait for a person,
    `withdrawn` orders of another patient whose earlier versions are invalid on chain. `gaps` are numbers open at the
    end by source.
    """

    records: Share = field(default_factory=Share)
    owners: Share = field(default_factory=Share)
    removed: Share = field(default_factory=Share)
    kept: Share = field(default_factory=Share)
    held: Share = field(default_factory=Share)
    withdrawn: Share = field(default_factory=Share)
    merged: Share = field(default_factory=Share)
    gaps: dict[str, set[int]] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    versions: int = 0


def put_through(one: Month, folder: Path, told: Callable[[int], None] = lambda _: None) -> Outcome:
    """Take a month in, message by message at its time of arrival, and compare."""
    outside = Outside()
    oracle = Oracle(
        folder / "oracle.db", outside, sources=PROFILES, number_of=lambda name, got: number_of(_COUNTED[name], got)
    )
    try:
        for place, arrival in enumerate(one.arrivals, 1):
            outside.clock.tick(arrival.at - outside.clock.now())
            (taken,) = oracle.take(arrival.sent.raw, peer=Peer("mllp", "127.0.0.1", arrival.sent.source))
            assert taken
            if place % _AT_ONCE == 0:
                oracle.pipeline.settle()
                told(place)
        oracle.pipeline.settle()
        return _compare(one, oracle)
    finally:
        oracle.close()


def _compare(one: Month, oracle: Oracle) -> Outcome:
    outcome = Outcome()
    _messages(one, oracle, outcome)
    _records(one, oracle, outcome)
    quality = DatabaseQuality(oracle.database)
    outcome.figures = quality.figures()
    for open_gap in quality.gaps(oracle.outside.clock.now()):
        numbers = range(open_gap.gap.first, open_gap.gap.last + 1)
        outcome.gaps.setdefault(open_gap.source, set()).update(numbers)
    return outcome


def _messages(one: Month, oracle: Oracle, outcome: Outcome) -> None:
    """What became of each arrival: its state, and the versions it made."""
    counts = (
        select(message.c.message_hash, message.c.raw_hash, message.c.state, func.count(version.c.key))
        .join(version, version.c.message == message.c.key, isouter=True)
        .group_by(message.c.key)
    )
    with oracle.database.reading() as connection:
        rows = {(bytes(a), bytes(b)): (MessageState(state), made) for a, b, state, made in connection.execute(counts)}
    outcome.versions = sum(made for _, made in rows.values())
    for arrival in one.arrivals:
        sent = arrival.sent
        judged = receive(sent.raw)
        key = oracle.site.digest("message", sent.source, *judged.message_key), oracle.site.digest("raw", judged.sha256)
        state, made = rows.pop(key, (MessageState.DUPLICATE, 0))
        if arrival.repeats:
            outcome.removed.add(sent.control, is_right=made == 0)
        elif arrival.held:
            outcome.held.add(sent.control, is_right=state is MessageState.QUARANTINED and made == 0)
        elif arrival.changes and sent.said is not None:
            is_merge = sent.said.kind is Kind.MERGE
            outcome.kept.add(sent.control, is_right=state is MessageState.DONE and (made > 0 or is_merge))


def _records(one: Month, oracle: Oracle, outcome: Outcome) -> None:
    items, held = _by_record(oracle), _held(oracle)
    owners = _owners(one, oracle)
    found: dict[Name, Read] = {}
    newest: dict[Name, list[list[DepositItem]]] = defaultdict(list)
    for versions in items.values():
        read = read_record(_content(versions[-1], held[versions[-1].leaf.envelope_digest], oracle))
        for name in read.names:
            found[name] = found[name].joined(read) if name in found else read
            newest[name].append(versions)
    for name, true in one.records.items():
        what = " ".join(name)
        outcome.records.add(what, is_right=name in found and found[name].says(name[0], true))
        subjects = {versions[-1].leaf.subject for versions in newest.get(name, ())}
        outcome.owners.add(what, is_right=bool(subjects) and {owners.get(one) for one in subjects} == {true.owner})
        if true.withdrawn:
            earlier = [item for versions in newest.get(name, ()) for item in versions[:-1]]
            outcome.withdrawn.add(what, is_right=bool(earlier) and all(_is_invalid(oracle, item) for item in earlier))
    for person in one.people:
        if len(person.numbers) > 1:
            subjects_of = [_subject(oracle, number) for number in person.numbers]
            if None not in subjects_of and _was_merged(one, person.numbers[0]):
                outcome.merged.add(person.numbers[0], is_right=_is_linked(oracle, subjects_of))


def _by_record(oracle: Oracle) -> dict[RecordId, list[DepositItem]]:
    """Anchored versions of each record, oldest first."""
    found: dict[RecordId, list[DepositItem]] = defaultdict(list)
    for item in oracle.outside.anchored_items():
        found[item.leaf.record_id].append(item)
    for versions in found.values():
        versions.sort(key=lambda item: item.leaf.version)
    return found


def _held(oracle: Oracle) -> dict[bytes, list[DepositItem]]:
    """What the custodians hold of each envelope."""
    held: dict[bytes, list[DepositItem]] = defaultdict(list)
    for custodian in CUSTODIANS:
        for items in oracle.outside.deposits[custodian].values():
            for kept in items:
                held[kept.leaf.envelope_digest].append(kept)
    return held


def _content(item: DepositItem, held: list[DepositItem], oracle: Oracle) -> dict[str, Any]:
    """What a version says, opened with the shares of the custodians as a reader would."""
    leaf = item.leaf
    inner = [kept.inner_share for kept in held if kept.inner_share is not None]
    envelope = oracle.outside.content.get(leaf.envelope_digest)
    shares = [kept.share for kept in held][:2]
    return open_record(envelope, leaf.envelope_digest, leaf.content_commitment, shares, inner).content


def _owners(one: Month, oracle: Oracle) -> dict[SubjectRef, int]:
    """Whose each subject is: both numbers of a person are theirs."""
    found = {}
    for person in one.people:
        for number in person.numbers:
            subject = _subject(oracle, number)
            if subject is not None:
                found[subject] = person.place
    return found


def _subject(oracle: Oracle, number: str) -> SubjectRef | None:
    name = subject_hash(oracle.site, f"{AUTHORITY}|{number}")
    known = oracle.records.subjects([name]).get(name)
    return known.subject if known else None


def _was_merged(one: Month, number: str) -> bool:
    merges = (a.sent.said for a in one.arrivals if a.sent.said is not None and a.sent.said.kind is Kind.MERGE)
    return any(said.name == number for said in merges)


def _is_linked(oracle: Oracle, subjects: list[SubjectRef | None]) -> bool:
    merged, survivor = subjects
    assert merged is not None
    return oracle.outside.chain.subject(merged, oracle.outside.chain.head()).survivor == survivor


def _is_invalid(oracle: Oracle, item: DepositItem) -> bool:
    chain = oracle.outside.chain
    return chain.record_state(SOURCE, item.leaf.hash(chain.chain_id), chain.final()).status is RecordStatus.INVALID
