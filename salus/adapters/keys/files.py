"""Secret files: written once, whole or not at all, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from salus.adapters.durable import sync
from salus.core.errors import ConflictError, SetupError


def write_new(path: Path, content: bytes) -> None:
    """Write a new file, mode 0600, durable before it has its name.

    Raises:
        ConflictError: a file of that name exists; secrets are never overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(scratch, path)
        except FileExistsError as error:
            raise ConflictError(
                f"{path.name} exists already and is not overwritten: choose another name",
                advice="It holds a secret. Use it as it is, or move it away yourself if nothing needs it.",
            ) from error
    finally:
        scratch.unlink()
    sync(path.parent)


def read(path: Path) -> bytes:
    """Bytes of a secret file.

    Raises:
        SetupError: it is not there or not readable.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path.name} cannot be read ({error.strerror}): check the setting that names it") from error


def read_passphrase(path: Path) -> str:
    """Passphrase in a file: its first line.

    Raises:
        SetupError: no such file, or an empty first line.
    """
    try:
        lines = read(path).decode().splitlines()
    except UnicodeDecodeError as error:
        raise SetupError(f"{path.name} is not UTF-8 text: a passphrase file holds one line of text") from error
    if not lines or not lines[0]:
        raise SetupError(f"{path.name} is empty: write the passphrase into its first line")
    return lines[0]
