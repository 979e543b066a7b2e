"""The API's own database: sealed consent packages, record versions it has seen, digests used once.

Rows are appended under integer keys; what is looked up by a random digest has an index beside it. Migrations under
`migrations/api/` make the tables; a test keeps both equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    delete,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError

from salus.adapters.database.engine import reading, writing
from salus.core.errors import NotFoundError
from salus.core.ids import AccessId, ConsentId, LeafHash, RecordId
from salus.core.institution import KnownVersion, StoredPackage, StoredRequest

_BIG = BigInteger().with_variant(Integer(), "sqlite")
METADATA = MetaData()
PACKAGES = Table(
    "packages",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("consent_id", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("received_at", _BIG, nullable=False),
    Index("packages_by_consent", "consent_id", unique=True),
)
REQUESTS = Table(
    "requests",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("access_id", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("recorded_at", _BIG, nullable=False),
    Index("requests_by_access", "access_id", unique=True),
)
VERSIONS = Table(
    "versions",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("record_id", LargeBinary, nullable=False),
    Column("version", _BIG, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("custodian_set", _BIG, nullable=False),
    Column("seen_at", _BIG, nullable=False),
    Index("versions_by_leaf", "leaf", unique=True),
    Index("versions_by_record", "record_id", "version"),
)
USED = Table(
    "used",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=True),
    Column("digest", LargeBinary, nullable=False),
    Column("expires_at", _BIG, nullable=False),
    Index("used_by_digest", "digest", unique=True),
    Index("used_by_expiry", "expires_at"),
)
_MANY = 500
"""Values in one IN list: below SQLite's oldest limit of 999 variables."""


class DatabasePackages:
    """Sealed consent packages by consentId."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, consent: ConsentId, sealed: bytes, received_at: int) -> None:
        """Store durably; a package of the same id takes the place of the older one."""
        with writing(self._engine) as connection:
            connection.execute(delete(PACKAGES).where(PACKAGES.c.consent_id == consent))
            connection.execute(
                insert(PACKAGES), [{"consent_id": bytes(consent), "sealed": sealed, "received_at": received_at}]
            )

    def get(self, consent: ConsentId) -> StoredPackage:
        """One package.

        Raises:
            NotFoundError: none of this id.
        """
        with reading(self._engine) as connection:
            row = connection.execute(select(PACKAGES).where(PACKAGES.c.consent_id == consent)).one_or_none()
        if row is None:
            raise NotFoundError("no consent package of this id is here")
        return _package(row)

    def list(self, after: int, limit: int) -> list[StoredPackage]:
        """Packages in the order they came, from the first `seq` above `after`."""
        query = select(PACKAGES).where(PACKAGES.c.seq > after).order_by(PACKAGES.c.seq).limit(limit)
        with reading(self._engine) as connection:
            return [_package(row) for row in connection.execute(query)]

    def delete(self, consent: ConsentId) -> bool:
        """Remove; False when there was none."""
        with writing(self._engine) as connection:
            return connection.execute(delete(PACKAGES).where(PACKAGES.c.consent_id == consent)).rowcount > 0


class DatabaseRequests:
    """Sealed requests of this institution by accessId."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, request: StoredRequest) -> None:
        """Store durably; the same accessId again takes the place of the older one."""
        row = {
            "access_id": bytes(request.access_id),
            "sealed": request.sealed,
            "recorded_at": request.recorded_at,
        }
        with writing(self._engine) as connection:
            connection.execute(delete(REQUESTS).where(REQUESTS.c.access_id == request.access_id))
            connection.execute(insert(REQUESTS), [row])

    def get(self, access: AccessId) -> StoredRequest:
        """One request.

        Raises:
            NotFoundError: not asked for here.
        """
        with reading(self._engine) as connection:
            row = connection.execute(select(REQUESTS).where(REQUESTS.c.access_id == access)).one_or_none()
        if row is None:
            raise NotFoundError("this institution did not ask for an access of this id")
        return StoredRequest(AccessId(bytes(row.access_id)), bytes(row.sealed), row.recorded_at)


class DatabaseVersions:
    """Record versions this institution has seen listed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, versions: Iterable[KnownVersion]) -> None:
        """Remember versions; a leaf that is known already stays as it is."""
        fresh = {version.leaf: version for version in versions}
        if not fresh:
            return
        with writing(self._engine) as connection:
            leaves = list(fresh)
            for start in range(0, len(leaves), _MANY):
                part = leaves[start : start + _MANY]
                for leaf in connection.execute(select(VERSIONS.c.leaf).where(VERSIONS.c.leaf.in_(part))).scalars():
                    del fresh[LeafHash(bytes(leaf))]
            if fresh:
                connection.execute(insert(VERSIONS), [_columns(version) for version in fresh.values()])

    def versions_of(self, record: RecordId) -> list[KnownVersion]:
        """Known versions of a record, oldest first."""
        query = select(VERSIONS).where(VERSIONS.c.record_id == record).order_by(VERSIONS.c.version, VERSIONS.c.seq)
        with reading(self._engine) as connection:
            return [_version(row) for row in connection.execute(query)]


class DatabaseOnce:
    """Digests that may be used once; expired ones are forgotten as new ones come."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, digest: bytes, expires_at: int, now: int) -> bool:
        """Take a 32-byte digest; False when it was taken before."""
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(USED).where(USED.c.expires_at <= now))
                connection.execute(insert(USED), [{"digest": digest, "expires_at": expires_at}])
        except IntegrityError:
            return False
        return True


def _columns(version: KnownVersion) -> dict[str, Any]:
    return {
        "record_id": bytes(version.record_id),
        "version": version.version,
        "leaf": bytes(version.leaf),
        "custodian_set": version.custodian_set,
        "seen_at": version.seen_at,
    }


def _package(row: Row[Any]) -> StoredPackage:
    return StoredPackage(row.seq, ConsentId(bytes(row.consent_id)), bytes(row.sealed), row.received_at)


def _version(row: Row[Any]) -> KnownVersion:
    leaf = LeafHash(bytes(row.leaf))
    return KnownVersion(RecordId(bytes(row.record_id)), row.version, leaf, row.custodian_set, row.seen_at)
