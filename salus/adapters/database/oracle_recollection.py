"""What the oracle's database had forgotten and takes in again: anchored batches with all that belongs to them.

A batch comes in one transaction, as if it had been formed, deposited and anchored here. What is known already stays: a
message with its bytes, a subject, a version that waited to be deposited, a newer head.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, insert, select, update

from salus.adapters.database.bulk import find_rows
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_append import Forget
from salus.adapters.database.oracle_outbox import note_anchored
from salus.adapters.database.oracle_records import leaf_to_bytes
from salus.adapters.database.oracle_tables import (
    ANCHORED,
    alias,
    batch,
    head_of,
    invalidation,
    message,
    raw,
    record,
    secret,
    subject,
    version,
)
from salus.core.errors import IntegrityError
from salus.core.ids import SubjectRef
from salus.core.journal import BatchState, HeadStatus, KnownSubject, MessageFlag, MessageState
from salus.core.remembered import Adopted, RememberedBatch, RememberedMessage, RememberedVersion

_TAKEN = int(MessageState.PENDING), int(MessageState.DONE)


class DatabaseRecollection:
    """The `Recollection` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database

    def adopt(
        self,
        remembered: RememberedBatch,
        forget: Forget,
        survivors: Iterable[tuple[SubjectRef, SubjectRef | None]] = (),
    ) -> Adopted:
        """Take a batch in, with its versions in order; a batch that is known changes nothing.

        `forget` destroys the keys of shares that wait here though custodians have them, given the heads of their rows.
        `survivors`, in their order: the subject that each was merged into, None for into none any more.

        Raises:
            IntegrityError: a version has another leaf here than on chain: this database went on by itself.
        """
        with self._database.writing_in_line() as connection:
            if _find(connection, batch.c.key, batch.c.root == remembered.root) is not None:
                return Adopted()
            key = _add_batch(connection, remembered)
            found = Adopted()
            for one in remembered.versions:
                found += _adopt(connection, one, key, forget)
            note_anchored(connection, key, remembered.anchored)
            connection.execute(insert(invalidation).from_select(["version", "reason"], _withdrawn_before(key)))
            for ref, survivor in survivors:
                connection.execute(update(subject).where(subject.c.subject_ref == ref).values(survivor=survivor))
            return found


def _adopt(connection: Connection, one: RememberedVersion, batch_key: int, forget: Forget) -> Adopted:
    query = select(version.c.key, version.c.batch, batch.c.state).outerjoin(batch, batch.c.key == version.c.batch)
    known = connection.execute(query.where(version.c.leaf_hash == one.leaf_hash)).one_or_none()
    if known is not None:
        if known.state in (None, int(BatchState.OPEN)):  # it was sealed before the backup, and waits here
            _break_up(connection, [known.batch])
            forget(list(connection.execute(select(head_of(secret.c.sealed)).where(_is_of(known.key))).scalars()))
            connection.execute(delete(secret).where(_is_of(known.key)))
            connection.execute(update(version).where(version.c.key == known.key).values(batch=batch_key))
        return Adopted()
    message_key, messages = _message(connection, one.message)
    subjects = _add_subject(connection, one.subject, one.message.received_at) if one.subject else 0
    record_key, records = _move_head(connection, one, forget)
    values = {
        "record": record_key,
        "message": message_key,
        "version": one.leaf.version,
        "leaf_hash": one.leaf_hash,
        "leaf": leaf_to_bytes(one.leaf),
        "custodian_set": one.leaf.custodian_set,
        "status": int(one.status),
        "withdraws": int(one.withdraws or 0),
        "created_at": one.message.received_at,
        "batch": batch_key,
    }
    connection.execute(insert(version).values(**values))
    _add_names(connection, one)
    return Adopted(1, records, subjects, messages)


def _is_of(version_key: int) -> Any:
    return secret.c.version == version_key


def _add_batch(connection: Connection, remembered: RememberedBatch) -> int:
    values = {
        "root": remembered.root,
        "custodian_set": remembered.custodian_set,
        "size": remembered.count,
        "acknowledged": remembered.members,
        "state": int(BatchState.DEPOSITED),
        "created_at": remembered.anchored.at,
    }
    return int(connection.execute(insert(batch).values(values).returning(batch.c.key)).scalar_one())


def _message(connection: Connection, one: RememberedMessage) -> tuple[int, int]:
    """Key of a message, and 1 if it was not known. One that was sent again meanwhile may have another control id."""
    is_it = and_(message.c.message_hash == one.message_hash, message.c.raw_hash == one.raw_hash)
    says_it = and_(message.c.content_hash == one.content_hash, message.c.state.in_(_TAKEN))
    for condition in (is_it, says_it):
        if (known := _find(connection, func.min(message.c.key), condition)) is not None:
            return known, 0
    values = {
        "listener": one.listener,
        "message_hash": one.message_hash,
        "raw_hash": one.raw_hash,
        "content_hash": one.content_hash,
        "kind": one.kind,
        "received_at": one.received_at,
        "state": int(MessageState.DONE),
        "flags": int(MessageFlag.RECALLED),
        "code": 0,
        "location": "",
        "attempts": 0,
    }
    return int(connection.execute(insert(message).values(values).returning(message.c.key)).scalar_one()), 1


