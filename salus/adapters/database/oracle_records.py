"""Subjects, record heads and versions in the oracle's database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Row, Select, bindparam, delete, func, insert, or_, select, update

from salus.adapters.database.bulk import append_rows, find_rows, reserve_keys
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_links import add_links
from salus.adapters.database.oracle_messages import chunks, settle
from salus.adapters.database.oracle_quality import add_figures
from salus.adapters.database.oracle_tables import (
    alias,
    batch,
    destruction,
    head_of,
    message,
    raw,
    record,
    secret,
    subject,
    told,
    version,
)
from salus.core.errors import ConflictError
from salus.core.ids import ZERO32, LeafHash, RecordId, SubjectRef
from salus.core.journal import (
    BatchState,
    HeadStatus,
    KnownSubject,
    MessageFlag,
    MessageState,
    NewVersion,
    RecordState,
    Work,
)
from salus.core.leaf import Leaf

_leaf_fields = attrgetter(*Leaf.__slots__)
_HEAD_COLUMNS = ("subject_ref", "version", "leaf_hash", "content_hash", "status", "updated_at", "said_at")
_TOLD = 8
_RECALLED = int(MessageFlag.RECALLED)
KNOWN_SUBJECT: tuple[Column[Any], ...] = (
    subject.c.name_hash,
    subject.c.subject_ref,
    subject.c.sealed_seed,
    subject.c.survivor,
)
"""Columns that `known_subject` reads."""
_KNOWN_SUBJECT = tuple(column.name for column in KNOWN_SUBJECT)
_HEAD = ("record_id", "subject_ref", "version", "leaf_hash", "content_hash", "status", "said_at")
_SUBJECT = ("name_hash", "subject_ref", "sealed_seed", "created_at")
_VERSION = (
    "key",
    "record",
    "message",
    "version",
    "leaf_hash",
    "leaf",
    "custodian_set",
    "status",
    "withdraws",
    "created_at",
)
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple)


class DatabaseRecords:
    """The `RecordStore` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database

    def subjects(self, name_hashes: Iterable[bytes]) -> dict[bytes, KnownSubject]:
        """Subjects already known, by the keyed hash of the source's key."""
        with self._database.reading() as connection:
            rows = find_rows(connection, subject, _KNOWN_SUBJECT, "name_hash", list(name_hashes))
        return {bytes(row[0]): _known_subject(*row) for row in rows}

    def heads(self, record_ids: Iterable[RecordId]) -> dict[RecordId, RecordState]:
        """Newest versions of the records already known."""
        with self._database.reading() as connection:
            rows = find_rows(connection, record, _HEAD, "record_id", list(record_ids))
        return {RecordId(bytes(row[0])): _head_of(*row) for row in rows}

    def histories(self, groups: Iterable[RecordId]) -> dict[RecordId, list[int]]:
        """Messages that have said something about groups, in order of arrival; groups nobody spoke of are left out.

        All that made a version, and the newest few of those that made none; of groups of which bytes were lost or are
        read again all: they may have waited for those.
        """
        wanted = list(groups)
        found: dict[RecordId, set[int]] = {}
        silent: dict[RecordId, list[int]] = {}
        with self._database.reading() as connection:
            of_record: dict[int, set[RecordId]] = {}
            for column in ("record_id", "group_hash"):
                for key, group in find_rows(connection, record, ("key", column), column, wanted):
                    of_record.setdefault(key, set()).add(RecordId(bytes(group)))
            for key, made_by in find_rows(connection, version, ("record", "message"), "record", of_record):
                for group in of_record[key]:
                    found.setdefault(group, set()).add(made_by)
            for group, said_by in find_rows(connection, told, ("group_hash", "message"), "group_hash", wanted):
                silent.setdefault(RecordId(bytes(group)), []).append(said_by)
            lost = _lost(connection, [found[one] for one in found if len(silent.get(one, ())) > _TOLD])
        return {
            group: sorted(messages.union(sorted(silent.get(group, ()))[0 if messages & lost else -_TOLD :]))
            for group, messages in found.items()
        }

    def survivor(self, ref: SubjectRef) -> SubjectRef:
        """The subject that a subject was merged into, or itself."""
        with self._database.reading() as connection:
            found = connection.execute(select(subject.c.survivor).where(subject.c.subject_ref == ref)).scalar()
        return SubjectRef(found or ref)

    def groups_of(self, refs: Iterable[SubjectRef]) -> list[RecordId]:
        """Groups with a record filed under one of some subjects. Reads all records: for what is as rare as a merge."""
        query = select(func.coalesce(record.c.group_hash, record.c.record_id)).where(
            record.c.subject_ref.in_(list(refs))
        )
        with self._database.reading() as connection:
            return sorted({RecordId(bytes(group)) for group in connection.execute(query).scalars()})

    def named(self, aliases: Iterable[bytes]) -> list[RecordId]:
        """Groups by the keyed hashes of their other names."""
        query = select(alias.c.group_hash).where(alias.c.alias_hash.in_(list(aliases))).distinct()
        with self._database.reading() as connection:
            return sorted(RecordId(bytes(group)) for group in connection.execute(query).scalars())

    def commit(self, work: Work) -> None:
        """Store subjects, versions, heads and outcomes of messages: one durable transaction."""
        with self._database.writing_in_line() as connection:
            append_rows(connection, subject, _SUBJECT, [_subject_row(one, work.at) for one in work.subjects])
            if work.versions:
                keys = _move_heads(connection, work)
                _add_versions(connection, work, keys)
                _add_aliases(connection, work)
            if work.confirmed:
                _confirm(connection, work)
            add_links(connection, work.links, work.at)
            settle(connection, work.outcomes)
            add_figures(connection, work.figures)

    def versions(self, record_id: RecordId) -> list[Leaf]:
        """Leaves of all versions of a record, oldest first."""
        query = (
            select(version.c.leaf)
            .join(record, record.c.key == version.c.record)
            .where(record.c.record_id == record_id)
            .order_by(version.c.version)
        )
        with self._database.reading() as connection:
            return [leaf_from_bytes(row.leaf) for row in connection.execute(query)]

    def sealed_rows(self, record_id: RecordId) -> tuple[list[bytes], list[bytes]]:
        """Heads of the sealed rows that hold what a record is made of: bytes of messages, and shares."""
        with self._database.reading() as connection:
            key = _key_of(connection, record_id)
            return ([], []) if key is None else _sealed_rows(connection, key)

    def is_under_way(self, record_id: RecordId) -> bool:
        """Whether custodians have not got a version of a record yet."""
        with self._database.reading() as connection:
            key = _key_of(connection, record_id)
            return key is not None and _is_under_way(connection, key)

    def is_ordered(self, record_id: RecordId) -> bool:
        """Whether its destruction is ordered and not carried out yet."""
        query = select(destruction.c.record_id).where(
            destruction.c.record_id == record_id, destruction.c.done_at.is_(None)
        )
        with self._database.reading() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def erase(self, record_id: RecordId, at: int, forget: Callable[[Sequence[bytes], Sequence[bytes]], None]) -> None:
        """Forget what a record was made of: bytes of its messages, its shares; its head says DESTROYED from now on.

        `forget` destroys the keys of these rows, of which it is given the heads, before they go. A message that made
        other records too loses its bytes as well: they hold this record's content. Bytes that were lost (`RECALLED`)
        are not taken any more.

        Raises:
            ConflictError: custodians have not got a version yet: its batch, which holds others' records, needs it.
        """
        with self._database.writing() as connection:
            key = _key_of(connection, record_id)
            if key is None:
                return
            if _is_under_way(connection, key):
                raise ConflictError("a version of this record is on its way to custodians; when it is there, try again")
            forget(*_sealed_rows(connection, key))
            messages, versions = _made_of(key)
            for some in messages:
                connection.execute(delete(raw).where(raw.c.message.in_(some)))
                awaited = update(message).where(message.c.key.in_(some), message.c.flags.op("&")(_RECALLED) != 0)
                connection.execute(awaited.values(flags=message.c.flags - _RECALLED))
            connection.execute(delete(secret).where(secret.c.version.in_(versions)))
            values = {"status": int(HeadStatus.DESTROYED), "content_hash": bytes(32), "updated_at": at}
            connection.execute(update(record).where(record.c.key == key).values(**values))


