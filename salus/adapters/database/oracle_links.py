"""Subjects that are one patient: what the source has said, and what the chain is still to learn of it.

On chain a subject has one survivor, and a survivor has none itself. So a merge into a merged subject goes to its
survivor, and a survivor that is merged takes along, one by one, those merged into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, delete, insert, select, text, update

from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_tables import link, link_signature, subject
from salus.core.ids import SubjectRef
from salus.core.journal import KnownSubject, LinkKind, LinkSignature, NewLink, OpenLink

Step = tuple[LinkKind, bytes, bytes]


class DatabaseLinks:
    """The `Links` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database

    def open(self, page: int) -> Iterator[OpenLink]:
        """Links and unlinkings the chain doesn't show yet, in the order they must be done; read `page` at a time."""
        after, found = 0, self._open(page, 0)
        while found:
            yield from found
            after = found[-1].key
            found = self._open(page, after) if len(found) == page else []

    def _open(self, limit: int, after: int) -> list[OpenLink]:
        one, other = subject.alias("one"), subject.alias("other")
        query = (
            select(
                link.c.key,
                link.c.kind,
                *(table.c[name] for table in (one, other) for name in ("name_hash", "subject_ref", "sealed_seed")),
            )
            .join(one, one.c.key == link.c.subject)
            .join(other, other.c.key == link.c.survivor)
            .where(text("done_at IS NULL"), link.c.key > after)
            .order_by(link.c.key)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [
                OpenLink(
                    row[0],
                    LinkKind(row[1]),
                    KnownSubject(row[2], SubjectRef(row[3]), row[4]),
                    KnownSubject(row[5], SubjectRef(row[6]), row[7]),
                )
                for row in connection.execute(query)
            ]

    def done(self, key: int, tx_hash: bytes, at: int) -> None:
        """The chain shows one at a final block."""
        with self._database.writing() as connection:
            values = {"done_at": at, "tx_hash": tx_hash or None}
            connection.execute(update(link).where(link.c.key == key).values(values))

    def sign(self, signature: LinkSignature) -> None:
        """Keep a controller's agreement, in place of an earlier one."""
        of = (link_signature.c.link == signature.link, link_signature.c.subject_ref == signature.subject)
        with self._database.writing() as connection:
            connection.execute(delete(link_signature).where(*of))
            connection.execute(
                insert(link_signature).values(
                    link=signature.link,
                    subject_ref=signature.subject,
                    nonce=signature.nonce,
                    deadline=signature.deadline,
                    signature=signature.signature,
                )
            )

    def signatures(self, key: int) -> list[LinkSignature]:
        """Agreements to a link."""
        with self._database.reading() as connection:
            return [
                LinkSignature(row.link, SubjectRef(row.subject_ref), row.nonce, row.deadline, row.signature)
                for row in connection.execute(select(link_signature).where(link_signature.c.link == key))
            ]


def add_links(connection: Connection, links: Sequence[NewLink], at: int) -> None:
    """Note what a source says about its subjects, and the steps that bring it to the chain."""
    for one in links:
        refs = [
            connection.execute(select(subject.c.subject_ref).where(subject.c.name_hash == name)).scalar_one()
            for name in (one.subject, one.survivor)
        ]
        ref, other = (bytes(found) for found in refs)
        steps = list(
            _linking(connection, ref, other) if one.kind is LinkKind.LINK else _unlinking(connection, ref, other)
        )
        for kind, who, survivor in steps:
            values = {"survivor": survivor if kind is LinkKind.LINK else None}
            connection.execute(update(subject).where(subject.c.subject_ref == who).values(values))
            keys = {
                name: select(subject.c.key).where(subject.c.subject_ref == found).scalar_subquery()
                for name, found in (("subject", who), ("survivor", survivor))
            }
            connection.execute(insert(link).values(kind=int(kind), created_at=at, **keys))


def _linking(connection: Connection, ref: bytes, other: bytes) -> Iterator[Step]:
    root = _survivor(connection, other) or other
    present = _survivor(connection, ref)
    if root in {ref, present}:
        return
    if present is not None:
        yield LinkKind.UNLINK, ref, present
    for child in _merged_into(connection, ref):
        yield LinkKind.UNLINK, child, ref
        yield LinkKind.LINK, child, root
    yield LinkKind.LINK, ref, root


def _unlinking(connection: Connection, ref: bytes, other: bytes) -> Iterator[Step]:
    """Take apart two that are one, whichever of them survived, also when both were merged into a third."""
    present, others = _survivor(connection, ref), _survivor(connection, other)
    if present is not None and present == (others or other):
        yield LinkKind.UNLINK, ref, present
    elif others is not None and others == ref:
        yield LinkKind.UNLINK, other, ref


def _survivor(connection: Connection, ref: bytes) -> bytes | None:
    found = connection.execute(select(subject.c.survivor).where(subject.c.subject_ref == ref)).scalar_one_or_none()
    return None if found is None else bytes(found)


def _merged_into(connection: Connection, ref: bytes) -> list[bytes]:
    query = select(subject.c.subject_ref).where(subject.c.survivor == ref).order_by(subject.c.key)
    return [bytes(found) for found in connection.execute(query).scalars()]
