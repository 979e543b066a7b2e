"""The `ContentStore` port in a folder: one file per envelope, named by its CID, in folders by its last two characters;
many at once share a pack (`packs`), because a file and a sync for each cost ten times as much.

A file gets its name only when its bytes are on disk, and `put` returns only when the name is too. Bytes are hashed
again on every read.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from salus.adapters.content.packs import Packs, Place, read_place, sync_folder
from salus.core.cid import cid_of
from salus.core.errors import IntegrityError, NotFoundError, UnavailableError
from salus.core.hashing import sha256

_SCRATCH = ".new"
_AT_ONCE = 8
PACKED = 16
"""So many blobs stored together share a pack."""


class FolderStore:
    """Envelopes in one folder. Safe to use from several threads and processes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._packs = Packs(root / "packs")
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="content")
        (root / _SCRATCH).mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> bytes:
        """Store durably; returns the SHA-256. A damaged copy of the same bytes is replaced."""
        return self.put_many([data])[0]

    def put_many(self, blobs: Sequence[bytes]) -> list[bytes]:
        """Store several durably, each folder or pack synced once. Returns their digests in order.

        Raises:
            UnavailableError: the disk refuses.
        """
        digests = [sha256(blob) for blob in blobs]
        try:
            packed = self._packs.find(digests)
            stored = {digest for digest, places in packed.items() if _whole(digest, places) is not None}
            new = {digest: blob for digest, blob in zip(digests, blobs, strict=True) if digest not in stored}
            if len(new) >= PACKED:
                self._packs.add(new)
            else:
                self._write({digest: blob for digest, blob in new.items() if not _is(digest, self._read_file(digest))})
        except OSError as error:
            raise UnavailableError(f"the content folder cannot be written ({error.strerror or error})") from error
        return digests

    def get(self, digest: bytes) -> bytes:
        """The bytes, checked against the digest.

        Raises:
            NotFoundError: not here.
            IntegrityError: the stored bytes are damaged.
            UnavailableError: the disk refuses.
        """
        data = self._read(digest)
        if data is None:
            raise NotFoundError(f"the content folder has no {cid_of(digest)}")
        if sha256(data) != digest:
            raise IntegrityError(f"the stored bytes of {cid_of(digest)} are damaged")
        return data

    def delete(self, digest: bytes) -> bool:
        """Remove durably; False when it was not here.

        Raises:
            UnavailableError: the disk refuses.
        """
        try:
            in_pack = self._packs.forget(digest)
            return self._unlink(self._path(digest)) or in_pack
        except OSError as error:
            raise UnavailableError(f"the content folder cannot be written ({error.strerror or error})") from error

    def _unlink(self, path: Path) -> bool:
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
        return True

    def _write(self, blobs: dict[bytes, bytes]) -> None:
        """Several files are synced side by side: file systems commit what waits together in one go."""
        if not blobs:
            return
        targets = {digest: self._path(digest) for digest in blobs}
        written = self._pool.map(self._write_scratch, targets.values(), blobs.values())
        scratches = dict(zip(blobs, written, strict=True))
        folders = {target.parent for target in targets.values()}
        made = [folder for folder in folders if not folder.exists()]
        for folder in made:
            folder.mkdir(exist_ok=True)
        for digest, scratch in scratches.items():
            scratch.replace(targets[digest])
        list(self._pool.map(sync_folder, folders | ({self._root} if made else set())))

    def _write_scratch(self, target: Path, blob: bytes) -> Path:
        scratch = self._root / _SCRATCH / f"{target.name}.{secrets.token_hex(4)}"
        with scratch.open("xb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        return scratch

    def _read(self, digest: bytes) -> bytes | None:
        """The bytes as they lie here, whole ones if there are; None when none are known."""
        try:
            data = self._read_file(digest)
            if not _is(digest, data) and (places := self._packs.find([digest]).get(digest)):
                data = _whole(digest, places) or data or b""
        except OSError as error:
            raise UnavailableError(f"the content folder cannot be read ({error.strerror or error})") from error
        return data

    def _read_file(self, digest: bytes) -> bytes | None:
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            return None

    def _path(self, digest: bytes) -> Path:
        cid = cid_of(digest)
        return self._root / cid[-2:] / cid


def _is(digest: bytes, data: bytes | None) -> bool:
    return data is not None and sha256(data) == digest


def _whole(digest: bytes, places: Sequence[Place]) -> bytes | None:
    return next((data for data in map(read_place, places) if data is not None and _is(digest, data)), None)
