"""Reading: bytes of messages to labelled drafts in canonical form. Pure work, and most of it, so it can go elsewhere.

`InlineReader` reads in the caller's thread, `ProcessReader` in processes beside the oracle, which then only seals,
stores and waits. Both give the same, in order.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.connection import wait
from threading import Thread
from typing import Protocol

import structlog

from oracle.fold import WITHDRAWN, Moved, Told, fold
from oracle.hl7.errors import Condition, HL7Error
from oracle.hl7.message import Message
from oracle.intake.receive import take_apart
from oracle.label import label
from oracle.label.local import NOTHING, LocalRules, Raise
from oracle.model import ChangeKind, IdentityChange, LabelTable, RawMessage, ReadDraft, ReadMessage, Refolded
from oracle.normalise import SourceProfile, identity_changes, normalise
from oracle.quality import tell
from salus.core.canonical import canonical
from salus.core.errors import UnavailableError
from salus.core.journal import Fault
from salus.core.quality import Told as Quality
from salus.core.record import NormalisedGroup, RecordDraft

MOST_HEARD = 64 * 1024 * 1024
"""Bytes of messages that are folded at once, and whose reading is remembered while a run is sealed."""
AHEAD_SECONDS = 86_400
"""How far a source's clock and time zone may be ahead of ours."""
NOTHING_HERE = Fault(int(Condition.UNSUPPORTED_EVENT_CODE), "MSH-9")
_RUNS_AHEAD = 2  # of each process: one it reads, and some so that it never waits for the next
_log = structlog.get_logger()

UNKNOWN_SOURCE = Fault(int(Condition.UNKNOWN_KEY), "source")


class Reader(Protocol):
    """Reads runs of messages; each run comes back whole, in order, as soon as it is read."""

    def read(self, runs: Iterable[Sequence[RawMessage]]) -> Iterator[list[ReadMessage]]: ...

    def refold(
        self, messages: Sequence[tuple[int, RawMessage]], group: bytes, heard: Heard, patient_of: Callable[[str], bytes]
    ) -> Refolded: ...

    def exchange(self, profiles: Mapping[str, SourceProfile]) -> None: ...

    def close(self) -> None: ...


class InlineReader:
    """Reads in the caller's thread, one run when it is asked for."""

    def __init__(self, profiles: Mapping[str, SourceProfile]) -> None:
        self._profiles = profiles

    def read(self, runs: Iterable[Sequence[RawMessage]]) -> Iterator[list[ReadMessage]]:
        """Read runs."""
        for run in runs:
            yield [read_message(message, self._profiles) for message in run]

    def refold(
        self, messages: Sequence[tuple[int, RawMessage]], group: bytes, heard: Heard, patient_of: Callable[[str], bytes]
    ) -> Refolded:
        """One group from all messages about it."""
        return refold(messages, group, heard, patient_of, self._profiles)

    def exchange(self, profiles: Mapping[str, SourceProfile]) -> None:
        """Read by other profiles from the next run on."""
        self._profiles = profiles

    def close(self) -> None:
        """Nothing to end."""


