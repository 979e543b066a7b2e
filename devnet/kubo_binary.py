"""Kubo 0.43, the node of a content swarm: found, or built once from the Go module in `kubo/`.

Kubo (MIT and Apache-2.0) runs as a separate program and is not shipped. `python -m devnet.kubo_binary` builds it. Why
0.43.0, and what follows its makers' end of work: docs/decisions/0022.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from devnet.go_program import GoProgram, build_and_tell

GO_MISSING = (
    "Kubo is built from its Go module, and Go 1.26.5 or newer is not here: install it (the archive of the Go project; "
    "Go 1.21 and newer fetch it themselves), or set SALUS_KUBO to a Kubo 0.43 binary"
)
KUBO = GoProgram(
    name="ipfs",
    setting="SALUS_KUBO",
    module=Path(__file__).with_name("kubo"),
    package="github.com/ipfs/kubo/cmd/ipfs",
    flags=("-buildvcs=false", "-mod=readonly", "-trimpath", "-ldflags=-s -w"),
    oldest_go=(1, 21),  # older ones don't fetch the Go that go.mod asks for
    announcement="Kubo 0.43.0 is built from its Go module: about five minutes, once",
    go_missing=GO_MISSING,
)


def kubo_binary(progress: Callable[[str], None] | None = None) -> Path:
    """Kubo itself: `SALUS_KUBO`, else the one built here, built now if it is not yet (about five minutes of two cores).

    `progress` hears one line before a build.

    Raises:
        SetupError: SALUS_KUBO names no file, Go is missing or too old, or the build fails.
    """
    return KUBO.find(progress)


if __name__ == "__main__":
    sys.exit(build_and_tell(KUBO))