def _lost(connection: Connection, makers: Iterable[set[int]]) -> set[int]:
    """Of messages that made versions, those whose bytes were lost, or that are being read again."""
    rows = find_rows(connection, message, ("key", "state", "flags"), "key", sorted(set[int]().union(*makers)))
    return {key for key, state, flags in rows if state == MessageState.PENDING or flags & _RECALLED}


def _key_of(connection: Connection, record_id: RecordId) -> int | None:
    return connection.execute(select(record.c.key).where(record.c.record_id == record_id)).scalar_one_or_none()


def _is_under_way(connection: Connection, key: int) -> bool:
    of_record = select(version.c.key).outerjoin(batch, batch.c.key == version.c.batch).where(version.c.record == key)
    open_still = or_(version.c.batch.is_(None), batch.c.state == int(BatchState.OPEN))
    return connection.execute(of_record.where(open_still).limit(1)).first() is not None


def _sealed_rows(connection: Connection, key: int) -> tuple[list[bytes], list[bytes]]:
    messages, versions = _made_of(key)
    raws = connection.execute(select(head_of(raw.c.sealed)).where(or_(*map(raw.c.message.in_, messages))))
    shares = connection.execute(select(head_of(secret.c.sealed)).where(secret.c.version.in_(versions)))
    return [bytes(one) for one in raws.scalars()], [bytes(one) for one in shares.scalars()]


