"""What the API needs of its own database and of local files; the runtime hands it in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from salus.core.evidence import Evidence
from salus.core.ids import AccessId, ConsentId, ParticipantId, RecordId
from salus.core.institution import KnownVersion, StoredPackage, StoredRequest
from salus.core.slots import Storage
from salus.core.state import BlockStamp


@dataclass(frozen=True, slots=True)
class Title:
    """Name of an institution for people, from a local file; nothing of it is on chain."""

    en: str
    zh: str


class PackageStore(Protocol):
    """Sealed consent packages by consentId."""

    def put(self, consent: ConsentId, sealed: bytes, received_at: int) -> None:
        """Store durably; a package of the same id takes the place of the older one."""
        ...

    def get(self, consent: ConsentId) -> StoredPackage:
        """One package.

        Raises:
            NotFoundError: none of this id.
        """
        ...

    def list(self, after: int, limit: int) -> list[StoredPackage]:
        """Packages in the order they came, from the first `seq` above `after`."""
        ...

    def delete(self, consent: ConsentId) -> bool:
        """Remove; False when there was none."""
        ...


class RequestStore(Protocol):
    """Sealed requests of this institution by accessId."""

    def put(self, request: StoredRequest) -> None:
        """Store durably; the same accessId again takes the place of the older one."""
        ...

    def get(self, access: AccessId) -> StoredRequest:
        """One request.

        Raises:
            NotFoundError: not asked for here.
        """
        ...


class VersionStore(Protocol):
    """Record versions this institution has seen listed."""

    def note(self, versions: Iterable[KnownVersion]) -> None:
        """Remember versions; a leaf that is known already stays as it is."""
        ...

    def versions_of(self, record: RecordId) -> list[KnownVersion]:
        """Known versions of a record, oldest first."""
        ...


class OnceStore(Protocol):
    """What may be used once only, durably: ids of assertions, digests of sign-in challenges."""

    def claim(self, digest: bytes, expires_at: int, now: int) -> bool:
        """Take a 32-byte digest; False when it was taken before. It may be forgotten after `expires_at`."""
        ...


class Titles(Protocol):
    """Names of institutions for people."""

    def of(self, participant: ParticipantId) -> Title:
        """Name of an institution; a short form of its id when no name is known."""
        ...


class EvidenceMaker(Protocol):
    """Proves what receipts say to those who believe no node."""

    def evidence(self, at: BlockStamp, read: Callable[[Storage], object]) -> Evidence:
        """Evidence of every storage word that `read` asks for at a final block.

        Raises:
            UnavailableError: the node is away, or the block's state is gone.
        """
        ...
