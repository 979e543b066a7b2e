"""What backups of both kinds of database have in common: a note beside each copy, and names for what is set aside.

A note is a JSON file that says what the copy is. It has its name last, whole and on disk: a copy without a note was cut
off, and no backup.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Any, TypeVar

from salus.adapters.durable import sync
from salus.core.errors import IntegrityError

T = TypeVar("T")
DRAFT = ".new"
"""Ending of what is not whole yet."""
RESTORING = "another restore of a database in that folder is under way"


def write_note(file: Path, made: Any) -> None:
    """Write a note, a dataclass, durably: whole or not at all."""
    draft = file.with_name(file.name + DRAFT)
    try:
        draft.write_text(json.dumps(asdict(made), indent=1) + "\n")
        sync(draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    sync(file.parent)


def read_notes(folder: Path, names: str, read: Callable[[Mapping[str, Any]], T]) -> list[T]:
    """What the notes with names of a pattern say, as `read` understands it (by ValueError, TypeError or KeyError: not).

    Raises:
        IntegrityError: one can't be understood. It could be the newest, so it is not passed over in silence.
    """
    found = []
    for file in sorted(folder.glob(names)):
        try:
            found.append(read(json.loads(file.read_text())))
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError(
                f"{file} does not say what the backup is: name another backup with --file, or remove this one"
            ) from error
    return found


def checked(told: Mapping[str, Any], **kinds: type) -> Mapping[str, Any]:
    """A note's members, which have these types. `begun` must be a time with a zone.

    Raises:
        TypeError, ValueError, KeyError: they have not.
    """
    for name, kind in kinds.items():
        if not isinstance(told[name], kind):
            raise TypeError(name)
    if datetime.fromisoformat(told["begun"]).tzinfo is None:
        raise ValueError("begun")
    return told


def cut_off(folder: Path, names: str) -> list[Path]:
    """Copies without a note, and drafts, of backups that were cut off or are still being made."""
    copies = [file for file in folder.glob(names) if file.suffix != ".json"]
    return sorted(file for file in copies if not note_of(file).exists())


def note_of(copy: Path) -> Path:
    """The note beside a copy."""
    return copy.with_name(copy.name.removesuffix(".db") + ".json")


def free_name(path: Path) -> Path:
    """The first `….before-N` beside a path that nothing has, with any ending."""
    number = 1
    while any(path.parent.glob(f"{escape(path.name)}.before-{number}*")):
        number += 1
    return path.with_name(f"{path.name}.before-{number}")


def digest(file: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
