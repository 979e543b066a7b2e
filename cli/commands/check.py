"""`salus verify` and `explain`: check a receipt offline, explain what a number, a name or bytes mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.commands.explain import explain
from salus.core.receipt import verify_receipt


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("verify", help="Check a receipt without any network.")(verify)
    app.command("explain", help="Explain a code, a name, or 0x bytes of a chain: revert, call, topic.")(explain)


def verify(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Check a receipt; anything wrong is an error that names the field."""
    found = verify_receipt(file.read_bytes())
    value = {
        "kind": found.kind,
        "operator": found.operator,
        "finalityProven": found.finality_proven,
        "statements": list(found.statements),
    }
    output.emit(value, [f"The {found.kind} receipt holds.", *found.statements])