def _add_subject(connection: Connection, one: KnownSubject, at: int) -> int:
    if find_rows(connection, subject, ("key",), "name_hash", [one.name_hash]):
        return 0
    values = {"name_hash": one.name_hash, "subject_ref": one.subject, "sealed_seed": one.sealed_seed, "created_at": at}
    connection.execute(insert(subject).values(values))
    return 1


def _move_head(connection: Connection, one: RememberedVersion, forget: Forget) -> tuple[int, int]:
    """Key of a record whose head knows of this version now, and 1 if it was not known.

    Raises:
        IntegrityError: it has this version with another leaf, and not only here.
    """
    head = {
        "subject_ref": one.leaf.subject,
        "version": one.leaf.version,
        "leaf_hash": one.leaf_hash,
        "content_hash": one.content_hash,
        "status": int(one.status),
        "updated_at": one.message.received_at,
        "said_at": one.said_at,
    }
    columns = (record.c.key, record.c.version, record.c.status)
    known = connection.execute(select(*columns).where(record.c.record_id == one.leaf.record_id)).one_or_none()
    if known is None:
        group = None if one.group == one.leaf.record_id else one.group
        values = head | {"record_id": one.leaf.record_id, "group_hash": group}
        return int(connection.execute(insert(record).values(values).returning(record.c.key)).scalar_one()), 1
    is_newest = _give_way(connection, known.key, one.leaf.version, forget)
    if is_newest and known.status != int(HeadStatus.DESTROYED):
        connection.execute(update(record).where(record.c.key == known.key).values(head))
    return int(known.key), 0


def _give_way(connection: Connection, record_key: int, number: int, forget: Forget) -> bool:
    """Give up what waits here under a number that stands on chain, and what builds on it; whether nothing stands above.

    It was made anew after the backup (`salus oracle abandon`), or here before this was known. Its messages are read
    again. What stands above was anchored first, because a member of the set of this one was away.

    Raises:
        IntegrityError: custodians or the chain have that number.
    """
    columns = version.c.key, version.c.version, version.c.message, version.c.batch, batch.c.state
    query = (
        select(*columns, head_of(secret.c.sealed))
        .outerjoin(batch, batch.c.key == version.c.batch)
        .outerjoin(secret, secret.c.version == version.c.key)
        .where(version.c.record == record_key, version.c.version >= number)
    )
    own = connection.execute(query).all()
    standing = [row for row in own if row.state in (int(BatchState.DEPOSITED), int(BatchState.ANCHORED))]
    if any(row.version == number for row in standing):
        raise IntegrityError(
            f"version {number} of a record stands on chain with another leaf than here: this database went on by "
            "itself after it was restored. Restore the backup again and start this oracle: it catches up first"
        )
    own = [row for row in own if row not in standing]
    forget([bytes(row.head) for row in own if row.head is not None])
    _break_up(connection, {row.batch for row in own if row.state == int(BatchState.OPEN)})
    keys = [row.key for row in own]
    connection.execute(delete(invalidation).where(invalidation.c.version.in_(keys)))
    connection.execute(delete(secret).where(secret.c.version.in_(keys)))
    connection.execute(delete(version).where(version.c.key.in_(keys)))
    is_kept = exists().where(raw.c.message == message.c.key)
    again = update(message).where(message.c.key.in_([row.message for row in own]), is_kept)
    values = {
        "state": int(MessageState.PENDING),
        "attempts": message.c.attempts + 1,
        "flags": message.c.flags.op("|")(int(MessageFlag.REPROCESSED)),  # it was counted, and what it changed stays
    }
    connection.execute(again.values(**values))
    return not standing


def _withdrawn_before(batch_key: int) -> Any:
    """Versions of a batch that were withdrawn before it was anchored, by versions of another that stands; and why."""
    later, newest, others = version.alias("later"), version.alias("newest"), batch.alias("others")
    return (
        select(version.c.key, func.min(later.c.withdraws))
        .join(later, and_(later.c.record == version.c.record, later.c.version > version.c.version))
        .join(newest, and_(newest.c.record == later.c.record, newest.c.version >= later.c.version))
        .join(others, and_(others.c.key == newest.c.batch, others.c.state == ANCHORED))
        .where(
            version.c.batch == batch_key,
            later.c.withdraws != 0,
            version.c.status != int(HeadStatus.ENTERED_IN_ERROR),
            ~exists().where(invalidation.c.version == version.c.key),
        )
        .group_by(version.c.key)
    )


def _break_up(connection: Connection, batches: Collection[int | None]) -> None:
    """Open batches that were formed otherwise after the backup; what else was in them waits for another."""
    connection.execute(update(version).where(version.c.batch.in_(batches)).values(batch=None))
    connection.execute(delete(batch).where(batch.c.key.in_(batches)))


def _add_names(connection: Connection, one: RememberedVersion) -> None:
    known = {bytes(row[0]) for row in find_rows(connection, alias, ("alias_hash",), "alias_hash", one.also)}
    for name in one.also:
        is_it = and_(alias.c.alias_hash == name, alias.c.group_hash == one.group)
        if name not in known or _find(connection, alias.c.alias_hash, is_it) is None:
            connection.execute(insert(alias).values(alias_hash=name, group_hash=one.group))


def _find(connection: Connection, column: Any, condition: Any) -> Any:
    return connection.execute(select(column).where(condition)).scalar_one_or_none()
