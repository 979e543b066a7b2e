"""geth 1.13, the last one that seals by Clique: found, or built once from the Go module in `geth/`.

What is built lies under `.tools/geth/`, in a folder named after what it was built from. Only go.mod and go.sum are part
of this project; geth runs as a separate program (GPL-3.0) and is not shipped. `python -m devnet.geth_binary` builds it.
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
from pathlib import Path

from salus.core.errors import SalusError, SetupError

_ROOT = Path(__file__).resolve().parent.parent
_MODULE = Path(__file__).with_name("geth")
_BUILT = _ROOT / ".tools" / "geth"
_PACKAGE = "github.com/ethereum/go-ethereum/cmd/geth"
# Go 1.23 and newer refuse what a library of this geth links into the runtime, unless told not to look.
_FLAGS = ("-buildvcs=false", "-ldflags=-checklinkname=0 -s -w")
_OLDEST_GO = (1, 23)
_TAIL_LINES = 15
GO_MISSING = (
    "geth is built from its Go module, and Go 1.23 or newer is not here: install it (the package `golang` of a recent "
    "system, or the archive of the Go project), or set SALUS_GETH to a geth 1.13 binary"
)


def geth_binary(progress: Callable[[str], None] | None = None) -> Path:
    """geth itself: `SALUS_GETH`, else the one built here, built now if it is not yet (about four minutes of two cores).

    `progress` hears one line before a build.

    Raises:
        SetupError: SALUS_GETH names no file, Go is missing or too old, or the build fails.
    """
    if named := os.environ.get("SALUS_GETH"):
        if not os.access(named, os.X_OK) or not Path(named).is_file():
            raise SetupError(f"SALUS_GETH names {named}, which is no program: correct or unset it")
        return Path(named)
    go, version = _go()
    target = _BUILT / _fingerprint(version) / "geth"
    if not target.exists():
        _BUILT.mkdir(parents=True, exist_ok=True)
        with (_BUILT / "lock").open("w") as lock:  # two that need it at once take turns
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                if progress is not None:
                    progress("geth 1.13.15 is built from its Go module: about four minutes, once")
                _build(go, target)
    return target


def _go() -> tuple[str, str]:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")  # where the Go project's archive puts it
    if go is None:
        raise SetupError(GO_MISSING)
    version = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, cwd=_ROOT
    ).stdout.strip()
    numbers = version.removeprefix("go").split(".")
    if len(numbers) < len(_OLDEST_GO) or tuple(int(part) for part in numbers[:2] if part.isdigit()) < _OLDEST_GO:
        raise SetupError(f"{GO_MISSING} (found: {version or 'a go that does not tell its version'})")
    return go, version


def _fingerprint(go_version: str) -> str:
    content = b"".join((_MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    return hashlib.sha256(content + go_version.encode()).hexdigest()[:16]


def _build(go: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(".new")
    command = ["nice", go, "build", *_FLAGS, "-o", str(scratch), _PACKAGE]
    done = subprocess.run(
        command, cwd=_MODULE, capture_output=True, text=True, check=False, env={**os.environ, "GOWORK": "off"}
    )
    if done.returncode != 0:
        why = "\n".join(done.stderr.splitlines()[-_TAIL_LINES:])
        raise SetupError(f"geth does not build (is the Go module proxy reachable?):\n{why}")
    scratch.replace(target)


def main() -> int:
    """Build it and say where it is."""
    began = time.monotonic()
    try:
        path = geth_binary(lambda text: print(text, flush=True))
    except SalusError as error:
        print(f"geth: {error}", file=sys.stderr)
        return 1
    print(f"{path} ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
