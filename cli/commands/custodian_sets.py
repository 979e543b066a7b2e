"""`salus custodian sets | form-set`: which custodians hold shares together, as the Council decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from cli import output
from cli.commands.participant_joining import DeploymentFile, Member, Passphrase, Rpc
from cli.participant import hall
from salus.core.errors import InputError, NotFoundError
from salus.core.ids import ParticipantId, hex32
from salus.core.policy import ParticipantRole
from salus.core.ports import ChainReader
from salus.core.state import CustodianSet
from salus.flows.admit import form_custodian_set

LEAST, MOST = 2, 16
"""Members of a set, as the registry has it."""
Members = Annotated[
    list[str], typer.Argument(help="Custodians in order: participant ids (0x…), or short names of the world's.")
]


def add_to(custodian: typer.Typer) -> None:
    """Add the commands to their noun."""
    custodian.command("sets")(sets)
    custodian.command("form-set")(form)


def sets(rpc: Rpc = None, deployment: DeploymentFile = None) -> None:
    """Custodian sets on chain: number, how many members join a key, and who they are. Example: salus custodian sets"""
    with hall.opened(hall.Place(rpc, deployment)) as place:
        names = {} if place.world is None else {one: str(name) for name, one in place.world.ids.items()}
        rows = [
            {
                "set": number,
                "threshold": found.threshold,
                "members": [hex32(one) for one in found.members],
                "who": ", ".join(names.get(one, hex32(one)) for one in found.members),
            }
            for number, found in sets_of(place.chain.reader)
        ]
    output.emit_table(rows, {"set": "set", "threshold": "join a key", "who": "members"}, "no set has been formed")


def form(
    members: Members,
    threshold: Annotated[int, typer.Option(min=LEAST, help="How many of them join a key.")] = LEAST,
    member: Member = None,
    passphrase_file: Passphrase = None,
    rpc: Rpc = None,
    deployment: DeploymentFile = None,
) -> None:
    """The Council forms a custodian set; on a consortium each member runs this, and the last vote carries it out.

    A set never changes: to replace a member, form another (docs/runbook.md, Replacing a custodian). An equal set that
    stands is told. Example: salus custodian form-set custodian-1 custodian-2 0x… --threshold 2
    """
    with hall.opened(hall.Place(rpc, deployment)) as place:
        wanted = CustodianSet(tuple(place.participant(one) for one in members), threshold)
        require_custodians(wanted, members, place)
        number = form_custodian_set(
            wanted, place.chamber(hall.Voters(member or (), passphrase_file)), place.chain.reader
        )
    value = {"set": number, "threshold": threshold, "members": [hex32(one) for one in wanted.members]}
    lines = [
        f"custodian set {number}: any {threshold} of {len(wanted.members)} join a key",
        f"at each source: SALUS_ORACLE_CUSTODIAN_SET={number}, addresses in SALUS_ORACLE_CUSTODIANS, then start it",
    ]
    output.emit(value, lines)


def sets_of(reader: ChainReader) -> Iterator[tuple[int, CustodianSet]]:
    """All sets by number, at the newest block."""
    head, number = reader.head(), 1
    while True:
        try:
            yield number, reader.custodian_set(number, head)
        except NotFoundError:
            return
        number += 1


def require_custodians(wanted: CustodianSet, typed: Sequence[str], place: hall.Hall) -> None:
    """Check what the registry would refuse without a word on which member is wrong.

    Raises:
        InputError: too few or many, one twice, one that is no custodian or has the encryption key of another.
    """
    count = len(wanted.members)
    if not LEAST <= count <= MOST or wanted.threshold > count:
        raise InputError(f"a set has {LEAST} to {MOST} members, and a threshold of {LEAST} up to all of them")
    keys: dict[bytes, str] = {}
    seen: set[ParticipantId] = set()
    for name, one in zip(typed, wanted.members, strict=True):
        if one in seen:
            raise InputError(f"{name} is named twice")
        seen.add(one)
        found = place.membership(one)
        if not found.roles & ParticipantRole.CUSTODY:
            raise InputError(f"{name} is no custodian: the Council gives the role by `salus participant renew --roles`")
        if not any(found.encryption_key) or found.encryption_key in keys:
            other = keys.get(found.encryption_key)
            raise InputError(f"{name} has no encryption key" if other is None else f"{name} has the key of {other}")
        keys[found.encryption_key] = name
