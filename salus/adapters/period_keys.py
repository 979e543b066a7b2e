"""Erasable keys as files, one tree per civil month or day: `2026-11.keys`, readable by the owner only.

The folder is left out of backups that keep old states: a restored database is then useless for whatever was erased
since. It should have a second disk under it, for nothing else can make its keys again. A key is erased by writing the
period's tree anew without it, and by overwriting the old file before that is removed, also after a crash in between. On
a file system that copies on write, or on flash memory, the overwriting may not reach the old bytes.

`2026-11.next` says which numbers may have been given out: they are reserved some thousands at a time, so a restored
database never makes one be used twice. Several processes may use one folder: a lock on it guards what is written, and
another (`.giving`) is held by whoever gives out keys, so that none of those is taken for one that nothing names.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TextIO

from salus.adapters.durable import sync
from salus.core.errors import ConflictError, IntegrityError, NotFoundError, SetupError
from salus.core.hashing import sha256
from salus.core.key_tree import DEPTH, NODE_BYTES, KeyTree

_RESERVED = 4096
_CHECK_BYTES = 32
_PERIOD = re.compile(r"\d{4}-\d{2}(-\d{2})?")


class FolderPeriodKeys:
    """Keys in a folder; `random` makes roots of new trees. Safe to use from several threads and processes."""

    def __init__(self, folder: Path, random: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._random = random
        self._lock = Lock()
        self._trees: dict[str, KeyTree] = {}
        self._next: dict[str, tuple[int, int]] = {}
        self._giving: TextIO | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_mode & 0o077:
            raise SetupError("the folder of period keys is open to others; run chmod 700 on it")

    def fresh(self, period: str) -> tuple[int, bytes]:
        """Number and key that were never given out before; the period's tree is made durably if there is none yet."""
        with self._lock:
            number, end = self._next.get(period, (0, 0))
            if number == end:
                number, end = self._reserve(period)
            self._next[period] = (number + 1, end)
            return number, self._tree(period).key(number)

    def past(self, period: str, number: int) -> bytes:
        """A key that was given out.

        Raises:
            NotFoundError: it was erased, or its period was, or that is missing.
            IntegrityError: the period's file is damaged.
        """
        with self._lock:
            return self._tree(period).key(number)

    def forget(self, period: str, numbers: Iterable[int]) -> None:
        """Erase keys; those of a period that is gone are erased already."""
        with self._writing():
            if self._path(period).exists():
                self._replace(period, lambda tree: tree.without(numbers))
            else:
                self._trees.pop(period, None)

    def keep_only(self, period: str, numbers: Iterable[int]) -> None:
        """Erase all keys that were given out but these, and numbers that were reserved and never given out.

        Raises:
            ConflictError: another process gives out keys of this folder, or this one does.
            NotFoundError: there are no keys of the period.
        """
        with self._writing(), self._nobody_gives():
            path = self._path(period)
            onward = _reserved(path.with_suffix(".next")) if path.exists() else 0
            self._replace(period, lambda tree: tree.only(numbers, onward))

    def periods(self) -> list[str]:
        """Periods that have keys."""
        return sorted(path.stem for path in self._folder.glob("*.keys") if _PERIOD.fullmatch(path.stem))

    def erase(self, period: str) -> None:
        """Overwrite and remove all keys of a period."""
        path = self._path(period)
        with self._writing():
            self._trees.pop(period, None)
            self._next.pop(period, None)
            if path.exists():
                _overwrite(path)
            path.with_suffix(".next").unlink(missing_ok=True)
            sync(self._folder)

    def _replace(self, period: str, changed: Callable[[KeyTree], KeyTree]) -> None:
        """Put a changed tree in the place of a period's, and overwrite the old one."""
        path = self._path(period)
        before = _load(path)
        after = changed(before)
        if after.to_bytes() == before.to_bytes():
            return
        old = path.with_suffix(".old")
        os.link(path, old)
        self._write(path, _checked(after))
        self._trees[period] = after
        _overwrite(old)
        sync(self._folder)

    def _tree(self, period: str) -> KeyTree:
        if period not in self._trees:
            self._trees[period] = _load(self._path(period))
        return self._trees[period]

    def _reserve(self, period: str) -> tuple[int, int]:
        """Numbers for this process: the first, and the one after the last."""
        path = self._path(period)
        file = path.with_suffix(".next")
        self._giving = self._giving or self._share_giving()
        with self._alone():
            if not path.exists():
                self._write(file, str(self._start()).encode())
                self._write(path, _checked(KeyTree.fresh(self._random(NODE_BYTES))))
                self._trees.pop(period, None)
            number = _reserved(file)
            end = number + _RESERVED
            if end > 1 << DEPTH:
                raise IntegrityError(f"the period {period} has no numbers left")
            self._write(file, str(end).encode())
        return number, end

    def _start(self) -> int:
        """First number of a new tree, somewhere in the lower half. Where a period's tree was lost and another one made,
        sealed things that the old one opened must not name numbers of the new one: forgetting them would take others'
        keys."""
        return int.from_bytes(self._random(4), "big") // 2 // _RESERVED * _RESERVED

    def _share_giving(self) -> TextIO:
        """Say, as long as this process lives, that it gives out keys.

        Raises:
            ConflictError: keys that nothing names are being erased now.
        """
        return self._take_giving(fcntl.LOCK_SH)

    @contextmanager
    def _nobody_gives(self) -> Iterator[None]:
        if self._giving:
            raise ConflictError(
                "this process gives out keys of this folder",
                advice="Do it in another process, while the service stands.",
            )
        with self._take_giving(fcntl.LOCK_EX):
            yield

    def _take_giving(self, how: int) -> TextIO:
        file = os.fdopen(os.open(self._folder / ".giving", os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise ConflictError(
                "a service gives out keys of this folder: stop it first",
                advice="Of the world here `salus down` (`salus consortium down`); of a machine of its own `systemctl "
                "stop` of the custodian, or of every oracle on this journal. Then run it again, and start them after.",
            ) from error
        return file

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, self._alone():
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process writes meanwhile, and what one left half done is finished."""
        handle = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            for left in self._folder.glob("*.old"):
                _finish(left)
            for left in self._folder.glob("*.new"):  # it may hold a key that is forgotten now
                _overwrite(left)
            yield
        finally:
            os.close(handle)

    def _write(self, path: Path, content: bytes) -> None:
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        sync(self._folder)

    def _path(self, period: str) -> Path:
        if not _PERIOD.fullmatch(period):
            raise NotFoundError(f"a period reads like 2026-11 or 2026-11-27, got {period!r}")
        return self._folder / f"{period}.keys"


def _load(path: Path) -> KeyTree:
    try:
        stored = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there are no keys of the period {path.stem}: they were erased, or their folder must be restored"
        ) from error
    body = stored[_CHECK_BYTES:]
    if stored[:_CHECK_BYTES] != _check(body):
        raise IntegrityError(f"the keys of the period {path.stem} are damaged")
    return KeyTree.from_bytes(body)


def _reserved(file: Path) -> int:
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise IntegrityError(f"{file.name} is missing or damaged; restore the folder of period keys") from error


def _finish(old: Path) -> None:
    """A file of before an erasure that was cut off: if the new one did not come to be yet, it is the present one."""
    path = old.with_suffix(".keys")
    if path.exists() and path.samefile(old):
        old.unlink()
    else:
        _overwrite(old)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _checked(tree: KeyTree) -> bytes:
    body = tree.to_bytes()
    return _check(body) + body


def _check(body: bytes) -> bytes:
    return sha256(b"salus.period.v2" + body)
