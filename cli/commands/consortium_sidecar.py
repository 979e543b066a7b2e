"""`salus consortium sidecar`: beside a member's node, makes it follow the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import sidecar.runtime
import sidecar.settings
from cli import output

_File = Annotated[
    Path | None, typer.Option("--settings", help="File of SALUS_SIDECAR_… lines; else the environment is read.")
]
_Once = Annotated[bool, typer.Option("--once", help="Look once, tell the node what differs, and end.")]


def add_to(consortium: typer.Typer) -> None:
    """Add the command to its noun."""
    consortium.command("sidecar")(follow)


def follow(file: _File = None, *, once: _Once = False) -> None:
    """Make a member's own node follow the registry: let members in, let others go, vote validators in and out.

    It runs in the foreground (a systemd unit), on the node's machine; /ready says whether the node follows.
    `make-node` writes the file. Example: salus consortium sidecar --settings /var/lib/salus/node/sidecar.env
    """
    told = sidecar.settings.read() if file is None else sidecar.settings.read_file(file)
    if not once:
        sidecar.runtime.serve(told)
        return
    rows = [{"verb": str(action.verb), "target": action.target.hex()} for action in sidecar.runtime.once(told)]
    output.emit_table(rows, {"verb": "told", "target": "node or validator"}, "the node follows the registry")
