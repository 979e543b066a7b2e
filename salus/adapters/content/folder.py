"""The `ContentStore` port in a folder: one file per envelope, named by its CID, in folders by its last two characters;
many at once share a pack (`packs`), because a file and a sync for each cost ten times as much.

A file gets its name only when its bytes are on disk, and `put` returns only when the name is too. Bytes are hashed
again on every read.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256 as new_sha256
from pathlib import Path

from salus.adapters.content.holding import Findings, Progress, silent
from salus.adapters.content.packs import Packs, Place, read_place
from salus.adapters.durable import sync
from salus.core.cid import cid_of, digest_of
from salus.core.errors import InputError, IntegrityError, NotFoundError, UnavailableError
from salus.core.hashing import sha256
from salus.core.ports import Erasure

_SCRATCH = ".new"
_PLACE = "folder"
_PIECE = 1 << 20
_PROBE_BYTES = 4096
_AT_ONCE = 8
_ABANDONED_SECONDS = 3600.0
"""A file that nobody has written to for so long has no writer any more."""
PACKED = 16
"""So many blobs stored together share a pack."""


class FolderStore:
    """Envelopes in one folder. Safe to use from several threads and processes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._packs = Packs(root / "packs")
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="content")
        (root / _SCRATCH).mkdir(parents=True, exist_ok=True)
        self._clear_scratch()

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

    def erase(self, digest: bytes) -> Erasure:
        """Remove durably; its one place is called `folder`, and unreached if the disk refuses."""
        try:
            was_here = self.delete(digest)
        except UnavailableError:
            return Erasure(unreached=(_PLACE,))
        return Erasure(removed=(_PLACE,)) if was_here else Erasure(absent=(_PLACE,))

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

    def digests(self) -> Iterator[bytes]:
        """Digests of what is here, each once."""
        packed = set()
        for digest in self._packs.digests():
            packed.add(digest)
            yield digest
        for file in self._root.glob("??/*"):
            try:
                digest = digest_of(file.name)
            except InputError:
                continue  # not a file of ours
            if digest not in packed:
                yield digest

    def erased(self) -> set[bytes]:
        """Nothing: what a folder erased can't come back from another place of it."""
        return set()

    def put_stream(self, pieces: Iterable[bytes]) -> bytes:
        """Store bytes that come in pieces, durably, in a file of their own; returns the digest of the whole.

        Raises:
            UnavailableError: the disk refuses.
        """
        scratch = self._root / _SCRATCH / f"stream.{secrets.token_hex(8)}"
        hashed = new_sha256()
        try:
            with scratch.open("xb") as file:
                for piece in pieces:
                    hashed.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            target = self._path(hashed.digest())
            is_new = not target.parent.exists()
            target.parent.mkdir(exist_ok=True)
            scratch.replace(target)
            sync(target.parent)
            if is_new:
                sync(self._root)
        except OSError as error:
            raise UnavailableError(f"the content folder cannot be written ({error.strerror or error})") from error
        finally:
            scratch.unlink(missing_ok=True)
        return hashed.digest()

    def stream(self, digest: bytes) -> Iterator[bytes]:
        """The bytes in pieces of a MiB or less. The last comes only when the whole is what the digest says.

        Raises:
            NotFoundError, IntegrityError, UnavailableError: as `get`.
        """
        try:
            places = self._packs.find([digest]).get(digest)
            if places and (data := _whole(digest, places)) is not None:  # nothing in a pack is large
                yield from (data[place : place + _PIECE] for place in range(0, len(data), _PIECE))
                return
            file = self._path(digest).open("rb")
        except FileNotFoundError as error:
            if places:
                raise IntegrityError(f"the stored bytes of {cid_of(digest)} are damaged") from error
            raise NotFoundError(f"the content folder has no {cid_of(digest)}") from error
        except OSError as error:
            raise UnavailableError(f"the content folder cannot be read ({error.strerror or error})") from error
        hashed, held = new_sha256(), b""
        with file:
            while piece := file.read(_PIECE):
                if held:
                    yield held
                hashed.update(piece)
                held = piece
        if hashed.digest() != digest:
            raise IntegrityError(f"the stored bytes of {cid_of(digest)} are damaged")
        if held:
            yield held

    def check(
        self,
        *,
        repair: bool = False,  # noqa: ARG002 - a folder has no second copy to repair from
        expected: Iterable[bytes] = (),
        progress: Progress = silent,
    ) -> Findings:
        """Read and hash everything. What is damaged or missing is lost here: `salus content migrate` from another store
        brings it back."""
        here = set(self.digests())
        lost, damaged = [], 0
        for number, digest in enumerate(sorted(here), 1):
            try:
                for _ in self.stream(digest):
                    pass
            except (IntegrityError, NotFoundError):
                damaged += 1
                lost.append(digest)
            progress("envelopes read", number, len(here))
        missing = sorted({digest for digest in expected if digest not in here})
        return Findings(len(here), 1, damaged=damaged, missing=len(missing), lost=(*lost, *missing))

    def ready(self) -> None:
        """Write a few bytes, and remove them.

        Raises:
            UnavailableError: the disk refuses.
        """
        probe = self._root / _SCRATCH / f"probe.{secrets.token_hex(4)}"
        try:
            probe.write_bytes(bytes(_PROBE_BYTES))
        except OSError as error:
            raise UnavailableError(f"the content folder cannot be written ({error.strerror or error})") from error
        finally:
            probe.unlink(missing_ok=True)

    def close(self) -> None:
        """Close files."""
        self._packs.close()
        self._pool.shutdown()

    def _clear_scratch(self) -> None:
        """Remove what writers that were killed left half done: nobody else would, not even an erasure."""
        with suppress(OSError):  # a disk that is only read, or another process that is faster
            for left in (self._root / _SCRATCH).iterdir():
                if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                    left.unlink()

    def _unlink(self, path: Path) -> bool:
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync(path.parent)
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
        list(self._pool.map(sync, folders | ({self._root} if made else set())))

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