class ProcessReader:
    """Reads in some processes of its own, several runs at once. They end with their parent, however that ends."""

    def __init__(self, profiles: Mapping[str, SourceProfile], processes: int) -> None:
        self._profiles = dict(profiles)
        self._told = self._profiles
        self._processes = processes
        self._ahead = processes * _RUNS_AHEAD
        self._pool: ProcessPoolExecutor | None = None

    def read(self, runs: Iterable[Sequence[RawMessage]]) -> Iterator[list[ReadMessage]]:
        """Read runs, some ahead of the one that is asked for.

        Raises:
            UnavailableError: a process died; the next call starts others.
        """
        if self._pool is None or self._told is not self._profiles:
            self.close()
            self._told = self._profiles
            self._pool = ProcessPoolExecutor(
                self._processes, multiprocessing.get_context("spawn"), _begin, (self._told,)
            )
        try:
            reading: deque[Future[list[ReadMessage]]] = deque()
            for run in runs:
                reading.append(self._pool.submit(_read_run, list(run)))
                if len(reading) >= self._ahead:
                    yield reading.popleft().result()
            while reading:
                yield reading.popleft().result()
        except BrokenProcessPool as error:
            self.close()
            raise UnavailableError("a reading process has died") from error

    def refold(
        self, messages: Sequence[tuple[int, RawMessage]], group: bytes, heard: Heard, patient_of: Callable[[str], bytes]
    ) -> Refolded:
        """One group from all messages about it; in the caller's process, for the next message waits for it."""
        return refold(messages, group, heard, patient_of, self._profiles)

    def exchange(self, profiles: Mapping[str, SourceProfile]) -> None:
        """Read by other profiles from the next call on: new processes start with them."""
        self._profiles = dict(profiles)

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def read_message(message: RawMessage, profiles: Mapping[str, SourceProfile]) -> ReadMessage:
    """Read one message; never raises."""
    profile = profiles.get(message.listener)
    if profile is None:
        return ReadMessage(fault=UNKNOWN_SOURCE)
    try:
        parsed, groups, changes, ahead = _read(message.raw, profile, message.received_at)
        found = tuple(draft for group in groups for draft in _drafts_of(_as_told(group), profile))
    except HL7Error as error:
        return ReadMessage(fault=Fault(int(error.condition), str(error.location)))
    except Exception as error:  # noqa: BLE001 - a fault in our reading of one message must not hold up the others
        return ReadMessage(broken=type(error).__name__)
    if not found and not changes:
        return ReadMessage(fault=NOTHING_HERE)
    return ReadMessage(found, changes, quality=_quality(parsed, groups), ahead=ahead)


def read_drafts(raw: bytes, profile: SourceProfile) -> list[RecordDraft]:
    """Labelled drafts of one message's bytes.

    Raises:
        HL7Error: the message can't become records; its location says where.
    """
    _, groups, _, _ = _read(raw, profile)
    local = _local(profile.labels)
    return [_raised(draft, profile.level) for group in groups for draft in label(_as_told(group), local)]


@dataclass(frozen=True, slots=True)
class _Said:
    """What one message says: its groups by record id, its changes of identities, and when."""

    groups: Mapping[bytes, Sequence[NormalisedGroup]]
    changes: tuple[IdentityChange, ...]
    at: int


class Heard:
    """What was read of messages while a run is sealed, so that a message about many groups is read once for all.

    `record_id` gives the id of a record by its key. At most `most` bytes of messages are remembered, the latest used.
    """

    def __init__(self, record_id: Callable[[str], bytes], most: int = MOST_HEARD) -> None:
        self._record_id = record_id
        self._left = most
        self._kept: dict[int, tuple[int, _Said | None]] = {}

    def of(self, place: int, message: RawMessage, profile: SourceProfile) -> _Said | None:
        """What a message says; None if it no longer reads."""
        found = self._kept.pop(place, None)
        if found is None:
            found = len(message.raw), self._read(message, profile)
            self._left -= found[0]
        self._kept[place] = found
        while self._left < 0 and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self._left += self._kept.pop(oldest)[0]
        return found[1]

    def _read(self, message: RawMessage, profile: SourceProfile) -> _Said | None:
        try:
            _, groups, changes, _ = _read(message.raw, profile, message.received_at)
        except Exception:  # noqa: BLE001 - it was read once, by an earlier version or other settings
            return None
        by_id: dict[bytes, list[NormalisedGroup]] = {}
        for group in groups:
            by_id.setdefault(self._record_id(group.record_key), []).append(group)
        return _Said(by_id, changes, groups[0].said_at if groups else 0)


def refold(
    messages: Sequence[tuple[int, RawMessage]],
    group: bytes,
    heard: Heard,
    patient_of: Callable[[str], bytes],
    profiles: Mapping[str, SourceProfile],
) -> Refolded:
    """Drafts of one group from all messages about it, with their places in the journal.

    `group` is its record id, `patient_of` a subject key gives the patient, whatever the number. A message that
    no longer reads (its source is gone, or reads otherwise now) is passed over.
    """
    told: list[Told] = []
    moves: list[Moved] = []
    profiles_told: dict[str, SourceProfile] = {}
    for place, message in messages:
        own = profiles.get(message.listener)
        if own is None:
            continue
        said = heard.of(place, message, own)
        if said is None:
            continue
        about = [Told(place, one) for one in said.groups.get(group, ())]
        told += about
        if about:
            profiles_told[message.listener] = own
        named = {key for one in told for key in (one.group.record_key, *one.group.also)}
        moves += [
            Moved(place, said.at, one.subject_key, one.survivor_key)
            for one in said.changes
            if one.kind is ChangeKind.MOVE and one.named in named
        ]
    if not told:
        return Refolded((), stale=False, silent=False)
    try:
        folded = fold(told, moves, patient_of)
        return Refolded(tuple(_drafts_of(folded.group, *profiles_told.values())), folded.stale, folded.silent)
    except Exception as error:  # noqa: BLE001 - a fault in our folding of one message must not hold up the others
        return Refolded((), stale=False, silent=False, broken=type(error).__name__)


