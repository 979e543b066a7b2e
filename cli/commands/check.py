"""`salus verify` and `explain`: check a receipt offline, explain what a number, a name, bytes or JSON mean."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.commands.explain import explain
from salus.core.canonical import parse
from salus.core.consensus import engine_of
from salus.core.consensus.start import trusted_start
from salus.core.days import SHANGHAI_OFFSET
from salus.core.errors import InputError, ReceiptError
from salus.core.ids import hex32, read_address
from salus.core.receipt import MAX_BYTES, verify_receipt

_SHANGHAI = timezone(timedelta(seconds=SHANGHAI_OFFSET))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "verify",
        help="Check a receipt without any network; exit code 6 if it does not hold. "
        "Example: salus verify receipt.json --trust genesis.json --council 0x…",
    )(verify)
    app.command("explain", help="Explain a code, a name, 0x bytes or JSON of a chain: revert, call, log, receipt.")(
        explain
    )


def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    trust: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Whose seals to believe: genesis file, block 0, or snapshot."),
    ] = None,
    council: Annotated[
        str | None, typer.Option(help="The Council's address: of which deployment the receipt must be.")
    ] = None,
) -> None:
    """Check a receipt; anything wrong is an error that names the field."""
    with file.open("rb") as opened:
        raw = opened.read(MAX_BYTES + 1)
    validators = None if trust is None else _validators(raw, _read(trust))
    found = verify_receipt(raw, validators=validators, council=None if council is None else read_address(council))
    if trust is not None:
        _check_chain(_read(trust), found.frame.chain_id)
    deployment = found.frame.deployment
    value = {
        "kind": found.kind,
        "chainId": deployment.chain_id,
        "council": deployment.council,
        "block": found.frame.block.number,
        "blockTime": found.frame.block.timestamp,
        "issuer": hex32(found.frame.issuer),
        "operator": found.operator,
        "deploymentKnown": found.deployment_known,
        "factsProven": found.facts_proven,
        "finalityProven": found.finality_proven,
        "logWhole": found.log_whole,
        "statements": list(found.statements),
    }
    at = datetime.fromtimestamp(found.frame.block.timestamp, _SHANGHAI).isoformat(" ")
    said = [
        f"The {found.kind} receipt holds, of chain {deployment.chain_id} and the Council {deployment.council}.",
        f"It says how things stood at block {found.frame.block.number}, {at}; what came after is not in it.",
    ]
    output.emit(value, [*said, *found.statements])


def _read(trust: Path) -> Any:
    try:
        return json.loads(trust.read_bytes())
    except ValueError as error:
        raise InputError(f"--trust names a JSON file, and {trust} is none") from error


def _validators(receipt: bytes, trusted: Any) -> tuple[bytes, ...]:
    """Validators of what is trusted, read as of the engine the receipt names: its seals decide, not its word."""
    if len(receipt) > MAX_BYTES:
        raise ReceiptError("receipt", f"has more than {MAX_BYTES} bytes")
    try:
        engine = engine_of(parse(receipt)["proofs"]["engine"])
    except (KeyError, TypeError) as error:
        raise InputError("--trust is of use only for a receipt with proofs") from error
    if isinstance(trusted, dict) and isinstance(trusted.get("snapshot"), dict):  # as `salus follow` keeps it
        if str(trusted.get("engine")).removesuffix("-besu") != engine.name:
            raise ReceiptError("proofs.engine", "is not the engine by which the snapshot's chain was followed")
        trusted = trusted["snapshot"]
    return trusted_start(engine, trusted).validators


def _check_chain(trusted: Any, chain_id: int) -> None:
    """Compare with the chain id of a genesis file; a block or a snapshot has none, and headers say none."""
    config = trusted.get("config") if isinstance(trusted, dict) else None
    wanted = config.get("chainId") if isinstance(config, dict) else None
    if wanted is not None and wanted != chain_id:
        raise ReceiptError("deployment.chainId", "is another chain than that of the genesis file")
