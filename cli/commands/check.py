"""`salus verify` and `explain`: check a receipt offline, explain what a number, a name, bytes or JSON mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.commands.explain import explain
from salus.core.consensus import engine_of
from salus.core.consensus.start import trusted_start
from salus.core.errors import InputError
from salus.core.receipt import verify_receipt


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("verify", help="Check a receipt without any network.")(verify)
    app.command("explain", help="Explain a code, a name, 0x bytes or JSON of a chain: revert, call, log, receipt.")(
        explain
    )


def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    trust: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Whose seals to believe: genesis file, block 0, or snapshot."),
    ] = None,
) -> None:
    """Check a receipt; anything wrong is an error that names the field."""
    raw = file.read_bytes()
    found = verify_receipt(raw, validators=None if trust is None else _validators(raw, trust))
    value = {
        "kind": found.kind,
        "operator": found.operator,
        "factsProven": found.facts_proven,
        "finalityProven": found.finality_proven,
        "logWhole": found.log_whole,
        "statements": list(found.statements),
    }
    output.emit(value, [f"The {found.kind} receipt holds.", *found.statements])


def _validators(receipt: bytes, trust: Path) -> tuple[bytes, ...]:
    """Validators of what is trusted, read as of the engine the receipt names: its seals decide, not its word."""
    try:
        engine = engine_of(json.loads(receipt)["proofs"]["engine"])
        return trusted_start(engine, json.loads(trust.read_bytes())).validators
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("--trust is of use only for a receipt with proofs, and names a JSON file") from error
