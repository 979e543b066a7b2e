"""PostgreSQL's own programs, which make and check base backups."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from salus.core.errors import IntegrityError, SetupError


def program(programs: Path, name: str) -> Path:
    if not (programs / name).is_file():
        raise SetupError(
            f"there is no {name} in {programs}: install PostgreSQL's server package, of the server's version"
        )
    return programs / name


def run(command: Sequence[Path | str], secret: str = "") -> str:
    """What a tool complains of; nothing if it went well."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env={"LC_ALL": "C", **({"PGPASSWORD": secret} if secret else {})},
    )
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def require_whole(verify: Path, copy: Path) -> None:
    if said := run((verify, "--exit-on-error", "--quiet", copy)):
        raise IntegrityError(f"{copy.name.removesuffix('.new')} is not what its manifest says: {said}")
