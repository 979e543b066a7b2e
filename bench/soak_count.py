"""Whether every message that was answered has become what it must, by the oracle's database, the chain and custodians.

The lanes are made once more and told apart message by message; each difference is named by its control id.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.soak_messages import Fate, Kind, Sent, lane
from oracle.intake.receive import receive
from oracle.normalise import SourceProfile
from oracle.reading import read_drafts
from oracle.sitekey import SiteKey
from salus.core.ids import LeafHash, RecordId
from salus.core.journal import BatchState, MessageFlag, MessageState
from salus.core.merkle import MerkleTree
from salus.core.ports import ChainEvent

PROFILE = SourceProfile("Hospital B", "HB")
_NAMED = 20


@dataclass(slots=True)
class Counted:
    """What was found beside what must be: rows of (what, must, found). `differences` names the first of them."""

    rows: list[tuple[str, int, int]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    different: int = 0

    def row(self, what: str, must: int, found: int) -> None:
        """Add a row; one that differs is a difference."""
        self.rows.append((what, must, found))
        if must != found:
            self.differ(f"{what}: {found:,} instead of {must:,}")

    def differ(self, what: str) -> None:
        """Add a difference."""
        self.different += 1
        if len(self.differences) < _NAMED:
            self.differences.append(what)


@dataclass(frozen=True, slots=True)
class Truth:
    """All messages that were answered, by the hashes the journal knows them by."""

    kept: dict[tuple[bytes, bytes], tuple[str, Kind]]
    refused: dict[tuple[bytes, bytes], str]
    versions_of: Counter[RecordId]
    answered: Counter[Kind]


def listener_of(database: Path) -> str:
    """The name the oracle knows its one sender by.

    Raises:
        ValueError: it has several.
    """
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        found = [row[0] for row in connection.execute("SELECT DISTINCT listener FROM oracle_message")]
    if len(found) > 1:
        raise ValueError(f"one source was sent to, the journal has {found}")
    return str(found[0]) if found else ""


def truth(answered: Mapping[str, int], whole: int, seed: int, listener: str, site: SiteKey) -> Truth:
    """What must have become of the first `answered` messages of each lane; `whole` is a lane's full length."""
    found = Truth({}, {}, Counter(), Counter())
    form: dict[Kind, list[str]] = {}
    for name, number in answered.items():
        for _, sent in zip(range(number), lane(seed, name, whole), strict=False):
            found.answered[sent.kind] += 1
            if sent.kind is Kind.REPLAY:
                continue
            judged = receive(sent.raw)
            key = site.digest("message", listener, *judged.message_key), site.digest("raw", judged.sha256)
            if sent.fate.kept:
                found.kept[key] = sent.control, sent.kind
            else:
                found.refused[key] = sent.control
            if sent.fate.versions:
                found.versions_of.update(site.record_id(one) for one in _record_keys(sent, form))
    return found


def _record_keys(sent: Sent, form: dict[Kind, list[str]]) -> list[str]:
    """The source's own keys of the records a message is about.

    Read once for each kind of message, then written with the numbers of each: reading all would take an hour.
    """
    kind = Kind.RESULT if sent.kind is Kind.CORRECTION else sent.kind
    patient = sent.raw.split(b"PID|1||", 1)[1].split(b"^", 1)[0].decode()
    if kind not in form:
        keys = [draft.record_key for draft in read_drafts(sent.raw, PROFILE)]
        if sent.order:
            keys = [key.replace(sent.order, "{order}") for key in keys]
        form[kind] = [key.replace(patient, "{patient}") for key in keys]
    return [key.format(order=sent.order, patient=patient) for key in form[kind]]


def reconcile(
    must: Truth,
    database: Path,
    events: Iterable[ChainEvent],
    custodians: Sequence[Path],
) -> Counted:
    """Compare the truth with what is kept, anchored and held."""
    counted = Counted()
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        _messages(counted, must, connection)
        _records(counted, must, connection)
        sizes = _batches(counted, connection, events)
    for place, path in enumerate(custodians, 1):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            query = (
                "SELECT b.root, count(*) FROM custody_batch b JOIN custody_batch_record r ON r.batch = b.key"
                " GROUP BY b.key"
            )
            held = {bytes(root): count for root, count in connection.execute(query)}
        counted.row(
            f"versions held by custodian {place}", sum(sizes.values()), sum(held.get(root, 0) for root in sizes)
        )
    return counted