def _read(
    raw: bytes, profile: SourceProfile, received_at: int = 0
) -> tuple[Message, list[NormalisedGroup], tuple[IdentityChange, ...], int]:
    """A message, its groups and changes, and how many groups said they were of after tomorrow."""
    message = take_apart(raw, profile.charset)
    groups, ahead = _in_time(normalise(message, profile), received_at)
    return message, groups, tuple(identity_changes(message, profile)), ahead


def _in_time(groups: list[NormalisedGroup], received_at: int) -> tuple[list[NormalisedGroup], int]:
    """What is said to be of after tomorrow counts from when it came: else nothing could ever be said later."""
    latest = (received_at + AHEAD_SECONDS) * 1_000_000
    ahead = sum(group.said_at > latest for group in groups) if received_at else 0
    if not ahead:
        return groups, 0
    came = received_at * 1_000_000
    return [replace(group, said_at=came) if group.said_at > latest else group for group in groups], ahead


def _quality(message: Message, groups: Sequence[NormalisedGroup]) -> Quality:
    try:
        return tell(message, groups)
    except Exception as error:  # noqa: BLE001 - figures are not worth a record
        _log.error("message not counted", error=type(error).__name__)
        return Quality()


def _as_told(group: NormalisedGroup) -> NormalisedGroup:
    """A group told once; a withdrawn result loses its value even so."""
    return fold([Told(0, group)]).group if any(item.said in WITHDRAWN for item in group.items) else group


def _drafts_of(group: NormalisedGroup, *told_by: SourceProfile) -> list[ReadDraft]:
    """Drafts of a group, labelled by the rules of all senders that told of it."""
    rules, level = _local(*(one.labels for one in told_by)), max(one.level for one in told_by)
    return [_canonical(_raised(draft, level), group) for draft in label(group, rules)]


@lru_cache(maxsize=256)
def _local(*tables: LabelTable) -> LocalRules:
    """Sources' own rules, made once; several for one code or word join."""
    codes: dict[tuple[str, str], Raise] = {}
    words: dict[str, Raise] = {}
    for rule in (rule for table in tables for rule in table.rules):
        asked = Raise(rule.topics, rule.category, rule.level, rule.confidentiality)
        if rule.word:
            words[rule.word] = words.get(rule.word, NOTHING).joined(asked)
        else:
            key = (rule.system, rule.code)
            codes[key] = codes.get(key, NOTHING).joined(asked)
    return LocalRules(codes, words)


def _raised(draft: RecordDraft, level: int) -> RecordDraft:
    """A draft at the source's own level, if that is higher than what labelling found."""
    if not level or level <= draft.labels.level:
        return draft
    return replace(draft, labels=replace(draft.labels, level=level))


def _canonical(draft: RecordDraft, group: NormalisedGroup) -> ReadDraft:
    return ReadDraft(
        record_key=draft.record_key,
        group_key=group.record_key,
        subject_key=draft.subject_key,
        body=canonical(draft.content),
        labels=draft.labels,
        form=draft.form,
        first_day=draft.first_day,
        last_day=draft.last_day,
        status=draft.status,
        said_at=group.said_at,
        also=group.also,
        wrong=any(item.said == "W" for item in group.items),
    )


# in a reading process

_profiles: dict[str, SourceProfile] = {}


def _begin(profiles: dict[str, SourceProfile]) -> None:
    _profiles.update(profiles)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the oracle, which still needs what is being read
    Thread(target=_end_with_parent, daemon=True).start()
    gc.freeze()  # tables stay for good, and what a message needs is freed without the collector
    gc.set_threshold(50_000, 20, 100)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


def _read_run(run: list[RawMessage]) -> list[ReadMessage]:
    return [read_message(message, _profiles) for message in run]
