"""Period keys of a custodian as files, one per calendar month: `2026-11.key`, 32 raw bytes, readable by the owner only.

The folder is left out of backups: a restored database is then useless for every share whose period key was erased, and
an operator moves this folder separately. Erasing overwrites a file before it is removed; on a file system that copies
on write, or on flash memory, the overwriting may not reach the old bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from salus.core.errors import IntegrityError, NotFoundError, SetupError

KEY_BYTES = 32
_PERIOD = re.compile(r"\d{4}-\d{2}")


class FolderPeriodKeys:
    """Period keys in a folder; `random` makes new ones. Safe to use from several threads of one process."""

    def __init__(self, folder: Path, random: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._random = random
        self._lock = Lock()
        self._known: dict[str, bytes] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_mode & 0o077:
            raise SetupError("the folder of period keys is open to others; run chmod 700 on it")

    def present(self, period: str) -> bytes:
        """The key of a period, made durably if there is none yet."""
        with self._lock:
            path = self._path(period)
            if period not in self._known and not path.exists():
                self._create(path)
            return self._load(period)

    def past(self, period: str) -> bytes:
        """The key of a period.

        Raises:
            NotFoundError: it was erased or is missing.
        """
        with self._lock:
            return self._load(period)

    def periods(self) -> list[str]:
        """Periods that have a key."""
        return sorted(path.stem for path in self._folder.glob("*.key") if _PERIOD.fullmatch(path.stem))

    def erase(self, period: str) -> None:
        """Overwrite and remove a key."""
        with self._lock:
            self._known.pop(period, None)
            path = self._path(period)
            if not path.exists():
                return
            with path.open("r+b") as file:
                file.write(bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            self._sync_folder()

    def _load(self, period: str) -> bytes:
        if period not in self._known:
            path = self._path(period)
            if not path.exists():
                raise NotFoundError(f"there is no key of the period {period}; restore the folder of period keys")
            key = path.read_bytes()
            if len(key) != KEY_BYTES:
                raise IntegrityError(f"the key of the period {period} is damaged")
            self._known[period] = key
        return self._known[period]

    def _create(self, path: Path) -> None:
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(self._random(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        self._sync_folder()

    def _path(self, period: str) -> Path:
        if not _PERIOD.fullmatch(period):
            raise NotFoundError(f"a period reads like 2026-11, got {period!r}")
        return self._folder / f"{period}.key"

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
