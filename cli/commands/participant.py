"""`salus participant …`: institutions and their operators, by votes or by their principal.

In the world of `salus up` the whole Council votes at once. On a consortium each party signs its own part: members of
the Council vote from their own machines (`--member`), and a principal adds and removes operators with its own key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cli import output
from cli.commands.participant_joining import DeploymentFile, Member, Passphrase, Rpc, Who, add_to
from cli.participant.hall import Place, Voters, opened
from cli.world.cast import Name
from cli.world.layout import World
from cli.world.running import running_world
from salus.adapters.api_client import ApiClient
from salus.adapters.chain.connect import Chain
from salus.adapters.keys import keystore
from salus.core.errors import ConflictError, InputError, SetupError
from salus.core.hashing import keccak
from salus.core.ids import read_address
from salus.core.policy import ParticipantStatus
from salus.core.ports import ContractCall
from salus.flows.admit import add_operator
from salus.flows.council import decide

_REGISTRY = "ParticipantRegistry"
_ACCEPTANCE_SECONDS = 3600
_ONLY_WHEN = {"suspend": ParticipantStatus.ACTIVE, "reinstate": ParticipantStatus.SUSPENDED}
Institution = Annotated[Name, typer.Argument(help="Which institution.")]
Decision = Annotated[str | None, typer.Option(help="Name of the decision; the same for all members that vote apart.")]
Account = Annotated[str, typer.Argument(help="0x address of an operator account.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    participant = typer.Typer(help="Institutions, their standing and their operators.", no_args_is_help=True)
    participant.command("list")(listing)
    add_to(participant)
    participant.command("suspend")(suspend)
    participant.command("reinstate")(reinstate)
    participant.command("add-operator")(add)
    participant.command("remove-operator")(remove)
    app.add_typer(participant, name="participant")


def listing() -> None:
    """Institutions with roles, standing and operators, as the chain has them."""
    world = running_world()
    items = ApiClient(world.api_url(Name.REGULATOR)).get("/v1/participants")["items"]
    headings = {"title": "institution", "status": "standing", "roles": "roles", "operators": "operators"}
    output.emit_table(items, headings)


def suspend(
    participant: Who,
    member: Member = None,
    passphrase_file: Passphrase = None,
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
    decision: Decision = None,
) -> None:
    """The Council votes an institution out for a time: no request, no release, no anchor of it is taken.

    Its validator is voted out by every member's sidecar, then its node is let go. Example: salus participant suspend
    hospital-a
    """
    _vote(participant, "suspend", Voters(member or (), passphrase_file), Place(rpc, deployment), decision)
    lines = [f"{participant} is suspended; `salus participant reinstate` ends it"]
    output.emit({"suspended": participant}, lines)


def reinstate(
    participant: Who,
    member: Member = None,
    passphrase_file: Passphrase = None,
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
    decision: Decision = None,
) -> None:
    """The Council lets a suspended institution go on. Example: salus participant reinstate hospital-a"""
    _vote(participant, "reinstate", Voters(member or (), passphrase_file), Place(rpc, deployment), decision)
    output.emit({"reinstated": participant}, [f"{participant} may go on"])


def add(institution: Institution) -> None:
    """Make a new operator account and let it act; its keystore lies with the others."""
    with _opened() as (world, chain):
        keys, number = world.keys, 1
        while keys.account_file(name := f"{institution}.operator-{number}").exists():
            number += 1
        operator = keystore.create(keys.account_file(name), keys.passphrase, os.urandom, keystore.LIGHT)
        principal = chain.writer([keys.signer(f"{institution}.operator")])
        deadline = chain.reader.head().timestamp + _ACCEPTANCE_SECONDS
        add_operator(world.ids[institution], operator, deadline, principal, chain.reader)
        file = str(keys.account_file(name))
    value = {"operator": operator.address, "keystore": file}
    output.emit(value, [f"{operator.address} acts for {institution}; keystore {file}"])


def remove(institution: Institution, account: Account) -> None:
    """End an operator account for good, at once: what it signs from the next block on is refused."""
    with _opened() as (world, chain):
        participant, operator = world.ids[institution], read_address(account)
        if chain.reader.operator_of(operator, chain.reader.head()) != participant:
            raise InputError(f"{account} is no operator of {institution}: `salus participant list` shows them")
        principal = world.keys.signer(f"{institution}.operator")
        if operator == principal.address:
            raise ConflictError(
                "this is the principal's own account: the Council replaces it (appointPrincipal)",
                advice=f"If it is suspect, have the Council stop all of it: `salus participant suspend {institution}`.",
            )
        chain.writer([principal]).send(ContractCall(_REGISTRY, "removeOperator", (participant, operator)))
    output.emit({"removed": account}, [f"{account} acts for {institution} no more"])


def require_standing(participant: str, verb: str, status: ParticipantStatus) -> None:
    """Before any vote: what was voted for and can't be carried out now could be carried out later, unasked.

    Raises:
        ConflictError: the registry takes this decision only of an institution that stands otherwise.
    """
    needed = _ONLY_WHEN[verb]
    if status is not needed:
        raise ConflictError(
            f"{participant} is {status.name.lower()}: {verb} takes one that is {needed.name.lower()}; nobody voted",
            advice=f"`salus participant show {participant}` says how it stands now.",
        )


@contextmanager
def _opened() -> Iterator[tuple[World, Chain]]:
    with opened(Place()) as hall:
        if hall.world is None:  # never: without a place it is the world's
            raise SetupError("no world runs on this machine: `salus up` or `salus consortium up` starts one")
        yield hall.world, hall.chain


def _vote(participant: str, verb: str, voters: Voters, place: Place, decision: str | None) -> None:
    if voters.keystores and decision is None:
        raise InputError("members that vote apart name one decision: --decision TEXT, the same for all of them")
    salt = os.urandom(32) if decision is None else keccak(decision.encode())
    with opened(place) as hall:
        who = hall.participant(participant)
        require_standing(participant, verb, hall.membership(who).status)
        call = ContractCall(_REGISTRY, verb, (who,))
        if decide([call], salt, hall.chamber(voters)) is None:
            raise ConflictError(
                "this decision was carried out before: name a new one by --decision",
                advice=f"`salus participant show {participant}` says how it stands now.",
            )
