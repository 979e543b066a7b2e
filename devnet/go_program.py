"""A program that is found, or built once from a Go module of this project and kept.

Only a module's go.mod and go.sum are part of this project; what is built lies under `.tools/<program>/`, in a folder
named after what it was built from, and two processes that need it at once take turns.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from salus.core.errors import SalusError, SetupError

_ROOT = Path(__file__).resolve().parent.parent
_TOOLS = _ROOT / ".tools"
_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class GoProgram:
    """What is built: the program's name, the environment variable that names another one, the folder of its module, the
    package, flags of the build, the oldest Go that can, what is told before a build, and what is told without Go."""

    name: str
    setting: str
    module: Path
    package: str
    flags: tuple[str, ...]
    oldest_go: tuple[int, int]
    announcement: str
    go_missing: str

    def find(self, progress: Callable[[str], None] | None = None) -> Path:
        """The program: what the setting names, else the one built here, built now if it is not yet.

        `progress` hears one line before a build.

        Raises:
            SetupError: the setting names no file, Go is missing or too old, or the build fails.
        """
        if named := os.environ.get(self.setting):
            if not os.access(named, os.X_OK) or not Path(named).is_file():
                raise SetupError(f"{self.setting} names {named}, which is no program: correct or unset it")
            return Path(named)
        go, version = self._go()
        target = self._folder / self._fingerprint(version) / self.name
        if not target.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not target.exists():
                    if progress is not None:
                        progress(self.announcement)
                    self._build(go, target)
        return target

    @property
    def _folder(self) -> Path:
        return _TOOLS / self.name

    def _go(self) -> tuple[str, str]:
        go = shutil.which("go") or shutil.which(
            "go", path="/usr/local/go/bin"
        )  # where the Go project's archive puts it
        if go is None:
            raise SetupError(self.go_missing)
        version = subprocess.run(
            [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd=_ROOT
        ).stdout.strip()
        numbers = version.removeprefix("go").split(".")
        if len(numbers) < 2 or tuple(int(part) for part in numbers[:2] if part.isdigit()) < self.oldest_go:
            raise SetupError(f"{self.go_missing} (found: {version or 'a go that does not tell its version'})")
        return go, version

    def _fingerprint(self, go_version: str) -> str:
        content = b"".join((self.module / name).read_bytes() for name in ("go.mod", "go.sum"))
        return hashlib.sha256(content + go_version.encode()).hexdigest()[:16]

    def _build(self, go: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_suffix(".new")
        command = ["nice", go, "build", *self.flags, "-o", str(scratch), self.package]
        done = subprocess.run(
            command, cwd=self.module, capture_output=True, text=True, check=False, env={**os.environ, "GOWORK": "off"}
        )
        if done.returncode != 0:
            why = "\n".join(done.stderr.splitlines()[-_TAIL_LINES:])
            raise SetupError(f"{self.name} does not build (is the Go module proxy reachable?):\n{why}")
        scratch.replace(target)


def build_and_tell(program: GoProgram) -> int:
    """Build it if need be and say where it is; the exit code."""
    began = time.monotonic()
    try:
        path = program.find(lambda text: print(text, flush=True))
    except SalusError as error:
        print(f"{program.name}: {error}", file=sys.stderr)
        return 1
    print(f"{path} ({time.monotonic() - began:.0f} s)")
    return 0