def _made_of(key: int) -> tuple[tuple[Select[Any], Select[Any]], Select[Any]]:
    """Messages that made a record or its group, and its versions."""
    of_record = version.c.record == key
    group = select(func.coalesce(record.c.group_hash, record.c.record_id)).where(record.c.key == key)
    messages = select(version.c.message).where(of_record), select(told.c.message).where(told.c.group_hash.in_(group))
    return messages, select(version.c.key).where(of_record)


def known_subject(row: Row[Any]) -> KnownSubject:
    """The subject in a row that has the columns of `KNOWN_SUBJECT`."""
    return _known_subject(row.name_hash, row.subject_ref, row.sealed_seed, row.survivor)


def _known_subject(name_hash: bytes, ref: bytes, sealed_seed: bytes, survivor: bytes | None) -> KnownSubject:
    merged_into = None if survivor is None else SubjectRef(survivor)
    return KnownSubject(name_hash, SubjectRef(ref), sealed_seed, merged_into)


def _head_of(
    record_id: bytes, ref: bytes, number: int, leaf_hash: bytes, content_hash: bytes, status: int, said_at: int
) -> RecordState:
    return RecordState(
        RecordId(record_id), SubjectRef(ref), number, LeafHash(leaf_hash), content_hash, HeadStatus(status), said_at
    )


def leaf_to_bytes(leaf: Leaf) -> bytes:
    """A leaf as kept: msgpack array in the order of docs/protocol.md section 3."""
    return _encoder.encode(_leaf_fields(leaf))


def leaf_from_bytes(stored: bytes) -> Leaf:
    """A kept leaf."""
    return Leaf(*_decoder.decode(stored))


def _move_heads(connection: Connection, work: Work) -> dict[bytes, int]:
    """Set the heads to the newest of the versions; keys of all records touched.

    Raises:
        ConflictError: one was erased after its head had been read, or its newest version was given up: what comes
            must not build on it. Read again.
    """
    newest: dict[bytes, NewVersion] = {one.leaf.record_id: one for one in work.versions}
    first: dict[bytes, NewVersion] = {one.leaf.record_id: one for one in reversed(work.versions)}
    keys = _keys(connection, {name: bytes(one.leaf.previous) for name, one in first.items()})
    updates = [_head(one, work.at) | {"at_key": keys[name]} for name, one in newest.items() if name in keys]
    fresh = [one for name, one in newest.items() if name not in keys]
    if fresh:
        names = [bytes(one.leaf.record_id) for one in fresh]
        made = dict(zip(names, reserve_keys(connection, record, len(fresh)), strict=True))
        columns = ("key", "record_id", "group_hash", *_HEAD_COLUMNS)
        append_rows(connection, record, columns, [_record_row(made[one.leaf.record_id], one, work.at) for one in fresh])
        keys |= made
    if updates:
        connection.execute(_UPDATE_HEAD, updates)
    return keys


