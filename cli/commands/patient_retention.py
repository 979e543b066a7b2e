"""`salus patient retention show | set | due | agree`: how long copies are kept, and the word that they end."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import output
from cli.patient import retention
from cli.patient.opened import PassphraseFile, Source, Wallet, opened_session
from cli.retention_desk import read_within
from salus.adapters.api_client import ApiClient
from salus.core.errors import InputError, NotFoundError

_COLUMNS = {
    "dueFrom": "due from",
    "standing": "standing",
    "agreed": "agreed",
    "version": "version",
    "recordId": "record",
}


def register(patient: typer.Typer) -> None:
    """Add the commands to their noun."""
    kept = typer.Typer(help="How long copies of your records are kept, and their end.", no_args_is_help=True)
    kept.command("show")(show)
    kept.command("set")(choose)
    kept.command("due")(due)
    kept.command("agree")(agree)
    patient.add_typer(kept, name="retention")


def show(source: Source, wallet: Wallet = None, passphrase_file: PassphraseFile = None) -> None:
    """How many years copies of an institution's records about you are kept.

    Example: salus patient retention show hospital-b
    """
    world, session = opened_session(wallet, passphrase_file)
    found = retention.kept(session, world.ids[source])
    held = "; a legal hold keeps them beyond that" if found.held else ""
    output.emit(
        {"subjectRef": found.subject, "years": found.years, "held": found.held},
        [f"copies are kept {found.years} years from their newest version{held}"],
    )


def choose(
    source: Source,
    years: Annotated[int, typer.Argument(min=1, max=5, help="1 to 5.")],
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Choose how many years copies are kept, also those that are there already. The institution's own record stays.

    Example: salus patient retention set hospital-b 2
    """
    world, session = opened_session(wallet, passphrase_file)
    retention.keep(session, world.ids[source], years)
    output.emit({"years": years}, [f"copies are kept {years} years from now on"])


def due(
    source: Source,
    within: Annotated[str, typer.Option(help="Also what will be due: 90d, 6m, 1y.")] = "0d",
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Which of your records are past their years. `retention set` keeps them longer, `retention agree` ends them.

    Example: salus patient retention due hospital-b --within 90d
    """
    world, session = opened_session(wallet, passphrase_file)
    oracle = ApiClient(world.oracle_url(source))
    rows = retention.due(session, oracle, world.ids[source], read_within(within))
    output.emit_table(rows, _COLUMNS, "nothing of yours is due there")


def agree(
    source: Source,
    record: Annotated[list[str] | None, typer.Argument(help="Records, as `retention due` names them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are due.")] = False,
    wallet: Wallet = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Sign that copies of due records are destroyed; for good, once the cooling-off has ended. Good for a month.

    Example: salus patient retention agree hospital-b --all
    """
    if bool(record) == everything:
        raise InputError("name records, or give --all")
    world, session = opened_session(wallet, passphrase_file)
    oracle = ApiClient(world.oracle_url(source))
    rows = {str(row["recordId"]): row for row in retention.due(session, oracle, world.ids[source])}
    unknown = [name for name in record or () if name not in rows]
    if unknown:
        raise InputError(f"{unknown[0]} is not due: see `salus patient retention due {source}`")
    if not rows:
        raise NotFoundError(f"nothing of yours is due there: see `salus patient retention due {source} --within 1y`")
    chosen = list(rows.values()) if everything else [rows[name] for name in record or ()]
    for row in chosen:
        retention.agree(session, oracle, world.ids[source], row)
    value = {"agreed": [row["recordId"] for row in chosen]}
    output.emit(
        value, [f"signed for {len(chosen)}: ordered at the institution's next sweep, gone after the cooling-off"]
    )
