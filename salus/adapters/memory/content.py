"""Envelopes in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence

from salus.core.errors import IntegrityError, NotFoundError
from salus.core.hashing import sha256
from salus.core.ports import Erasure


class MemoryContent:
    """The `ContentStore` port. `damage` flips a bit of a stored blob, so that readers can be tested against it."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytes] = {}

    def put(self, data: bytes) -> bytes:
        """Store; returns the SHA-256 of the bytes."""
        digest = sha256(data)
        self._blobs[digest] = bytes(data)
        return digest

    def put_many(self, blobs: Sequence[bytes]) -> list[bytes]:
        """Store several; returns their digests in order."""
        return [self.put(blob) for blob in blobs]

    def get(self, digest: bytes) -> bytes:
        """The bytes.

        Raises:
            NotFoundError: not here.
            IntegrityError: damaged.
        """
        try:
            data = self._blobs[digest]
        except KeyError as error:
            raise NotFoundError("no such content here") from error
        if sha256(data) != digest:
            raise IntegrityError("the stored bytes do not match their digest")
        return data

    def erase(self, digest: bytes) -> Erasure:
        """Remove; its one place is called `memory`."""
        return Erasure(removed=("memory",)) if self.delete(digest) else Erasure(absent=("memory",))

    def delete(self, digest: bytes) -> bool:
        """Remove; False when it was not here."""
        return self._blobs.pop(digest, None) is not None

    def damage(self, digest: bytes) -> None:
        """Flip the lowest bit of the last byte of a stored blob."""
        data = self._blobs[digest]
        self._blobs[digest] = data[:-1] + bytes([data[-1] ^ 1])

    def __len__(self) -> int:
        return len(self._blobs)
