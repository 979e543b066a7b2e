"""`salus retention due | sweep | propose | check | approve`: the end of what is kept longer than its patient wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli import output
from cli.commands.participant_joining import DeploymentFile, Member, Passphrase, Rpc
from cli.exits import exit_code
from cli.participant import hall
from cli.retention_desk import ask, custodian_of, read_within
from custodian.retention import standing_of
from custodian.rules import look
from salus.core.errors import ConflictError, InputError, NotFoundError
from salus.core.ids import ParticipantId, RecordId, SubjectRef, from_hex, hex32
from salus.core.retention import MOST_TOGETHER, Standing
from salus.flows import retention as council

Source = Annotated[
    str, typer.Argument(help="Institution of the running world; `here`: SALUS_ORACLE_… settings in force.")
]
Proposal = Annotated[str, typer.Argument(help="Id of the proposal, 0x and 64 hex digits.")]
_COLUMNS = {
    "dueFrom": "due from",
    "standing": "standing",
    "agreed": "patient agreed",
    "claimed": "claimed",
    "version": "version",
    "recordId": "record",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    retention = typer.Typer(
        help="Copies that are past their years: what is due, and its destruction.", no_args_is_help=True
    )
    retention.command("due")(due)
    retention.command("sweep")(sweep)
    retention.command("propose")(propose)
    retention.command("check")(check)
    retention.command("approve")(approve)
    app.add_typer(retention, name="retention")


def due(
    source: Source, within: Annotated[str, typer.Option(help="Also what will be due: 90d, 6m, 1y.")] = "0d"
) -> None:
    """Records whose years are over, or soon will be: ids and days, no content. `over`: the grace has passed too.

    Example: salus retention due hospital-b --within 90d
    """
    listed = ask(source, "list", {"withinDays": read_within(within)})
    output.emit_table(listed["records"], _COLUMNS, "nothing is due")


def sweep(source: Source) -> None:
    """Order what is due and agreed to, and carry out every order that has cooled off; the oracle does so by itself too.

    Example: salus retention sweep hospital-b
    """
    swept = ask(source, "sweep", {})
    done = f"{swept['filed']} ordered, {swept['carriedOut']} carried out, {swept['open']} open"
    refused = [f"refused by the contract for now, tried again: {error}" for error in swept["refused"]]
    output.emit(swept, [f"{done}, {swept['dropped']} agreements dropped", *refused])


def propose(
    source: Source,
    again: Annotated[
        int, typer.Option(min=0, help="Another proposal of the same orders, after one was cancelled.")
    ] = 0,
    member: Member = None,
    passphrase_file: Passphrase = None,
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
) -> None:
    """Propose to the Council the destruction of what is due beyond the grace and whose patient was silent: 50 at most.

    Example: salus retention propose here --member council.json --passphrase-file FILE --rpc URL --deployment FILE
    """
    told = ask(source, "list", {})
    silent = [one for one in told["records"] if one["standing"] == Standing.OVER.value and not one["agreed"]][
        :MOST_TOGETHER
    ]
    if not silent:
        raise NotFoundError("nothing is due beyond its grace: nothing to propose")
    with hall.opened(hall.Place(rpc, deployment)) as place:
        endings = [_ending(told["sourceId"], one) for one in silent]
        writer = place.chamber(hall.Voters(member or (), passphrase_file)).members[0]
        made = council.propose(endings, again, writer, place.chain.board)
    output.emit(
        {"proposal": hex32(made), "orders": len(endings)},
        [
            f"proposal {hex32(made)} with {len(endings)} orders; other members look and vote:",
            f"   salus retention check {hex32(made)}",
            f"   salus retention approve {hex32(made)}",
        ],
    )


def check(
    proposal: Proposal,
    custodian: Annotated[
        str, typer.Option(help="Custodian of the running world; `here`: SALUS_CUSTODIAN_… settings in force.")
    ] = "here",
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
) -> None:
    """Look each order of a proposal up in a custodian's own deposits and node; exit code 7 unless all are over.

    `unknown`: this custodian holds no anchored version, so it can't say. Example: salus retention check 0x… --custodian
    here
    """
    with hall.opened(hall.Place(rpc, deployment)) as place:
        proposed = council.read_proposal(_id(proposal), place.chain.reader, place.chain.board)
    with custodian_of(custodian) as parts:
        view = look(parts.custodian)
        rows: list[dict[str, Any]] = []
        for one in proposed.endings:
            found = standing_of(parts.custodian, one.source, one.record_id, one.subject, view)
            rows.append(
                {
                    "recordId": hex32(one.record_id),
                    "sourceId": hex32(one.source),
                    "standing": "unknown" if found is None else found.value,
                }
            )
    output.emit_table(rows, {"standing": "standing", "recordId": "record", "sourceId": "source"})
    if any(row["standing"] != Standing.OVER.value for row in rows):
        raise typer.Exit(exit_code(ConflictError()))  # the table says which


def approve(
    proposal: Proposal,
    member: Member = None,
    passphrase_file: Passphrase = None,
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
) -> None:
    """Vote for a proposal of destruction orders; the last vote carries it out. Run `check` before.

    Example: salus retention approve 0x… --member council.json --passphrase-file FILE --rpc URL --deployment FILE
    """
    with hall.opened(hall.Place(rpc, deployment)) as place:
        proposed = council.read_proposal(_id(proposal), place.chain.reader, place.chain.board)
        done = council.approve(proposed, place.chamber(hall.Voters(member or (), passphrase_file)))
    output.emit(
        {"proposal": proposal, "orders": len(proposed.endings), "executed": done},
        [f"{len(proposed.endings)} destructions are ordered" if done else "voted"],
    )


def _ending(source: str, record: Mapping[str, Any]) -> council.Ending:
    return council.Ending(
        ParticipantId(from_hex(source)),
        RecordId(from_hex(record["recordId"])),
        SubjectRef(from_hex(record["subjectRef"])),
        int(record["custodianSet"]),
    )


def _id(proposal: str) -> bytes:
    try:
        return from_hex(proposal)
    except InputError as error:
        raise InputError("a proposal is 0x and 64 hex digits") from error
