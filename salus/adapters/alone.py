"""One process at a time: a lock on a folder or file, which the system gives up however its process ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from salus.core.errors import ConflictError

_POLL_SECONDS = 0.02
_ADVICE = "Wait for it, or end it; then run this again."


@contextmanager
def alone(path: Path, busy: str, patience: float = 0) -> Iterator[None]:
    """Hold the lock of a folder or file that is there (flock(2); nothing is written), waiting for it some seconds.

    Raises:
        ConflictError: somebody else holds it, in this process too; `busy` says what that means.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise ConflictError(busy, advice=_ADVICE) from error
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)
