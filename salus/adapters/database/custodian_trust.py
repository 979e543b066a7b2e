"""The header a custodian trusts, and why it went no further: rows of its database, each write committed durably."""

from __future__ import annotations

from sqlalchemy import Engine, delete

from salus.adapters.database import custodian_rows as rows
from salus.adapters.database import custodian_tables as t
from salus.adapters.database.engine import reading, writing
from salus.core.canonical import canonical, parse
from salus.core.consensus.snapshot import Snapshot
from salus.core.errors import IntegrityError

_HEADER, _HALTED = "trusted", "halted"


class TrustedHeader:
    """Newest final snapshot of a checked chain, on a migrated database (`migrate(engine, "custodian")`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def load(self) -> Snapshot | None:
        """The snapshot kept last.

        Raises:
            IntegrityError: the row is damaged.
        """
        with reading(self._engine) as connection:
            row = rows.read_state(connection, _HEADER)
        if row is None:
            return None
        value = parse(row[1])
        if not isinstance(value, dict):
            raise IntegrityError("the kept snapshot is malformed: it is no object")
        return Snapshot.from_json(value)

    def keep(self, snapshot: Snapshot) -> None:
        """Keep a newer one."""
        with writing(self._engine) as connection:
            rows.write_state(connection, _HEADER, snapshot.number, canonical(snapshot.to_json()))

    def halted(self) -> str | None:
        """Why an operator must decide before the chain is followed on."""
        with reading(self._engine) as connection:
            row = rows.read_state(connection, _HALTED)
        return None if row is None else row[1].decode()

    def halt(self, reason: str) -> None:
        """Remember why an operator must decide."""
        with writing(self._engine) as connection:
            rows.write_state(connection, _HALTED, 0, reason.encode())

    def accept(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, older or of another branch, and go on from there: an operator's decision."""
        with writing(self._engine) as connection:
            rows.write_state(connection, _HEADER, snapshot.number, canonical(snapshot.to_json()))
            connection.execute(delete(t.state).where(t.state.c.name == _HALTED))
