"""One-time codes of the registration desk in the oracle's database."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_records import KNOWN_SUBJECT, known_subject
from salus.adapters.database.oracle_tables import desk_code, subject
from salus.core.errors import NotFoundError
from salus.core.ids import Address, address_bytes, to_address
from salus.core.journal import DeskCode


class DatabaseDeskCodes:
    """The `DeskCodes` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database

    def issue(self, name_hash: bytes, code_hash: bytes, at: int, expires_at: int) -> None:
        """Keep a new code of a subject; its unused earlier codes end now.

        Raises:
            NotFoundError: no message about this subject was ever received.
        """
        with self._database.writing() as connection:
            query = select(subject.c.key).where(subject.c.name_hash == name_hash)
            key = connection.execute(query).scalar_one_or_none()
            if key is None:
                raise NotFoundError("no message about this patient was received yet")
            unused = (desk_code.c.subject == key) & desk_code.c.used_at.is_(None) & (desk_code.c.expires_at > at)
            connection.execute(update(desk_code).where(unused).values(expires_at=at))
            values = {"subject": key, "code_hash": code_hash, "issued_at": at, "expires_at": expires_at}
            connection.execute(insert(desk_code).values(values))

    def find(self, code_hash: bytes) -> DeskCode:
        """A code by its keyed hash, used or not, expired or not.

        Raises:
            NotFoundError: there is no such code.
        """
        query = (
            select(desk_code.c.key, desk_code.c.expires_at, desk_code.c.controller, *KNOWN_SUBJECT)
            .join(subject, subject.c.key == desk_code.c.subject)
            .where(desk_code.c.code_hash == code_hash)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFoundError("no such code")
        controller = None if row.controller is None else to_address(bytes(row.controller))
        return DeskCode(row.key, known_subject(row), row.expires_at, controller)

    def use(self, key: int, controller: Address, at: int) -> None:
        """A code did its work: the subject is bound to this controller."""
        with self._database.writing() as connection:
            values = {"used_at": at, "controller": address_bytes(controller)}
            connection.execute(update(desk_code).where(desk_code.c.key == key).values(values))
