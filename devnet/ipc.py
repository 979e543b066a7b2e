"""Sockets on which nodes and links take orders: how to ask there, and where a folder's socket is."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from salus.adapters.chain.ipc import ask

__all__ = ["ask", "socket_path"]
_LONGEST_PATH = 100
"""Bytes of a Unix socket's path that every system takes (sun_path, unix(7): 108 on Linux, 104 elsewhere)."""


def socket_path(folder: Path, name: str) -> Path:
    """Where a socket of a folder is: in it, or in a private folder for it in /tmp where that path is too long."""
    path = folder.resolve() / name
    if len(str(path).encode()) <= _LONGEST_PATH:
        return path
    short = Path(tempfile.gettempdir()) / f"salus-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}"
    short.mkdir(mode=0o700, exist_ok=True)
    return short / name