def _add_aliases(connection: Connection, work: Work) -> None:
    wanted = {(name, bytes(one.group)) for one in work.versions for name in one.also}
    if not wanted:
        return
    known: set[tuple[bytes, bytes]] = set()
    for chunk in chunks(list({name for name, _ in wanted})):
        query = select(alias.c.alias_hash, alias.c.group_hash).where(alias.c.alias_hash.in_(chunk))
        known |= {(bytes(name), bytes(group)) for name, group in connection.execute(query)}
    rows = [{"alias_hash": name, "group_hash": group} for name, group in sorted(wanted - known)]
    if rows:
        connection.execute(insert(alias), rows)


def _confirm(connection: Connection, work: Work) -> None:
    pairs = sorted({(bytes(one.group), one.message) for one in work.confirmed})
    for chunk in chunks(sorted({key for _, key in pairs})):  # a message that is driven again tells it again
        connection.execute(delete(told).where(told.c.message.in_(chunk)))
    connection.execute(insert(told), [{"group_hash": group, "message": key} for group, key in pairs])
    newest = {one.record_id: one.said_at for one in work.confirmed}
    connection.execute(_UPDATE_SAID, [{"of_record": record_id, "said": at} for record_id, at in newest.items()])


def _keys(connection: Connection, previous: dict[bytes, bytes]) -> dict[bytes, int]:
    """Keys of the records that are there, of those whose next version builds on these leaves."""
    rows = find_rows(connection, record, ("record_id", "key", "status", "leaf_hash"), "record_id", list(previous))
    if any(status == int(HeadStatus.DESTROYED) for _, _, status, _ in rows):
        raise ConflictError("a record was destroyed while a version of it was sealed; the messages are read again")
    stands = {bytes(record_id): bytes(leaf_hash) for record_id, _, _, leaf_hash in rows}
    if any(stands.get(name, ZERO32) != leaf for name, leaf in previous.items()):
        raise ConflictError("a record changed while a version of it was sealed; the messages are read again")
    return {bytes(record_id): key for record_id, key, _, _ in rows}


def _add_versions(connection: Connection, work: Work, keys: dict[bytes, int]) -> None:
    numbered = list(zip(reserve_keys(connection, version, len(work.versions)), work.versions, strict=True))
    rows = [
        (
            key,
            keys[one.leaf.record_id],
            one.message,
            one.leaf.version,
            one.leaf_hash,
            leaf_to_bytes(one.leaf),
            one.leaf.custodian_set,
            int(one.status),
            int(one.withdraws or 0),
            work.at,
        )
        for key, one in numbered
    ]
    append_rows(connection, version, _VERSION, rows)
    secrets = [(key, one.secret, one.note) for key, one in numbered]
    append_rows(connection, secret, ("version", "sealed", "note"), secrets)


def _subject_row(one: KnownSubject, at: int) -> tuple[bytes, bytes, bytes, int]:
    return one.name_hash, one.subject, one.sealed_seed, at


def _head(one: NewVersion, at: int) -> dict[str, Any]:
    """What a record's head says once this is its newest version."""
    return {
        "subject_ref": one.leaf.subject,
        "version": one.leaf.version,
        "leaf_hash": one.leaf_hash,
        "content_hash": one.content_hash,
        "status": int(one.status),
        "updated_at": at,
        "said_at": one.said_at,
    }


def _record_row(key: int, one: NewVersion, at: int) -> tuple[Any, ...]:
    group = None if one.group == one.leaf.record_id else one.group
    head = _head(one, at)
    return key, one.leaf.record_id, group, *(head[name] for name in _HEAD_COLUMNS)


_UPDATE_HEAD = (
    update(record).where(record.c.key == bindparam("at_key")).values({name: bindparam(name) for name in _HEAD_COLUMNS})
)
_UPDATE_SAID = (
    update(record)
    .where(record.c.record_id == bindparam("of_record"), record.c.said_at < bindparam("said"))
    .values(said_at=bindparam("said"))
)
