"""Sockets on which nodes and links take orders: how to ask there, and where a folder's socket is."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from salus.adapters.chain.ipc import ask
from salus.core.errors import SetupError

__all__ = ["ask", "socket_path"]
_LONGEST_PATH = 100
"""Bytes of a Unix socket's path that every system takes (sun_path, unix(7): 108 on Linux, 104 elsewhere)."""


def socket_path(folder: Path, name: str) -> Path:
    """Where a socket of a folder is: in it, or in a private folder for it in /tmp where that path is too long.

    Raises:
        SetupError: somebody else made that folder, and could put a socket of theirs into it.
    """
    path = folder.resolve() / name
    if len(str(path).encode()) <= _LONGEST_PATH:
        return path
    short = Path(tempfile.gettempdir()) / f"salus-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}"
    with suppress(FileExistsError):
        short.mkdir(mode=0o700)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise SetupError(f"the temporary folder {short} is not this account's own: look whose it is, and remove it")
    return short / name
