"""Many envelopes in one file: what is stored together is written, and synced, together.

    packs/<name>.pack    "SLP1", then for each envelope  SHA-256 32 | length u32 | bytes
    packs/index.db       SHA-256 → pack, place, length (SQLite, WAL, synchronous FULL)

Bytes are on disk before the index names them. A pack that the index does not know (the index was lost, or a pack was
copied here) is read through and named when the folder is opened; so is the end of one whose writer was killed, or that
is longer than an older index knows: what lies here unnamed nobody could erase. Deleting overwrites every copy with
zeros in place, then forgets it; the room is not given back. A process appends to a pack of its own, which it locks.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from salus.adapters.durable import sync
from salus.core.hashing import sha256

MARKER = b"SLP1"
MAX_PACK_BYTES = 256 * 1024 * 1024
_LENGTH_BYTES = 4
_HEAD_BYTES = 32 + _LENGTH_BYTES
_CHUNK = 400
_ZEROS = bytes(1 << 20)
_BUSY_SECONDS = 10.0
_CHECKPOINT_PAGES = 8000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pack(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS place(
    digest BLOB NOT NULL, pack INTEGER NOT NULL REFERENCES pack(key), start INTEGER NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (digest, pack, start)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS growing(name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_DELETE = "DELETE FROM place WHERE digest = ?1 AND start = ?3 AND pack = (SELECT key FROM pack WHERE name = ?2)"
_INSERT = "INSERT OR IGNORE INTO place SELECT ?1, key, ?3, ?4 FROM pack WHERE name = ?2"


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes lie: pack file, first byte and length."""

    pack: Path
    start: int
    size: int


@dataclass(slots=True)
class _Open:
    """The pack this process appends to."""

    name: str
    descriptor: int
    size: int


