"""`salus participant …`: institutions and their operators in the world of `salus up`, by votes or by their principal.

On a consortium each party signs its own part: members of the Council vote from their own machines (`salus flows` take
partial votes), and a principal adds and removes operators with its own key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from cli import output
from cli.world.cast import Name
from cli.world.founding import chamber_in
from cli.world.layout import World
from cli.world.running import running_world
from salus.adapters.api_client import ApiClient
from salus.adapters.chain.connect import Chain, connect
from salus.adapters.keys import keystore
from salus.core.errors import ConflictError, InputError
from salus.core.ids import Address, read_address
from salus.core.ports import ContractCall
from salus.flows.admit import add_operator
from salus.flows.council import decide

_REGISTRY = "ParticipantRegistry"
_ACCEPTANCE_SECONDS = 3600
Institution = Annotated[Name, typer.Argument(help="Which institution.")]
Account = Annotated[str, typer.Argument(help="0x address of an operator account.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    participant = typer.Typer(help="Institutions, their standing and their operators.", no_args_is_help=True)
    participant.command("list")(listing)
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


def suspend(institution: Institution) -> None:
    """The Council votes an institution out for a time: no request, no release, no anchor of it is taken."""
    _vote(institution, "suspend")
    output.emit({"suspended": institution}, [f"{institution} is suspended; `salus participant reinstate` ends it"])


def reinstate(institution: Institution) -> None:
    """The Council lets a suspended institution go on."""
    _vote(institution, "reinstate")
    output.emit({"reinstated": institution}, [f"{institution} may go on"])


def add(institution: Institution) -> None:
    """Make a new operator account and let it act; its keystore lies with the others."""
    with _opened() as hall:
        keys, number = hall.world.keys, 1
        while keys.account_file(name := f"{institution}.operator-{number}").exists():
            number += 1
        operator = keystore.create(keys.account_file(name), keys.passphrase, os.urandom, keystore.LIGHT)
        principal = hall.chain.writer([keys.signer(f"{institution}.operator")])
        deadline = hall.chain.reader.head().timestamp + _ACCEPTANCE_SECONDS
        add_operator(hall.world.ids[institution], operator, deadline, principal, hall.chain.reader)
        file = str(keys.account_file(name))
    value = {"operator": operator.address, "keystore": file}
    output.emit(value, [f"{operator.address} acts for {institution}; keystore {file}"])


def remove(institution: Institution, account: Account) -> None:
    """End an operator account for good, at once: what it signs from the next block on is refused."""
    with _opened() as hall:
        participant, operator = hall.world.ids[institution], read_address(account)
        if hall.chain.reader.operator_of(operator, hall.chain.reader.head()) != participant:
            raise InputError(f"{account} is no operator of {institution}: `salus participant list` shows them")
        principal = hall.world.keys.signer(f"{institution}.operator")
        if operator == principal.address:
            raise ConflictError("this is the principal's own account: the Council replaces it (appointPrincipal)")
        hall.chain.writer([principal]).send(ContractCall(_REGISTRY, "removeOperator", (participant, operator)))
    output.emit({"removed": account}, [f"{account} acts for {institution} no more"])


@dataclass(frozen=True, slots=True)
class _Hall:
    world: World
    chain: Chain


@contextmanager
def _opened() -> Iterator[_Hall]:
    world = running_world()
    deployment = json.loads(world.deployment_file.read_bytes())
    chain = connect(world.chain_url, Address(deployment["contracts"]["Council"][-1]["address"]))
    try:
        yield _Hall(world, chain)
    finally:
        chain.close()


def _vote(institution: Name, verb: str) -> None:
    with _opened() as hall:
        call = ContractCall(_REGISTRY, verb, (hall.world.ids[institution],))
        decide([call], os.urandom(32), chamber_in(hall.chain, hall.world.keys))
