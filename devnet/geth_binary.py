"""geth 1.13, the last one that seals by Clique: found, or built once from the Go module in `geth/`.

geth runs as a separate program (GPL-3.0) and is not shipped. `python -m devnet.geth_binary` builds it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from devnet.go_program import GoProgram, build_and_tell

GO_MISSING = (
    "geth is built from its Go module, and Go 1.23 or newer is not here: install it (the package `golang` of a recent "
    "system, or the archive of the Go project), or set SALUS_GETH to a geth 1.13 binary"
)
GETH = GoProgram(
    name="geth",
    setting="SALUS_GETH",
    module=Path(__file__).with_name("geth"),
    package="github.com/ethereum/go-ethereum/cmd/geth",
    # Go 1.23 and newer refuse what a library of this geth links into the runtime, unless told not to look.
    flags=("-buildvcs=false", "-ldflags=-checklinkname=0 -s -w"),
    oldest_go=(1, 23),
    announcement="geth 1.13.15 is built from its Go module: about four minutes, once",
    go_missing=GO_MISSING,
)


def geth_binary(progress: Callable[[str], None] | None = None) -> Path:
    """geth itself: `SALUS_GETH`, else the one built here, built now if it is not yet (about four minutes of two cores).

    `progress` hears one line before a build.

    Raises:
        SetupError: SALUS_GETH names no file, Go is missing or too old, or the build fails.
    """
    return GETH.find(progress)


if __name__ == "__main__":
    sys.exit(build_and_tell(GETH))
