"""Records of the oracle whose newest version a custodian set holds, and the messages that could make them again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import and_, func, select

from salus.adapters.database.bulk import find_rows
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_messages import chunks
from salus.adapters.database.oracle_records import DatabaseRecords
from salus.adapters.database.oracle_tables import destruction, message, raw, record, version
from salus.core.ids import RecordId
from salus.core.journal import HeadStatus, MessageState
from salus.core.operations import Elsewhere


class DatabaseReseal:
    """The `ResealStore` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database
        self._records = DatabaseRecords(database)

    def of_set(self, custodian_set: int, after: int, limit: int) -> list[Elsewhere]:
        """Records after a key whose newest version is dealt to a custodian set, in order of their keys."""
        newest = and_(version.c.record == record.c.key, version.c.version == record.c.version)
        query = (
            select(
                record.c.key,
                record.c.record_id,
                record.c.status,
                func.coalesce(record.c.group_hash, record.c.record_id).label("of_group"),
            )
            .join(version, newest)
            .where(record.c.key > after, version.c.custodian_set == custodian_set)
            .order_by(record.c.key)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            ids = [bytes(row.record_id) for row in rows]
            open_orders = find_rows(connection, destruction, ("record_id",), "record_id", ids, "done_at IS NULL")
        histories = self._records.histories({RecordId(bytes(row.of_group)) for row in rows})
        ordered = {bytes(one) for (one,) in open_orders}
        states = self._kept_states({key for history in histories.values() for key in history})
        found: list[Elsewhere] = []
        for row in rows:
            kept = [key for key in histories.get(RecordId(bytes(row.of_group)), ()) if key in states]
            found.append(
                Elsewhere(
                    int(row.key),
                    RecordId(bytes(row.record_id)),
                    is_destroyed=row.status == int(HeadStatus.DESTROYED),
                    is_ordered=bytes(row.record_id) in ordered,
                    kept=tuple(kept),
                    finished=tuple(key for key in kept if states[key] == int(MessageState.DONE)),
                )
            )
        return found

    def are_pending(self, keys: Sequence[int]) -> int:
        """How many of some messages are not processed yet."""
        pending = 0
        with self._database.reading() as connection:
            for chunk in chunks(list(keys)):
                query = select(func.count()).where(
                    message.c.key.in_(chunk), message.c.state == int(MessageState.PENDING)
                )
                pending += int(connection.execute(query).scalar_one())
        return pending

    def _kept_states(self, keys: Collection[int]) -> dict[int, int]:
        """States of the messages whose bytes are kept."""
        states: dict[int, int] = {}
        with self._database.reading() as connection:
            for chunk in chunks(sorted(keys)):
                query = select(message.c.key, message.c.state).join(raw, raw.c.message == message.c.key)
                states |= {
                    int(key): int(state) for key, state in connection.execute(query.where(message.c.key.in_(chunk)))
                }
        return states