class Packs:
    """The packs of a content folder. Safe to use from several threads and processes.

    Its methods raise OSError as the disk does, for a database error of the index too.
    """

    def __init__(self, root: Path, most: int = MAX_PACK_BYTES) -> None:
        self._root = root
        self._most = most
        self._lock = Lock()
        self._index: sqlite3.Connection | None = None
        self._open: _Open | None = None

    def find(self, digests: Iterable[bytes]) -> dict[bytes, list[Place]]:
        """Where those of the digests lie that are here, each copy."""
        wanted = list(digests)
        with self._lock:
            if self._index is None and not self._root.exists():
                return {}
            found: dict[bytes, list[Place]] = {}
            for place in range(0, len(wanted), _CHUNK):
                chunk = wanted[place : place + _CHUNK]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT digest, name, start, size FROM place JOIN pack ON key = pack WHERE digest IN ({marks})"  # noqa: S608 - question marks
                for digest, name, start, size in self._run(query, chunk):
                    found.setdefault(digest, []).append(Place(self._root / name, start, size))
            return found

    def digests(self) -> Iterator[bytes]:
        """Digests of all that lies here, each once, in order."""
        if self._index is None and not self._root.exists():
            return
        last = b""
        while True:
            with self._lock:
                rows = self._run(
                    "SELECT DISTINCT digest FROM place WHERE digest > ? ORDER BY digest LIMIT 10000", [last]
                )
            if not rows:
                return
            yield from (digest for (digest,) in rows)
            (last,) = rows[-1]

    def add(self, blobs: Mapping[bytes, bytes]) -> None:
        """Append blobs by their digests, durably."""
        with self._lock:
            self._connected()
            pack = self._appending(sum(len(blob) + _HEAD_BYTES for blob in blobs.values()))
            rows, parts, end = [], [], pack.size
            for digest, blob in blobs.items():
                parts += [digest, len(blob).to_bytes(_LENGTH_BYTES, "big"), blob]
                rows.append((digest, pack.name, end + _HEAD_BYTES, len(blob)))
                end += _HEAD_BYTES + len(blob)
            try:
                _write_all(pack.descriptor, b"".join(parts))
                os.fdatasync(pack.descriptor)
            except OSError:
                self._leave()  # whatever arrived of it is unnamed; go on in another pack
                raise
            pack.size = end
            try:
                self._change(_INSERT, rows)
            except OSError:
                self._leave()  # what is unnamed stays at the end, where it is looked for
                raise

    def forget(self, digest: bytes) -> bool:
        """Overwrite and forget every copy; False when it was not here. One that comes meanwhile keeps its name."""
        places = self.find([digest]).get(digest, [])
        for place in places:
            _overwrite(place)
        with self._lock:
            if places:
                self._change(_DELETE, [(digest, place.pack.name, place.start) for place in places])
        return bool(places)

    def close(self) -> None:
        """Close files."""
        with self._lock:
            self._leave(whole=True)
            if self._index is not None:
                self._index.close()
                self._index = None

    # the index

    def _connected(self) -> sqlite3.Connection:
        if self._index is None:
            if not self._root.exists():
                self._root.mkdir(exist_ok=True)
                sync(self._root.parent)
            path = self._root / "index.db"
            path.touch(0o600)
            try:
                index = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
                index.execute("PRAGMA journal_mode=WAL")
                index.execute("PRAGMA synchronous=FULL")
                index.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
                index.executescript(_SCHEMA)
            except sqlite3.Error as error:
                raise OSError(f"index of the packs: {error}") from error
            self._index = index
            try:
                self._adopt()
            except OSError:
                self._index = None
                index.close()
                raise
        return self._index

    def _run(self, query: str, arguments: Iterable[object] = ()) -> list[Any]:
        try:
            return self._connected().execute(query, tuple(arguments)).fetchall()
        except sqlite3.Error as error:
            raise OSError(f"index of the packs: {error}") from error

    def _change(self, statement: str, rows: Iterable[tuple[object, ...]], pack: str = "") -> None:
        """One durable transaction, which names a pack first if one is given."""
        index = self._connected()
        try:
            index.execute("BEGIN IMMEDIATE")
            try:
                if pack:
                    index.execute("INSERT OR IGNORE INTO pack(name) VALUES(?)", (pack,))
                index.executemany(statement, rows)
            except BaseException:
                index.execute("ROLLBACK")
                raise
            index.execute("COMMIT")
        except sqlite3.Error as error:
            raise OSError(f"index of the packs: {error}") from error

    def _adopt(self) -> None:
        """Name what lies in packs the index does not know, and at the end of those that were left in the middle."""
        known = {name for (name,) in self._run("SELECT name FROM pack")}
        for path in sorted(self._root.glob("*.pack")):
            if path.name not in known:
                self._name(path, len(MARKER))
        for (name,) in self._run("SELECT name FROM growing"):
            if _is_abandoned(self._root / name):
                query = "SELECT max(start + size) FROM place JOIN pack ON key = pack WHERE name = ?"
                self._name(self._root / name, self._run(query, [name])[0][0] or len(MARKER))
                self._change("DELETE FROM growing WHERE name = ?", [(name,)])

    def _name(self, path: Path, start: int) -> None:
        rows = [(digest, path.name, place, size) for digest, place, size in _entries(path, start)]
        self._change(_INSERT, rows, path.name)

    # the pack that grows

    def _appending(self, more: int) -> _Open:
        if self._open is not None and self._open.size + more > self._most:
            self._leave(whole=True)
        if self._open is None:
            name = f"{secrets.token_hex(8)}.pack"
            # Before the file is there, or another process would adopt it half-written.
            self._change("INSERT INTO growing VALUES(?)", [(name,)], name)
            descriptor = os.open(self._root / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            self._open = _Open(name, descriptor, len(MARKER))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                _write_all(descriptor, MARKER)
                sync(self._root)
            except OSError:
                self._leave()
                raise
        return self._open

    def _leave(self, *, whole: bool = False) -> None:
        """Append to this pack no more. One that is `whole`, with all of it named, is not looked through again."""
        if self._open is None:
            return
        left, self._open = self._open, None
        os.close(left.descriptor)
        if whole:
            with suppress(OSError):
                self._change("DELETE FROM growing WHERE name = ?", [(left.name,)])


def read_place(place: Place) -> bytes | None:
    """The bytes as they lie there; None when the pack is gone."""
    try:
        with place.pack.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), place.size, place.start)
    except FileNotFoundError:
        return None


def _overwrite(place: Place) -> None:
    if not place.pack.exists():
        return
    with place.pack.open("r+b", buffering=0) as file:
        file.seek(place.start)
        left = place.size
        while left:
            left -= file.write(_ZEROS[:left])
        os.fdatasync(file.fileno())


def _is_abandoned(pack: Path) -> bool:
    """Whether nobody appends to a pack. One that is gone is abandoned too; where locks can't be had none is."""
    try:
        with pack.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _entries(pack: Path, begin: int) -> Iterator[tuple[bytes, int, int]]:
    """Digest, first byte and length of the whole envelopes in a pack from a place on, without what was overwritten or
    cut off."""
    if not pack.exists():
        return
    with pack.open("rb") as file:
        if file.read(len(MARKER)) != MARKER:
            return
        file.seek(begin)
        while len(head := file.read(_HEAD_BYTES)) == _HEAD_BYTES:
            start, size = file.tell(), int.from_bytes(head[32:], "big")
            if sha256(file.read(size)) == head[:32]:
                yield head[:32], start, size


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
