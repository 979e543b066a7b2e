"""The trusted header of a light client: one small file, whole at any moment.

{"engine": "clique" | "qbft" | "qbft-besu", "epoch": 30000, "snapshot": {…}, "halted": "why" | null}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from salus.core.consensus.snapshot import Snapshot
from salus.core.errors import ConflictError, IntegrityError


class SnapshotFile:
    """Newest final snapshot of one chain; `engine` and `epoch` are those it was followed by."""

    def __init__(self, path: Path, engine: str, epoch: int) -> None:
        self._path = path
        self._engine = engine
        self._epoch = epoch
        self._snapshot: Snapshot | None = None
        self._halted: str | None = None
        self._load()

    @property
    def snapshot(self) -> Snapshot | None:
        """What was kept last; None while there is no file."""
        return self._snapshot

    @property
    def halted(self) -> str | None:
        """Why the chain is followed no further."""
        return self._halted

    def keep(self, snapshot: Snapshot) -> None:
        """Keep a newer snapshot, durably; the file before stays until this one is complete on disk."""
        self._snapshot = snapshot
        self._write()

    def halt(self, reason: str) -> None:
        """Keep why the chain is followed no further."""
        self._halted = reason
        self._write()

    def _load(self) -> None:
        if not self._path.exists():
            return
        try:
            kept = json.loads(self._path.read_bytes())
        except ValueError as error:
            raise IntegrityError(f"{self._path} is no JSON: remove it and begin again from genesis") from error
        if not isinstance(kept, Mapping) or (kept.get("engine"), kept.get("epoch")) != (self._engine, self._epoch):
            raise ConflictError(
                f"{self._path} is not of engine {self._engine} with epochs of {self._epoch} blocks",
                advice="Correct the setting of engine or epoch if it changed by mistake; for another chain name "
                "another file, and begin from its genesis.",
            )
        self._snapshot = Snapshot.from_json(kept["snapshot"]) if kept.get("snapshot") is not None else None
        self._halted = kept.get("halted")

    def _write(self) -> None:
        value = {
            "engine": self._engine,
            "epoch": self._epoch,
            "snapshot": None if self._snapshot is None else self._snapshot.to_json(),
            "halted": self._halted,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        with scratch.open("w") as file:
            json.dump(value, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._path)
