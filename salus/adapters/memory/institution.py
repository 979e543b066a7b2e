"""What an institution's API keeps, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

from salus.core.errors import NotFoundError
from salus.core.ids import AccessId, ConsentId, LeafHash, RecordId
from salus.core.institution import KnownVersion, StoredPackage, StoredRequest


class MemoryPackages:
    """Sealed consent packages by consentId."""

    def __init__(self) -> None:
        self._kept: dict[ConsentId, StoredPackage] = {}
        self._seq = 0
        self._lock = Lock()

    def put(self, consent: ConsentId, sealed: bytes, received_at: int) -> None:
        """Store; a package of the same id takes the place of the older one."""
        with self._lock:
            self._seq += 1
            self._kept.pop(consent, None)
            self._kept[consent] = StoredPackage(self._seq, consent, sealed, received_at)

    def get(self, consent: ConsentId) -> StoredPackage:
        """One package.

        Raises:
            NotFoundError: none of this id.
        """
        with self._lock:
            if consent not in self._kept:
                raise NotFoundError("no consent package of this id is here")
            return self._kept[consent]

    def list(self, after: int, limit: int) -> list[StoredPackage]:
        """Packages in the order they came, from the first `seq` above `after`."""
        with self._lock:
            return [package for package in self._kept.values() if package.seq > after][:limit]

    def delete(self, consent: ConsentId) -> bool:
        """Remove; False when there was none."""
        with self._lock:
            return self._kept.pop(consent, None) is not None


class MemoryRequests:
    """Sealed requests of this institution by accessId."""

    def __init__(self) -> None:
        self._kept: dict[AccessId, StoredRequest] = {}
        self._lock = Lock()

    def put(self, request: StoredRequest) -> None:
        """Store; the same accessId again takes the place of the older one."""
        with self._lock:
            self._kept[request.access_id] = request

    def get(self, access: AccessId) -> StoredRequest:
        """One request.

        Raises:
            NotFoundError: not asked for here.
        """
        with self._lock:
            if access not in self._kept:
                raise NotFoundError("this institution did not ask for an access of this id")
            return self._kept[access]


class MemoryVersions:
    """Record versions this institution has seen listed."""

    def __init__(self) -> None:
        self._kept: dict[LeafHash, KnownVersion] = {}
        self._lock = Lock()

    def note(self, versions: Iterable[KnownVersion]) -> None:
        """Remember versions; a leaf that is known already stays as it is."""
        with self._lock:
            for version in versions:
                self._kept.setdefault(version.leaf, version)

    def versions_of(self, record: RecordId) -> list[KnownVersion]:
        """Known versions of a record, oldest first."""
        with self._lock:
            found = [version for version in self._kept.values() if version.record_id == record]
        return sorted(found, key=lambda version: version.version)


class MemoryOnce:
    """Digests that may be used once."""

    def __init__(self) -> None:
        self._used: dict[bytes, int] = {}
        self._lock = Lock()

    def claim(self, digest: bytes, expires_at: int, now: int) -> bool:
        """Take a digest; False when it was taken before."""
        with self._lock:
            self._used = {taken: until for taken, until in self._used.items() if until > now}
            if digest in self._used:
                return False
            self._used[digest] = expires_at
            return True