def _messages(counted: Counted, must: Truth, connection: sqlite3.Connection) -> None:
    query = (
        "SELECT message_hash, raw_hash, state, flags, code,"
        " (SELECT count(*) FROM oracle_record_version v WHERE v.message = m.key) FROM oracle_message m"
    )
    missing = dict(must.kept)
    found: Counter[MessageState] = Counter()
    refused = 0
    for message_hash, raw_hash, state, flags, code, versions in connection.execute(query):
        key = bytes(message_hash), bytes(raw_hash)
        if key in must.refused and flags & MessageFlag.REFUSED:
            refused += 1
            continue
        control, kind = missing.pop(key, ("", None))
        found[MessageState(state)] += 1
        if kind is None:
            counted.differ("the journal keeps a message that was not answered, or one twice")
            continue
        if (MessageState(state), code, versions) != _as_kept(kind):
            counted.differ(f"{control} ({kind.value}) is {MessageState(state).name}, {versions} versions, code {code}")
    for control, kind in list(missing.values()):
        counted.differ(f"{control} ({kind.value}) was answered and is lost")
    expected: Counter[MessageState] = Counter()
    for kind, number in must.answered.items():
        if _fate(kind).kept:
            expected[_as_kept(kind)[0]] += number
    counted.row("messages processed", expected[MessageState.DONE], found[MessageState.DONE])
    counted.row("resends set aside as duplicates", expected[MessageState.DUPLICATE], found[MessageState.DUPLICATE])
    counted.row("malformed ones in quarantine", expected[MessageState.QUARANTINED], found[MessageState.QUARANTINED])
    counted.row("messages under way or failed", 0, found[MessageState.PENDING] + found[MessageState.FAILED])
    answered = must.answered[Kind.UNKNOWN_TYPE]
    counted.rows.append((f"refused at once (AR); {refused:,} of them kept to look at", answered, len(must.refused)))


def _fate(kind: Kind) -> Fate:
    return Sent(kind, "", b"").fate


def _as_kept(kind: Kind) -> tuple[MessageState, int, int]:
    fate = _fate(kind)
    if kind is Kind.RENUMBERED:
        return MessageState.DUPLICATE, 0, 0
    state = MessageState.QUARANTINED if fate.condition else MessageState.DONE
    return state, fate.condition, fate.versions


def _records(counted: Counted, must: Truth, connection: sqlite3.Connection) -> None:
    query = "SELECT record_id, version FROM oracle_record"
    found = {RecordId(bytes(record)): version for record, version in connection.execute(query)}
    counted.row("records", len(must.versions_of), len(found))
    versions = connection.execute("SELECT count(*) FROM oracle_record_version").fetchone()[0]
    counted.row("record versions", must.versions_of.total(), versions)
    wrong = sum(found.get(record) != number for record, number in must.versions_of.items())
    counted.row("records with another number of versions", 0, wrong)


def _batches(counted: Counted, connection: sqlite3.Connection, events: Iterable[ChainEvent]) -> dict[bytes, int]:
    """Check batches against the chain's events; versions by root."""
    leaves: dict[int | None, list[LeafHash]] = {}
    for batch, leaf in connection.execute("SELECT batch, leaf_hash FROM oracle_record_version ORDER BY key"):
        leaves.setdefault(batch, []).append(LeafHash(leaf))
    anchored = [(bytes(event.args["root"]), int(event.args["count"])) for event in events]
    times, counts = Counter(root for root, _ in anchored), dict(anchored)
    counted.row("versions in no batch", 0, len(leaves.pop(None, [])))
    whole = 0
    sizes: dict[bytes, int] = {}
    for key, root, state in connection.execute("SELECT key, root, state FROM oracle_batch"):
        members = leaves.get(key, [])
        sizes[bytes(root)] = len(members)
        is_whole = (
            state == int(BatchState.ANCHORED)
            and times[bytes(root)] == 1
            and counts[bytes(root)] == len(members)
            and MerkleTree(members).root == root
        )
        whole += is_whole
    counted.row("batches whose leaves rebuild a root anchored once", len(sizes), whole)
    counted.row("roots on chain", len(sizes), len(times))
    every = [leaf for several in leaves.values() for leaf in several]
    counted.row("versions anchored", len(set(every)), sum(counts.values()))
    return sizes
