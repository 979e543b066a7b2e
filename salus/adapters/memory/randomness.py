"""Random bytes that are the same in every run. Never for keys that protect anything."""

from __future__ import annotations

import hashlib
from threading import Lock


class SeededRandomness:
    """The `Randomness` port: SHA-256 of a seed and a counter."""

    def __init__(self, seed: str = "salus") -> None:
        self._seed = seed.encode()
        self._count = 0
        self._lock = Lock()

    def __call__(self, size: int, /) -> bytes:
        """That many bytes."""
        out = b""
        while len(out) < size:
            with self._lock:
                self._count += 1
                count = self._count
            out += hashlib.sha256(self._seed + count.to_bytes(8, "big")).digest()
        return out[:size]
